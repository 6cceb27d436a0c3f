"""Catalogues: every requirement once, nothing that leads nowhere, and errors that say where."""
from __future__ import annotations

from pathlib import Path

import pytest

from guardrails.errors import GuardrailsError
from guardrails.paths import ROOT
from guardrails.policies.catalogue import load_catalogues
from guardrails.policies.frameworks import covering, dangling
from guardrails.policies.policy import load

EXAMPLES = ROOT / "examples" / "controls"
HEAD = "title: T\nversion: '1'\npublisher: P\nsource: https://example.com\nwhole: true\nrequirements:\n"


def write(place: Path, name: str, *requirements: str, head: str = HEAD) -> Path:
    """A catalogue of these requirements, one a line, the first in line 7; returns its directory."""
    file = place / f"{name}.yml"
    file.write_text(head + "".join(f"- {requirement}\n" for requirement in requirements), encoding="utf-8")
    return place


@pytest.mark.parametrize(("name", "total", "automatable", "whole"), [
    # The totals and the assessments are those that the publishers' own documents have.
    ("cis-aws-5.0", 63, 35, True),
    ("cis-aws-7.0", 70, 34, True),
    ("iso-27001-2022", 93, None, True),
    ("pci-dss-4.0", 107, None, False),
    ("aws-fsbp", 369, 369, True),
    ("cis-aws-6.0", 63, 35, True),
    ("securityhub-other", 45, 45, False),
])
def test_our_catalogues_are_complete(name: str, total: int, automatable: int | None, whole: bool) -> None:
    catalogue = load_catalogues()[name]
    assert (len(catalogue.requirements), catalogue.whole) == (total, whole)
    assert whole or catalogue.note
    if automatable is not None:
        assert sum(requirement.automatable for requirement in catalogue.requirements) == automatable


def test_each_requirement_has_an_id_of_its_own() -> None:
    assert {"1.1", "1.10", "1.2", "1.20"} <= load_catalogues()["cis-aws-5.0"].by_id.keys()


def test_what_a_policy_covers_could_be_automated_or_is_left_to_a_person_by_cis() -> None:
    """Of the other frameworks, `automatable` says that there is a technical witness: a policy is one."""
    catalogues = load_catalogues([EXAMPLES])
    covered = covering(catalogues, {policy.name: policy for policy in load()})
    assert [
        (name, requirement.id) for name, catalogue in catalogues.items() for requirement in catalogue.requirements
        if covered[name][requirement.id].policies and not requirement.automatable and not name.startswith("cis-aws-")
    ] == []


def test_catalogues_name_policies_that_are_there() -> None:
    assert dangling(load_catalogues([EXAMPLES]), {policy.name for policy in load()}) == []


def test_the_example_shows_every_way_to_cover_a_requirement() -> None:
    catalogues = load_catalogues([EXAMPLES])
    covered = covering(catalogues, {policy.name: policy for policy in load()})["example-bank"]
    assert "iam-mfa-for-console-access" in covered["IAM-01"].policies  # same_as
    assert "iam-role-no-full-star" in covered["IAM-03"].policies  # a glob
    assert covered["NET-03"].policies == covered["RES-01"].policies == ()
    assert catalogues["example-bank"].by_id["NET-03"].automatable
    assert not catalogues["example-bank"].by_id["RES-01"].automatable


A = '{id: "1", title: A, automatable: true}'


@pytest.mark.parametrize(("requirement", "what"), [
    (A, r"bank\.yml:8: duplicate id 1; the other one is in line 7"),
    ("{id: 1.10, title: B, automatable: true}", r"bank\.yml:8: the id must be a string, got 1\.1"),
    ('{id: "2", title: B}', r"bank\.yml:8: 2: `automatable` must be true or false"),
    ('{id: "2", automatable: true}', r"bank\.yml:8: title is missing or empty"),
    ('{id: "2", title: B, automatable: true, polices: []}', r"bank\.yml:8: unknown key polices"),
    ('{id: "2", title: B, automatable: true, policies: x}', r"bank\.yml:8: policies must be a list of strings"),
    ('{id: "2", title: B, automatable: true, severity: urgent}', r"bank\.yml:8: unknown severity urgent"),
    ('{id: "2", title: B, automatable: true, same_as: {bnk: []}}', r"bank\.yml:8: 2: same_as: unknown framework"),
    ('{id: "2", title: B, automatable: true, same_as: {bank: ["3"]}}', r"bank\.yml:8: 2: .*bank has no requirement 3"),
    ("just text", r"bank\.yml:8: a requirement must be a mapping"),
])
def test_an_error_says_where(tmp_path: Path, requirement: str, what: str) -> None:
    with pytest.raises(GuardrailsError, match=what) as caught:
        load_catalogues(base=write(tmp_path, "bank", A, requirement))
    assert caught.value.fix


@pytest.mark.parametrize(("text", "what"), [
    ("- {id: '1', title: A}\n", r"bank\.yml:1: not a catalogue"),
    (HEAD.replace("whole: true\n", "") + f"- {A}\n", r"bank\.yml:1: `whole` must be true or false"),
    (HEAD.replace("'1'", "1.0") + f"- {A}\n", r"bank\.yml:2: version must be a string, got 1\.0"),
    (HEAD.replace("title: T\n", "") + f"- {A}\n", r"bank\.yml:1: title is missing or empty"),
    ("titel: T\n" + HEAD + f"- {A}\n", r"bank\.yml:1: unknown key titel"),
    ("title: [\n", r"bank\.yml:1: invalid YAML"),
    (HEAD + "  []\n", r"bank\.yml:6: the list of requirements is empty"),
])
def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "bank.yml").write_text(text, encoding="utf-8")
    with pytest.raises(GuardrailsError, match=what) as caught:
        load_catalogues(base=tmp_path)
    assert caught.value.fix


def test_a_framework_comes_once(tmp_path: Path) -> None:
    write(tmp_path, "aws-fsbp", A)
    with pytest.raises(GuardrailsError, match=r"aws-fsbp\.yml:1: duplicate framework aws-fsbp"):
        load_catalogues([tmp_path])
    assert load_catalogues([tmp_path, tmp_path], base=tmp_path).keys() == {"aws-fsbp"}


def test_a_directory_without_catalogues_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GuardrailsError, match=r"no \*\.yml or \*\.yaml file"):
        load_catalogues([tmp_path])
