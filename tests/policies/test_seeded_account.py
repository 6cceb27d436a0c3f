"""One account with the resources of all cases at once: `audit` finds exactly the bad ones.

Every case makes its resources in the same account, under names of its own. Then the audit that users run sweeps the
account, and of the resources that a case names, its policy must report the bad ones and no other. These cases are not
among them, because they say what holds for a whole account: cases of the account itself, with parameters of their own,
of profiles (which are off), with answers that AWS gives, and those that change a setting of the account.
"""
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from c7n import utils

from tests.guardrails.conftest import guardrails
from tests.moto_server import Moto

from .harness import Case, World, cases, loaded
from .recorded import model

NAMES = re.compile(r"(?<!Engine)(?<!Type)(Name|Identifier|CreationToken|family)$")
"""Parameters that name what a call makes, and not something of AWS."""
REFERENCE = "CallerReference"
WORDS = re.compile(
    r"(?i)(engine|type|mode|zone|protocol|value|runtime|tokens|endpoint|masterusername|platformidentifier)$")
"""Parameters whose values are words of AWS, also where a resource of the case has such a word as its name."""


def of_account(case: Case) -> bool:
    """Whether what the case says holds for a whole account."""
    calls = [next(iter(step)) for step in case.make if isinstance(step, dict)]
    return case.policy["resource"] == "aws.account" or bool(case.vars) or any(
        call.startswith(("ecr.put_registry_", "s3control.")) for call in calls)


ALL = cases("config-rule", "periodic")
ANSWERED = {case.policy["name"] for case in ALL for step in case.make if "answer" in step}
"""Policies that call what the local AWS knows only by the answers of cases."""
CASES = [case for case in ALL if not of_account(case) and case.policy["name"] not in ANSWERED
         and not loaded()[case.policy["name"]].metadata.get("profile")]


def own_names(case: Case, number: int) -> Case:
    """The case with a number behind each name that it gives a resource."""
    kept = {name for step in case.make if isinstance(step, dict) for name in step.get("keep") or ()}
    names = {name for name in (*case.match, *case.passes) if name not in kept}
    for step in case.make:
        for call, parameters in step.items() if isinstance(step, dict) else ():
            if call.partition(".")[2].startswith(("create_", "register_")):
                names |= set(named(parameters))
    names = {name for name in names - {"default"} if re.fullmatch(r"[\w.-]+", name)}
    if not names:
        return case
    # Longer names first, and not in a placeholder such as {bad}.
    listed = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    pattern = re.compile(r"(?<![\w{-])(" + listed + r")(?![\w}-])")

    def renamed(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: each if name == "keep" else renamed(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return [renamed(each, key) for each in value]
        return pattern.sub(rf"\1-{number}", value) if isinstance(value, str) and not WORDS.search(key) else value

    def ids(listed: list[str]) -> list[str]:
        return [name if name in kept else renamed(name) for name in listed]

    return replace(case, make=renamed(case.make), match=ids(case.match), passes=ids(case.passes))


def named(parameters: Any) -> Iterator[str]:
    """The names in the parameters of a call."""
    for key, value in parameters.items():
        if isinstance(value, str) and NAMES.search(key):
            yield value
        elif isinstance(value, dict) and REFERENCE in value:
            yield value[REFERENCE]


@pytest.fixture(scope="module")
def account(
    moto_server: Moto, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, tuple[set[str], set[str]]], Path]]:
    """The bad and the good resources of each case, by their ids, and the directory of the audit."""
    out, moto = tmp_path_factory.mktemp("seeded") / "audit", moto_server
    made = {}
    moto.reset()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in moto.environment().items():
            patch.setenv(name, value)
        patch.chdir(out.parent)
        utils.reset_session_cache()
        for number, case in enumerate(CASES):
            own = own_names(case, number)
            world = World(moto.client)
            world.do(own.make)
            made[case.where] = set(world.ids(own.match)), set(world.ids(own.passes))
        audited = guardrails("audit", "-o", out)
        assert audited.exit_code == 2, audited.output
        yield made, out
        utils.reset_session_cache()
    moto.reset()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_audit_finds_exactly_the_bad_ones(
    case: Case, account: tuple[dict[str, tuple[set[str], set[str]]], Path]
) -> None:
    made, out = account
    bad, good = made[case.where]
    found = matched(out, case.policy)
    assert found & (bad | good) == bad


def matched(out: Path, policy: Any) -> set[str]:
    """The ids of the resources that a policy matched in the audit."""
    [file] = out.glob(f"c7n-org/output/*/*/{policy['name']}/resources.json")
    return {str(resource[model(policy).id]) for resource in json.loads(file.read_text(encoding="utf-8"))}


def test_every_check_was_complete(account: tuple[dict[str, tuple[set[str], set[str]]], Path]) -> None:
    report = json.loads((account[1] / "report.json").read_text(encoding="utf-8"))
    assert {run["policy"] for run in report["runs"] if run["state"] not in ("ran", "skipped")} <= ANSWERED
    assert report["checks"]["ran"] > len({case.policy["name"] for case in CASES})
