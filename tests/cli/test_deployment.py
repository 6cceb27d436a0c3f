"""How a deployment ended, from what c7n and Lambda say of each function."""
from __future__ import annotations

from pathlib import Path

import pytest

from guardrails.accounting import Check, State
from guardrails.accounts import Account
from guardrails.deployment import Function, outcomes
from guardrails.policies import Policy
from guardrails.yamlfile import YamlFile

RED = Account("111111111111", "red", ("us-east-1",))
DATA = {"name": "x", "resource": "aws.s3", "mode": {"type": "cloudtrail"}}
POLICY = Policy(DATA, YamlFile(Path("p.yml"), {}, None), 0)
KEY = (RED.name, "us-east-1", "x")
GONE, OLD, NEW = Function(False), Function(True, "1"), Function(True, "2")


@pytest.mark.parametrize(("state", "started", "before", "after", "expected"), [
    (State.RAN, True, GONE, NEW, "created"),
    (State.RAN, True, OLD, NEW, "updated"),
    (State.RAN, True, OLD, OLD, "unchanged"),
    (State.RAN, True, GONE, GONE, "failed"),
    (State.DENIED, True, OLD, OLD, "failed"),
    # A profile that nobody chose is no failure; a function of it that still runs is one.
    (State.SKIPPED, False, GONE, GONE, "off"),
    (State.SKIPPED, False, OLD, OLD, "failed"),
    (State.NOT_RUN, False, GONE, GONE, "failed"),
])
def test_outcome(state: State, started: bool, before: Function, after: Function, expected: str) -> None:
    check = Check(POLICY, RED, "us-east-1", state, "why", started=started)
    [ended] = outcomes([check], {KEY: before}, {KEY: after})
    assert (ended.outcome, ended.failed) == (expected, expected == "failed")
