"""Every claim is shown: a case has a bad resource that the policy finds, for each part of the control that it claims.

The case counts only if its parameters are values with which the claim is true. That the policy finds the resource is
what `test_cases.py` and `test_realtime.py` run; here the parts that the cases show are compared with what
`metadata.controls` claims. The parts of a control are in its catalogue (`controls/README.md`).
"""
from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from guardrails.cases.claims import Parts, parts_of, unclaimed, unshown
from guardrails.policies.catalogue import load_catalogues

from .harness import Case, cases, policies


@cache
def known_parts() -> Parts:
    """The parts of the controls in our catalogues."""
    return parts_of(load_catalogues())


@pytest.mark.parametrize("name", list(policies()))
def test_every_claim_is_shown(name: str) -> None:
    _, policy = policies()[name]
    own = [case for case in cases("config-rule", "periodic", "realtime") if case.policy["name"] == name]
    problems = [*unshown(policy["metadata"], own, known_parts()), *unclaimed(policy["metadata"], own, known_parts())]
    assert not problems, "add a case, or say in metadata.controls what the policy does not check (docs/frameworks.md)"


def test_a_part_means_the_same_in_every_catalogue() -> None:
    texts: dict[str, set[str]] = {}
    for catalogue in load_catalogues().values():
        for requirement in catalogue.requirements:
            for part, text in requirement.parts.items():
                texts.setdefault(part, set()).add(text)
    assert len(texts) > 1
    assert not {part: found for part, found in texts.items() if len(found) > 1}


PARTS = {("bank", "2"): ["length", "digits"]}
PARAMETERS = {"length": 14}


def case(name: str = "c", **fields: Any) -> Case:
    return Case({"name": "p"}, name, [], **fields)


@pytest.mark.parametrize(("claim", "own", "problems"), [
    # A control without parts needs one bad resource.
    ("1", [case(match=["x"])], []),
    ("1", [case(passes=["x"])], ["bank 1: no case has a bad resource and parameters with which the claim is true"]),
    ("1", [], ["bank 1: no case has a bad resource and parameters with which the claim is true"]),
    # A control with parts needs one for each of them.
    ("2", [case(match=["x"], shows=["length", "digits"])], []),
    ("2", [case(match=["x"], shows=["length"]), case(match=["y"], shows=["digits"])], []),
    ("2", [case(match=["x"], shows=["length"])], ["bank 2: no case shows digits"]),
    ("2", [case(match=["x"])], ["bank 2: no case shows length", "bank 2: no case shows digits"]),
    ("2", [case(match=["x"], shows=["length"]), case(passes=["y"], shows=["digits"])],
     ["bank 2: no case shows digits"]),
    # The parts that the claim names are all that it needs.
    ({"id": "2", "parts": ["digits"]}, [case(match=["x"], shows=["digits"])], []),
    ({"id": "2", "parts": ["digits"]}, [case(match=["x"], shows=["length"])], ["bank 2: no case shows digits"]),
    # A partial claim shows a part.
    ({"id": "2", "partial": "old passwords"}, [case(match=["x"], shows=["digits"])], []),
    ({"id": "2", "partial": "old passwords"}, [case(match=["x"])], ["bank 2: no case shows any of its parts"]),
    ({"id": "1", "partial": "old passwords"}, [case(match=["x"])], []),
    # A case counts only with parameters with which the claim is true.
    ({"id": "1", "when": {"length": {"min": 14}}}, [case(match=["x"])], []),
    ({"id": "1", "when": {"length": {"min": 14}}}, [case(match=["x"], vars={"length": 8})],
     ["bank 1: no case has a bad resource and parameters with which the claim is true"]),
    ({"id": "1", "when": {"length": {"min": 20}}}, [case(match=["x"], vars={"length": 20})], []),
    ({"id": "2", "when": {"length": {"min": 14}}},
     [case(match=["x"], shows=["length"]), case(match=["x"], shows=["digits"], vars={"length": 8})],
     ["bank 2: no case shows digits"]),
])
def test_what_is_not_shown(claim: Any, own: list[Case], problems: list[str]) -> None:
    assert unshown({"parameters": PARAMETERS, "controls": {"bank": [claim]}}, own, PARTS) == problems


@pytest.mark.parametrize(("claim", "own", "problems"), [
    ("2", [case(match=["x"], shows=["length"])], []),
    ("2", [case(match=["x"], shows=["lenght"])], ["p: c: the policy claims no control with the part lenght"]),
    ("1", [case(match=["x"], shows=["length"])], ["p: c: the policy claims no control with the part length"]),
    ({"id": "2", "parts": ["digits"]}, [case(match=["x"], shows=["length"])],
     ["p: c: the policy claims no control with the part length"]),
    ("2", [case(passes=["x"], shows=["length"])], ["p: c: without a bad resource it shows nothing"]),
])
def test_what_no_claim_needs(claim: Any, own: list[Case], problems: list[str]) -> None:
    assert list(unclaimed({"controls": {"bank": [claim]}}, own, PARTS)) == problems
