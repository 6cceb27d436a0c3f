"""Every realtime policy, deployed, run from its archive, and answering real changes.

All are in force at once, with functions that they share (`deploy --grouped`). One policy of each resource type and each
kind of fix is deployed by plain custodian too, with a function of its own.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from guardrails.cases.deployed import DeployedAccount
from guardrails.cases.outcome import attempt
from guardrails.policies import Policy
from guardrails.sandbox import Sandbox

from .harness import Case, cases, loaded, policies, representatives, selected

NAMES = [name for name, (mode, _) in policies().items() if mode == "realtime"]
# What other parameters than the defaults decide is for test_realtime_decisions: the functions are deployed once.
CASES = [case for case in cases("realtime") if not case.vars]
ALONE = [next(case for case in CASES if case.policy["name"] == name) for name in representatives("realtime")]


@pytest.fixture(scope="module")
def grouped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedAccount]:
    directory = tmp_path_factory.mktemp("grouped")
    with Sandbox.start(directory=directory / "sandbox") as sandbox:
        account = DeployedAccount(sandbox, _policies(request, "grouped", NAMES))
        account.deploy_grouped(directory)
        yield account


@pytest.fixture(scope="module")
def alone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedAccount]:
    directory = tmp_path_factory.mktemp("alone")
    with Sandbox.start(directory=directory / "sandbox") as sandbox:
        account = DeployedAccount(sandbox, _policies(request, "alone", [case.policy["name"] for case in ALONE]))
        account.deploy(directory)
        yield account


def _policies(request: pytest.FixtureRequest, fixture: str, names: Iterable[str]) -> list[Policy]:
    """Those of the policies that the selected tests are about."""
    chosen = selected(request, __file__, "case", fixture)
    of = None if chosen is None else {case.policy["name"] for case in chosen}
    return [loaded()[name] for name in names if of is None or name in of]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case, grouped: DeployedAccount) -> None:
    _, result = attempt(case, lambda: grouped.run(case))
    assert not result.failure, str(result.failure)


@pytest.mark.parametrize("case", ALONE, ids=str)
def test_a_function_of_its_own(case: Case, alone: DeployedAccount) -> None:
    _, result = attempt(case, lambda: alone.run(case))
    assert not result.failure, str(result.failure)


def test_every_realtime_policy_is_deployed(grouped: DeployedAccount) -> None:
    rules = {rule["Name"] for page in grouped.client("events").get_paginator("list_rules").paginate()
             for rule in page["Rules"]}
    assert rules >= {f"custodian-{name}" for name in NAMES}
    assert 1 <= len(grouped.functions) <= 4
