"""The outcome of a fix, from its receipt and from the sweep after it."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guardrails.accounts.account import Account, Accounts
from guardrails.errors import GuardrailsError
from guardrails.policies.policy import Policy
from guardrails.results.finding import Finding
from guardrails.results.state import State
from guardrails.results.store import UnknownResource
from guardrails.runs.accounting import Check
from guardrails.runs.heal import FixOutcome, Heal, fixes, refuse_more_than
from guardrails.runs.sweeps import Sweep, SweepPlan
from guardrails.yamlfile import YamlFile

RED = Account("111111111111", "red", ("eu-west-1",))
POLICY = Policy({"name": "cached", "resource": "aws.rest-stage"}, YamlFile(Path("p.yml"), {}, None), 0)
ARN = "arn:aws:apigateway:eu-west-1::/restapis/a1/stages/prod"
STAGE = {"restApiId": "a1", "stageName": "prod"}
FINDING = Finding(
    account=RED.id, account_name=RED.name, region="eu-west-1", policy="cached", resource_type="aws.rest-stage",
    resource="a1/prod", arn=ARN, severity="high", title="t", response="encrypt")


def swept(
    state: State, *, receipts: tuple[Mapping[str, Any], ...] = (), drift: bool = False, unknown: str = ""
) -> Sweep:
    check = Check(POLICY, RED, "eu-west-1", state, "why", (STAGE,) if drift else (), receipts, True,
                  (UnknownResource(unknown, "denied"),) if unknown else ())
    return Sweep(SweepPlan([POLICY], Accounts((RED,), ())), (check,))


@pytest.mark.parametrize("name", ["a1/prod", ARN])
def test_a_receipt_names_what_it_fixed_by_id_or_by_arn(name: str) -> None:
    receipt = {"account": RED.id, "resource": name, "outcome": "reverted"}
    [fix] = fixes([FINDING], swept(State.RAN, receipts=(receipt,)), swept(State.RAN))
    assert (fix.outcome, fix.outcome.done) == ("reverted", True)


@pytest.mark.parametrize(("after", "outcome"), [
    (swept(State.RAN), "fixed"), (swept(State.RAN, drift=True), "still-there"), (swept(State.DENIED), "unknown"),
    (swept(State.PARTIAL, unknown="a2/prod"), "fixed"), (swept(State.PARTIAL, unknown="a1/prod"), "unknown"),
])
def test_without_a_receipt_the_second_sweep_tells(after: Sweep, outcome: str) -> None:
    [fix] = fixes([FINDING], swept(State.RAN), after)
    assert fix.outcome == outcome


def test_what_is_found_again_is_not_gone_whatever_the_receipt_says() -> None:
    receipt = {"account": RED.id, "resource": ARN, "outcome": "reverted"}
    [fix] = fixes([FINDING], swept(State.RAN, receipts=(receipt,)), swept(State.RAN, drift=True))
    assert (fix.outcome, fix.outcome.done) == ("still-there", False)


def test_a_receipt_of_drift_that_no_finding_had_is_contradicted_too() -> None:
    receipt = {"account": RED.id, "resource": ARN, "outcome": "reverted"}
    [gone] = fixes([], swept(State.RAN, receipts=(receipt,)), swept(State.RAN))
    assert (gone.resource, gone.outcome) == (ARN, "reverted")
    [again] = fixes([], swept(State.RAN, receipts=(receipt,)), swept(State.RAN, drift=True))
    assert again.outcome is FixOutcome.STILL_THERE


def test_a_receipt_with_an_outcome_that_we_do_not_know_is_no_success() -> None:
    receipt = {"account": RED.id, "resource": ARN, "outcome": "perhaps"}
    [fix] = fixes([FINDING], swept(State.RAN, receipts=(receipt,)), swept(State.RAN))
    assert fix.outcome is FixOutcome.UNKNOWN
    assert "perhaps" in fix.reason


@pytest.mark.parametrize(("outcome", "after", "complete", "headline"), [
    ("reverted", swept(State.RAN), True, "COMPLETE: 1 of 1 findings fixed"),
    ("refused", swept(State.RAN, drift=True), True, "COMPLETE: 0 of 1 findings fixed, 1 refused"),
    ("partial", swept(State.RAN), False, "INCOMPLETE: 0 of 1 findings fixed, 1 partial"),
    ("reverted", swept(State.RAN, drift=True), False, "INCOMPLETE: 0 of 1 findings fixed, 1 still-there"),
    ("reverted", swept(State.DENIED), False, "INCOMPLETE: 1 of 1 findings fixed, 1 checks did not complete"),
])
def test_a_heal_is_complete_when_everything_ran_and_no_fix_failed(
    outcome: str, after: Sweep, complete: bool, headline: str
) -> None:
    receipt = {"account": RED.id, "resource": ARN, "outcome": outcome}
    heal = Heal([FINDING], swept(State.RAN, drift=True), swept(State.RAN, receipts=(receipt,)), after)
    assert (heal.complete, heal.headline()) == (complete, headline)
    assert heal.receipts == [receipt]


def test_every_outcome_is_done_or_failed_or_refused() -> None:
    assert [outcome for outcome in FixOutcome if outcome.done == outcome.failed] == [FixOutcome.REFUSED]


def test_more_than_the_limit_is_refused_before_anything_is_changed() -> None:
    several = [replace(FINDING, resource=f"sg-{number}") for number in range(3)]
    refuse_more_than(3, several)
    with pytest.raises(GuardrailsError, match="3 resources would be changed, but the limit is 2: nothing was changed"):
        refuse_more_than(2, several)
