"""The stack in the sandbox: a real state machine, its Distributed Map, and functions from the worker's archive.

bench/distributed.py does the same with 200 accounts.
"""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardrails.results import RunStore
from guardrails.sandbox import Sandbox
from tests.step_functions import Faults, SweepStack, deploy, differences, make_archive

from ..conftest import HOME

ACCOUNTS = tuple(f"{600000000000 + number}" for number in range(3))
KILLED, THROTTLED, LOCKED = ACCOUNTS
POLICIES = """
policies:
- name: volume-encrypted
  resource: aws.ebs
  metadata: {severity: high, title: Volumes are encrypted}
  filters: [{Encrypted: false}]
- name: user-exists
  resource: aws.iam-user
  metadata: {severity: low, title: No users}
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[SweepStack]:
    """The deployed stack, and accounts with an unencrypted volume and a user each."""
    sandbox = Sandbox.start(tmp_path / "sandbox")
    for account in ACCOUNTS:
        sandbox.client("ec2", account).create_volume(AvailabilityZone="us-east-1a", Size=1)
        sandbox.client("iam", account).create_user(UserName=f"user-{account}")
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "p.yml").write_text(POLICIES)
    (tmp_path / "accounts.yml").write_text("accounts:\n" + "".join(
        f"- {{name: a{each}, account_id: '{each}', role: sweep, regions: [us-east-1]}}\n" for each in ACCOUNTS))
    deployed = deploy(sandbox, make_archive(tmp_path / "worker.zip"), account=HOME, MaxConcurrency=2,
                      variables={"AWS_MAX_ATTEMPTS": "2", "GUARDRAILS_CALLS_PER_SECOND": "0"})
    yield deployed
    sandbox.stop()


def audit(stack: SweepStack, directory: Path, *options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("guardrails")), "audit", *map(str, options), "--format", "json"],
        env={**os.environ, **stack.sandbox.environment(HOME)}, cwd=directory, capture_output=True, text=True,
        timeout=300)


def test_what_fails_is_named_and_the_rest_equals_the_sweep_on_one_machine(stack: SweepStack, tmp_path: Path) -> None:
    selection = ("-c", "accounts.yml", "--policies", "policies", "--history", "none")
    stack.fail(Faults(killed=[KILLED], throttled=[THROTTLED], locked=[LOCKED]))
    ended = audit(stack, tmp_path, *selection, "-o", "far", "--on", "step-functions")
    assert ended.returncode == 2, ended.stderr
    with RunStore.open(tmp_path / "far") as store:
        found = {(check.account, check.policy): (check.state, check.reason) for check in store.checks()}
    assert {key: state for key, (state, _) in found.items()} == {
        (KILLED, "volume-encrypted"): "not-run", (KILLED, "user-exists"): "not-run",
        (THROTTLED, "volume-encrypted"): "throttled", (THROTTLED, "user-exists"): "ran",
        (LOCKED, "volume-encrypted"): "denied", (LOCKED, "user-exists"): "denied"}
    assert found[KILLED, "user-exists"][1].startswith("its worker failed: ")
    assert "RequestLimitExceeded" in found[THROTTLED, "volume-encrypted"][1]
    assert "could not assume" in found[LOCKED, "user-exists"][1]
    assert f"/shards/{KILLED}-0/" not in "".join(stack.keys("runs/"))

    stack.fail(Faults())
    assert audit(stack, tmp_path, "--resume", "far").returncode == 0
    assert audit(stack, tmp_path, *selection, "-o", "local").returncode == 0
    assert differences(tmp_path / "local", tmp_path / "far") == []
