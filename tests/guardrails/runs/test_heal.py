"""How a fix ended: by its receipt, and by what the sweep after it saw."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from guardrails.accounts.account import Account, Accounts
from guardrails.policies.policy import Policy
from guardrails.results.finding import Finding
from guardrails.results.state import State
from guardrails.runs.accounting import Check
from guardrails.runs.heal import fixes
from guardrails.runs.sweeps import Plan, Sweep
from guardrails.yamlfile import YamlFile

RED = Account("111111111111", "red", ("eu-west-1",))
POLICY = Policy({"name": "cached", "resource": "aws.rest-stage"}, YamlFile(Path("p.yml"), {}, None), 0)
ARN = "arn:aws:apigateway:eu-west-1::/restapis/a1/stages/prod"
STAGE = {"restApiId": "a1", "stageName": "prod"}
FINDING = Finding(
    account=RED.id, account_name=RED.name, region="eu-west-1", policy="cached", resource_type="aws.rest-stage",
    resource="a1/prod", arn=ARN, severity="high", title="t", response="encrypt")


def swept(state: State, *, receipts: tuple[Mapping[str, Any], ...] = (), drift: bool = False) -> Sweep:
    check = Check(POLICY, RED, "eu-west-1", state, "why", (STAGE,) if drift else (), receipts, True)
    return Sweep(Plan([POLICY], Accounts((RED,), ())), (check,))


@pytest.mark.parametrize("name", ["a1/prod", ARN])
def test_a_receipt_names_what_it_fixed_by_id_or_by_arn(name: str) -> None:
    receipt = {"account": RED.id, "resource": name, "outcome": "reverted"}
    [fix] = fixes([FINDING], swept(State.RAN, receipts=(receipt,)), swept(State.RAN))
    assert (fix.outcome, fix.done) == ("reverted", True)


@pytest.mark.parametrize(("after", "outcome"), [
    (swept(State.RAN), "fixed"), (swept(State.RAN, drift=True), "still-there"), (swept(State.DENIED), "unknown"),
])
def test_without_a_receipt_the_second_sweep_tells(after: Sweep, outcome: str) -> None:
    [fix] = fixes([FINDING], swept(State.RAN), after)
    assert fix.outcome == outcome


def test_what_is_found_again_is_not_gone_whatever_the_receipt_says() -> None:
    receipt = {"account": RED.id, "resource": ARN, "outcome": "reverted"}
    [fix] = fixes([FINDING], swept(State.RAN, receipts=(receipt,)), swept(State.RAN, drift=True))
    assert (fix.outcome, fix.done) == ("still-there", False)
