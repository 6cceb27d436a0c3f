"""c7n-org's runner in this process gives what c7n-org gives: results, reasons, and nothing of it stays behind."""
from __future__ import annotations

import logging
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend

from guardrails.accounts import Accounts, find_accounts
from guardrails.policies import load
from guardrails.runs.c7n_org import AUDIT, run
from guardrails.runs.in_process import InProcess
from guardrails.runs.sweeps import Runner, SweepPlan, execute

from ..conftest import BLUE, RED, Cloud

POLICIES = """
policies:
- name: volumes
  resource: aws.ebs
- name: groups
  resource: aws.security-group
- name: elsewhere
  resource: aws.sns
  conditions: [{region: sa-east-1}]
- name: users
  resource: aws.iam-user
- name: keys
  resource: aws.kms-key
"""
Row = tuple[str, str, str, str, str, int, bool]


@pytest.fixture
def plan(cloud: Cloud, accounts_yml: Path, tmp_path: Path) -> SweepPlan:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "p.yml").write_text(POLICIES)
    cloud.client("iam", RED).create_user(UserName="ann")
    cloud.client("kms", RED).create_key()
    return SweepPlan(load(tmp_path / "policies"), find_accounts(accounts_yml, ["us-east-1"]))


def rows(plan: SweepPlan, directory: Path, runner: Runner) -> set[Row]:
    found: set[Row] = set()
    execute(plan.work(), AUDIT, directory, plan.accounts, lambda checks: found.update(
        # Clients that share responses retry in another mode, whose errors say so.
        (each.account.name, each.region, each.policy.name, each.state.value,
         each.reason.replace(" (reached max retries: 0)", ""), len(each.resources),
         each.counts is not None) for each in checks), runner=runner)
    return found


def test_results_and_reasons_are_those_of_c7n_org(
    cloud: Cloud, plan: SweepPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.no_users.add(BLUE)

    def fails(self: EC2Backend, *_: Any, **__: Any) -> None:
        raise EC2ClientError("InternalError", "not now")

    monkeypatch.setattr(EC2Backend, "describe_volumes", fails)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    apart, here = rows(plan, tmp_path / "apart", run), rows(plan, tmp_path / "here", InProcess())
    assert {row[3] for row in apart} == {"ran", "denied", "error", "skipped"}
    assert here == apart
    assert not list((tmp_path / "here").glob("log-*"))


def test_nothing_of_a_run_stays_in_the_process(plan: SweepPlan, tmp_path: Path) -> None:
    loggers = [logging.getLogger(name) for name in ("c7n_org", "custodian", "botocore")]
    before = (dict(os.environ), [(each.level, each.propagate, list(each.handlers)) for each in loggers],
              signal.getsignal(signal.SIGALRM), os.umask(0o22))
    os.umask(before[3])
    rows(plan, tmp_path / "here", InProcess(600))
    umask = os.umask(0o22)
    os.umask(umask)
    assert before == (dict(os.environ), [(each.level, each.propagate, list(each.handlers)) for each in loggers],
                      signal.getsignal(signal.SIGALRM), umask)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert all(file.stat().st_mode & 0o077 == 0 for file in (tmp_path / "here" / "output").rglob("*.json"))


def test_when_the_time_is_over_what_has_ended_counts_and_the_rest_is_not_run(
    plan: SweepPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe = EC2Backend.describe_security_groups

    runner, ended = InProcess(3600), threading.Event()

    def slow(self: EC2Backend, *args: Any, **kwargs: Any) -> Any:
        if self.account_id == BLUE:
            # The hour is over while AWS has not answered.
            runner._until = time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            ended.wait(30)
        return describe(self, *args, **kwargs)

    monkeypatch.setattr(EC2Backend, "describe_security_groups", slow)
    accounts = Accounts(tuple(sorted(plan.accounts.reached, key=lambda account: account.name == "locked")), ())
    only = SweepPlan([policy for policy in plan.policies if policy.name in ("groups", "users", "volumes")], accounts)
    found: dict[tuple[str, str], tuple[str, str]] = {}
    execute(only.work(), AUDIT, tmp_path / "here", accounts, lambda checks: found.update(
        {(each.account.name, each.policy.name): (each.state.value, each.reason) for each in checks}), runner=runner)
    ended.set()
    assert runner.out_of_time and len(found) == 9
    assert {found["red", name][0] for name in ("groups", "users", "volumes")} == {"ran"}
    assert found["blue", "volumes"][0] == "ran", "it had ended before"
    for key in (("blue", "groups"), ("blue", "users"), ("locked", "groups"), ("locked", "volumes")):
        assert found[key] == ("not-run", "out of time: the shard did not end within 3600 seconds"), key
