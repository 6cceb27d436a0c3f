"""c7n-org as a child: what it is given, and that it and its workers end with us."""
from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
import yaml

from guardrails import runner
from guardrails.accounts import Account
from guardrails.policies import Policy
from guardrails.runner import AUDIT, HEAL, Batch, batches, run
from guardrails.sandbox.ministack import still_running
from guardrails.yamlfile import YamlFile

RED = Account("111111111111", "red", (), {"role": "sweep"})
BLUE = Account("222222222222", "blue", (), {"role": "sweep"})
# A c7n-org that says what it got, starts a worker, and waits.
FAKE = """#!/bin/sh
echo "2026-01-01 00:00:00,000: c7n_org:DEBUG Running policy:one account:red region:r1"
echo "$@"
[ -n "$STAY" ] || exit 0
sleep 60 &
echo "$! $$" >"$STAY.part" && mv "$STAY.part" "$STAY"
wait
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "c7n-org"
    file.write_text(FAKE)
    file.chmod(0o755)
    monkeypatch.setattr(runner, "_program", lambda: file)
    return file


def policy(name: str) -> Policy:
    data = {"name": name, "resource": "aws.s3", "mode": {"type": "periodic"}, "actions": ["stop"]}
    return Policy(data, YamlFile(Path("p.yml"), {}, None), 0)


def all_end(pids: list[int]) -> bool:
    """Whether all have ended, a moment after they were told to; a zombie is no process that works."""
    deadline = time.monotonic() + 10
    while still_running(pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_equal_policies_share_one_start() -> None:
    one, two = policy("one"), policy("two")
    work = {
        (RED, "r1"): (one, two), (RED, "r2"): (one,), (BLUE, "r2"): (one,), (BLUE, "r1"): (one, two), (BLUE, "x"): (),
    }
    assert batches(work) == [
        Batch((one, two), ((RED, "r1"), (BLUE, "r1"))), Batch((one,), ((RED, "r2"), (BLUE, "r2"))),
    ]
    assert batches(work)[1].regions() == [(RED, ["r2"]), (BLUE, ["r2"])]


def test_what_c7n_org_is_given(program: Path, tmp_path: Path) -> None:
    work = {(RED, "r1"): (policy("one"),)}
    seen: list[int] = []
    log, output = run(work, AUDIT, tmp_path / "a", {"v": 1}, started=seen.append)
    assert "--dryrun" in log
    assert "--cache-period 1440" in log
    assert seen[-1] == 1
    assert output.is_dir()
    assert yaml.safe_load((tmp_path / "a/policies-1-1.yml").read_text()) == {
        "policies": [{"name": "one", "resource": "aws.s3"}]
    }
    assert yaml.safe_load((tmp_path / "a/accounts-1-1.yml").read_text())["vars"] == {"v": 1}
    log, _ = run(work, HEAL, tmp_path / "b", {})
    assert "--dryrun" not in log
    # A cache would show the next policy what the fix before it has changed.
    assert "--cache-period 0" in log
    assert "stop" in (tmp_path / "b/policies-1-1.yml").read_text()


@pytest.mark.parametrize("how", ["error", "SIGTERM"])
def test_an_interrupted_run_leaves_no_process(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    pids = tmp_path / "pids"
    monkeypatch.setenv("STAY", str(pids))

    def interrupt(count: int) -> None:
        if pids.exists() and how == "error":
            raise KeyboardInterrupt

    def terminate() -> None:
        while not pids.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    if how == "SIGTERM":
        threading.Thread(target=terminate, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run({(RED, "r1"): (policy("one"),)}, AUDIT, tmp_path / "out", {}, started=interrupt)
    assert all_end([int(pid) for pid in pids.read_text().split()])
