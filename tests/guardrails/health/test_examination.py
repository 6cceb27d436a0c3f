"""The report of an examination: its state is the worst of its verdicts."""
from __future__ import annotations

import json

import pytest

from guardrails.accounts.account import Account
from guardrails.health.examination import HealthReport, HealthRow
from guardrails.health.verdict import HealthState, HealthVerdict

RED, BLUE = Account("111111111111", "red", ("eu-west-1",)), Account("222222222222", "blue", ("eu-west-1",))
OK, BROKEN, UNKNOWN = HealthState


def report(*states: HealthState) -> HealthReport:
    return HealthReport(tuple(HealthRow(RED, "eu-west-1", "p", HealthVerdict("function", state)) for state in states))


@pytest.mark.parametrize(("states", "worst"), [
    ([OK], OK), ([OK, UNKNOWN, OK], UNKNOWN), ([UNKNOWN, OK, BROKEN], BROKEN), ([BROKEN, BROKEN], BROKEN), ([], OK),
])
def test_the_worst_verdict_decides(states: list[HealthState], worst: HealthState) -> None:
    found = report(*states)
    assert found.state is worst
    assert {state: number for state, number in found.counts.items() if number} == {
        state: states.count(state) for state in set(states)}


def test_functions_are_counted_once_in_each_place_and_regions_not_at_all() -> None:
    verdict = HealthVerdict("role", OK)
    found = HealthReport(tuple(HealthRow(account, region, subject, verdict) for account, region, subject in (
        (RED, "eu-west-1", "p"), (RED, "eu-west-1", "p"), (RED, "us-east-1", "p"), (BLUE, "eu-west-1", "p"),
        (RED, "eu-west-1", ""))))
    assert found.functions == 3


def test_a_row_is_json() -> None:
    [row] = report(BROKEN).rows
    assert json.loads(json.dumps(row.to_dict())) == {
        "account": RED.id, "account_name": "red", "region": "eu-west-1", "policy": "p", "check": "function",
        "state": "broken", "reason": "", "remedy": ""}
