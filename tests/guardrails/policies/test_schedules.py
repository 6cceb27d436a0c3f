"""How old an answer may be: two intervals of the policy's schedule."""
from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from guardrails.policies.policy import load
from guardrails.policies.schedules import good_for, is_scheduled
from tests.guardrails.runs.layout import policy


@pytest.mark.parametrize(("schedule", "hours"), [
    ("rate(1 day)", 48), ("rate(6 hours)", 12), ("rate(5 minutes)", 1), ("TwentyFour_Hours", 48), ("One_Hour", 2),
    ("cron(0 6 * * ? *)", 48), ("cron(0 6 ? * MON *)", 14 * 24), ("cron(0 6 ? * MON-FRI *)", 6 * 24),
    ("cron(0 6 ? * 2,5 *)", 8 * 24), ("cron(0 6 ? * FRI-MON *)", 8 * 24), ("cron(0 6 1 * ? *)", 62 * 24),
    ("cron(0 6 ? * 6L *)", 62 * 24), ("cron(0 6 1 1 ? *)", 732 * 24), ("", 48), ("what is this", 48),
])
def test_two_intervals(schedule: str, hours: int) -> None:
    data = policy().data
    one = replace(policy(), data={**data, "mode": {**data["mode"], "schedule": schedule}})
    assert good_for(one) == timedelta(hours=hours)


def test_what_runs_once_is_never_too_old() -> None:
    one = replace(policy(), data={"name": "p", "resource": "ebs", "mode": {
        "type": "schedule", "schedule": "at(2026-01-01T00:00:00)"}})
    assert good_for(one) is None


def test_every_policy_of_ours_that_runs_by_the_clock_has_a_schedule_that_is_understood() -> None:
    scheduled = [policy for policy in load() if is_scheduled(policy)]
    assert len(scheduled) > 20
    assert {good_for(policy) for policy in scheduled} <= {timedelta(hours=hours) for hours in (2, 12, 48)}
