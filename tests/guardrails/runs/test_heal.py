"""The outcome of a fix, from its receipt and from the sweep after it."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from guardrails.accounts.account import Account, Accounts
from guardrails.policies.policy import Policy
from guardrails.results.finding import Finding
from guardrails.results.state import State
from guardrails.results.store import UnknownResource
from guardrails.runs.accounting import Check
from guardrails.runs.fix_outcomes import Fix, FixOutcome, fixes, fixes_so_far, settled
from guardrails.runs.fix_rounds import FixRound
from guardrails.runs.heal_result import Heal
from guardrails.runs.sweeps import Sweep, SweepPlan
from guardrails.yamlfile import YamlFile

RED = Account("111111111111", "red", ("eu-west-1",))
POLICY = Policy({"name": "cached", "resource": "aws.rest-stage"}, YamlFile(Path("p.yml"), {}, None), 0)
ARN = "arn:aws:apigateway:eu-west-1::/restapis/a1/stages/prod"
STAGE = {"restApiId": "a1", "stageName": "prod"}
FINDING = Finding(
    account=RED.id, account_name=RED.name, region="eu-west-1", policy="cached", resource_type="aws.rest-stage",
    resource="a1/prod", arn=ARN, severity="high", title="t", response="encrypt")



def swept(state: State, *, drift: bool = False, unknown: str = "") -> Sweep:
    check = Check(POLICY, RED, "eu-west-1", state, "why", (STAGE,) if drift else (), (), True,
                  (UnknownResource(unknown, "denied"),) if unknown else ())
    return Sweep(SweepPlan([POLICY], Accounts((RED,), ())), (check,))


def recorded(*outcomes: str, name: str = ARN) -> list[FixRound]:
    """One round in which the resource got receipts with these outcomes."""
    receipts = [{"account": RED.id, "resource": name, "outcome": outcome, "reason": "r"} for outcome in outcomes]
    return [FixRound({(RED.id, "cached", name, "eu-west-1"): receipts} if receipts else {}, frozenset())]


def ended(rounds: list[FixRound], after: Sweep, findings: Sequence[Finding] = (FINDING,)) -> list[Fix]:
    return fixes(findings, rounds, swept(State.RAN), after, tried={finding.id for finding in findings})


@pytest.mark.parametrize("name", ["a1/prod", ARN])
def test_a_receipt_names_what_it_fixed_by_id_or_by_arn(name: str) -> None:
    [fix] = ended(recorded("reverted", name=name), swept(State.RAN))
    assert (fix.outcome, fix.outcome.done) == ("reverted", True)


@pytest.mark.parametrize(("after", "outcome"), [
    (swept(State.RAN), "fixed"), (swept(State.RAN, drift=True), "still-there"), (swept(State.DENIED), "unknown"),
    (swept(State.PARTIAL, unknown="a2/prod"), "fixed"), (swept(State.PARTIAL, unknown="a1/prod"), "unknown"),
])
def test_without_a_receipt_the_second_sweep_tells(after: Sweep, outcome: str) -> None:
    [fix] = ended(recorded(), after)
    assert fix.outcome == outcome


def test_what_is_found_again_is_not_gone_whatever_the_receipt_says() -> None:
    [fix] = ended(recorded("reverted"), swept(State.RAN, drift=True))
    assert (fix.outcome, fix.outcome.done) == ("still-there", False)


def test_a_receipt_of_drift_that_no_finding_had_is_contradicted_too() -> None:
    [gone] = ended(recorded("reverted"), swept(State.RAN), [])
    assert (gone.resource, gone.outcome) == (ARN, "reverted")
    [again] = ended(recorded("reverted"), swept(State.RAN, drift=True), [])
    assert again.outcome is FixOutcome.STILL_THERE


@pytest.mark.parametrize("outcome", ["perhaps", "still-there"])
def test_a_receipt_with_an_outcome_that_we_do_not_know_is_no_success(outcome: str) -> None:
    [fix] = ended(recorded(outcome), swept(State.RAN))
    assert fix.outcome is FixOutcome.UNKNOWN
    assert outcome in fix.reason


def test_the_worst_of_several_receipts_counts() -> None:
    [fix] = ended(recorded("reverted", "failed", "already-ok"), swept(State.RAN))
    assert fix.outcome is FixOutcome.FAILED


@pytest.mark.parametrize(("first", "second", "outcome", "left"), [
    ("interrupted", "reverted", "reverted", False),
    ("failed", "failed", "failed", True),
    ("reverted", None, "reverted", False),
    ("refused", None, "refused", False),
    # The second round read the resource, and found no drift any more.
    ("interrupted", None, "fixed", True),
])
def test_the_last_round_of_a_resumed_heal_decides(first: str, second: str | None, outcome: str, left: bool) -> None:
    rounds = [*recorded(first), *recorded(*filter(None, [second]))]
    tried = [] if first in ("reverted", "refused") else [FINDING.id]
    [fix] = fixes([FINDING], rounds, swept(State.RAN), swept(State.RAN), tried=tried)
    assert fix.outcome == outcome
    assert settled(FINDING, rounds) is not left


def test_what_was_not_reached_before_the_heal_was_stopped_was_not_tried() -> None:
    nothing = Sweep(SweepPlan([POLICY], Accounts((RED,), ())), ())
    [fix] = fixes([FINDING], recorded(), nothing, swept(State.RAN, drift=True), tried={FINDING.id}, stopped="limit")
    assert (fix.outcome, fix.reason, fix.outcome.failed) == ("not-tried", "limit", True)


def test_the_journals_tell_how_far_an_interrupted_heal_has_come() -> None:
    place = (RED.id, "eu-west-1", "cached")
    for rounds, outcome in (
        ([], "not-tried"), (recorded(), "not-tried"), ([FixRound({}, frozenset({place}))], "unknown"),
        (recorded("interrupted"), "interrupted"), ([*recorded("interrupted"), *recorded("reverted")], "reverted"),
    ):
        [fix] = fixes_so_far([FINDING], rounds)
        assert fix.outcome == outcome


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
    heal = Heal([FINDING], [], recorded(outcome), swept(State.RAN), after, frozenset({FINDING.id}))
    assert (heal.complete, heal.headline()) == (complete, headline)
    assert [receipt["outcome"] for receipt in heal.receipts] == [outcome]


def test_a_heal_that_was_stopped_or_whose_plan_is_outdated_is_not_complete() -> None:
    outdated = Fix.of(FINDING, FixOutcome.PLAN_OUTDATED, "changed")
    heal = Heal([], [], [], None, swept(State.RAN), others=[outdated])
    assert heal.headline() == "INCOMPLETE: 0 of 1 findings fixed, 1 plan-outdated"
    stopped = Heal([FINDING], [], recorded("reverted"), swept(State.RAN), swept(State.RAN), stopped="stopped: limit")
    assert stopped.headline() == "INCOMPLETE: 1 of 1 findings fixed, stopped: limit"


def test_every_outcome_is_done_or_failed_or_refused() -> None:
    assert [outcome for outcome in FixOutcome if outcome.done == outcome.failed] == [FixOutcome.REFUSED]
