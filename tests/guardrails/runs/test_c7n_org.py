"""c7n-org as a child: what it is given, and that it and its workers end with us."""
from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
import yaml

from guardrails.accounts.account import Account
from guardrails.policies.policy import Policy
from guardrails.runs import c7n_org as runner
from guardrails.runs.c7n_org import AUDIT, HEAL, Batch, Concurrency, Ended, Progress, Work, batches, run
from guardrails.yamlfile import YamlFile
from tests.processes import all_end

RED = Account("111111111111", "red", (), {"role": "sweep"})
BLUE = Account("222222222222", "blue", (), {"role": "sweep"})
# A c7n-org that says what it got, starts a worker, and waits.
FAKE = """#!/bin/sh
echo "2026-01-01 00:00:00,000: c7n_org:DEBUG Running policy:one account:red region:r1"
echo "$@"
echo "ask once: $GUARDRAILS_ASK_ONCE"
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
    monkeypatch.setattr(runner, "program", lambda name: file)
    return file


def policy(name: str) -> Policy:
    data = {"name": name, "resource": "aws.s3", "mode": {"type": "periodic"}, "actions": ["stop"]}
    return Policy(data, YamlFile(Path("p.yml"), {}, None), 0)


def test_equal_policies_share_one_start() -> None:
    one, two = policy("one"), policy("two")
    work = {
        (RED, "r1"): (one, two), (RED, "r2"): (one,), (BLUE, "r2"): (one,), (BLUE, "r1"): (one, two), (BLUE, "x"): (),
    }
    assert batches(work) == [
        Batch((one, two), ((RED, "r1"), (BLUE, "r1"))), Batch((one,), ((RED, "r2"), (BLUE, "r2"))),
    ]
    assert batches(work)[1].regions() == [(RED, ["r2"]), (BLUE, ["r2"])]


def test_one_start_takes_no_more_than_so_many_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "TARGETS_PER_SWEEP", 2)
    work = {(RED, f"r{number}"): (policy("one"),) for number in range(5)}
    assert [len(batch.targets) for batch in batches(work)] == [2, 2, 1]


@pytest.mark.parametrize(("workers", "variable", "started"), [
    (3, None, "3"), (9, None, "5"), (3, "7", "3"), (None, "7", "7"), (None, None, "4"),
])
def test_workers_are_those_of_the_option_then_of_the_environment_and_no_more_than_targets(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int | None, variable: str | None,
    started: str
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.delenv("C7N_ORG_PARALLEL", raising=False)
    if variable:
        monkeypatch.setenv("C7N_ORG_PARALLEL", variable)
    program.write_text('#!/bin/sh\necho "workers: $C7N_ORG_PARALLEL"\n')
    told = Listener()
    run({(RED, f"r{number}"): (policy("one"),) for number in range(5)}, AUDIT, tmp_path / "a", {}, ended=told,
        concurrency=Concurrency(workers=workers))
    assert told.ended[0].log == f"workers: {started}\n"


@pytest.mark.parametrize("sweeps", [1, 3])
def test_no_more_processes_than_sweeps_run_at_the_same_time(
    program: Path, tmp_path: Path, sweeps: int
) -> None:
    running = tmp_path / "running"
    running.mkdir()
    # Each process notes how many are running, and stays until no more can have started beside it.
    program.write_text(
        f'#!/bin/sh\ntouch {running}/$$\nsleep 1\necho "running: $(ls {running} | wc -l)"\nrm {running}/$$\n')
    told = Listener()
    run({(RED, f"r{number}"): (policy(f"p{number}"),) for number in range(3)}, AUDIT, tmp_path / "a", {}, ended=told,
        concurrency=Concurrency(sweeps))
    seen = [int(one.log.removeprefix("running: ")) for one in told.ended]
    assert (len(seen), max(seen)) == (3, sweeps)


class Listener:
    """Keeps what it is told of ended processes, and asks for nothing more unless it has something to ask."""

    def __init__(self, *again: Work) -> None:
        self.ended: list[Ended] = []
        self._again = list(again)

    def __call__(self, one: Ended) -> Work:
        self.ended.append(one)
        return self._again.pop(0) if self._again else {}


def test_what_c7n_org_is_given(program: Path, tmp_path: Path) -> None:
    work = {(RED, "r1"): (policy("one"),)}
    seen: list[Progress] = []
    told = Listener()
    run(work, AUDIT, tmp_path / "a", {"v": 1}, ended=told, progress=seen.append)
    [one] = told.ended
    assert "--dryrun" in one.log
    assert "ask once: 1" in one.log
    assert seen[-1] == Progress(1, 0)
    assert one.output.is_dir()
    assert one.work == work
    assert not one.stopped
    assert yaml.safe_load((tmp_path / "a/policies-1-1.yml").read_text()) == {
        "policies": [{"name": "one", "resource": "aws.s3"}]
    }
    assert yaml.safe_load((tmp_path / "a/accounts-1-1.yml").read_text())["vars"] == {"v": 1}
    told = Listener()
    run(work, HEAL, tmp_path / "b", {}, ended=told)
    assert "--dryrun" not in told.ended[0].log
    # What was read before would show the next policy what the fix before it has changed.
    assert "ask once: \n" in told.ended[0].log
    assert "--cache-period 0" in told.ended[0].log
    assert "stop" in (tmp_path / "b/policies-1-1.yml").read_text()


def test_what_is_asked_for_again_is_started_again_and_old_output_is_gone(program: Path, tmp_path: Path) -> None:
    work = {(RED, "r1"): (policy("one"), policy("two"))}
    left = {(RED, "r1"): (policy("two"),)}
    stale = tmp_path / "a/output/red/r1/two/resources.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("[]")
    told = Listener(left)
    run(work, AUDIT, tmp_path / "a", {}, ended=told)
    assert [(one.start, [p.name for p in one.batch.policies]) for one in told.ended] == [
        (1, ["one", "two"]), (2, ["two"])]
    assert not stale.exists()
    # Another run in the same directory, as a resume makes it, leaves the logs of the first.
    run(work, AUDIT, tmp_path / "a", {}, ended=Listener())
    assert len(list((tmp_path / "a").glob("log-*.txt"))) == 3


@pytest.mark.parametrize("how", ["error", "SIGTERM"])
def test_an_interrupted_run_leaves_no_process(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    pids = tmp_path / "pids"
    monkeypatch.setenv("STAY", str(pids))

    told = Listener()

    def interrupt(progress: Progress) -> None:
        if pids.exists() and how == "error":
            raise KeyboardInterrupt

    def terminate() -> None:
        while not pids.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    if how == "SIGTERM":
        threading.Thread(target=terminate, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run({(RED, "r1"): (policy("one"),)}, AUDIT, tmp_path / "out", {}, ended=told, progress=interrupt)
    assert all_end([int(pid) for pid in pids.read_text().split()], seconds=10)
    assert [one.stopped for one in told.ended] == [True]
