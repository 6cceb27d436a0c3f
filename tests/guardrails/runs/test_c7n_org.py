"""The pool of a sweep: what its workers are given, what is lost when one ends, and that none outlives the run."""
from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from guardrails.accounts.account import Account
from guardrails.accounts.credentials import Credentials
from guardrails.errors import GuardrailsError
from guardrails.policies.policy import Policy
from guardrails.runs import c7n_org as runner
from guardrails.runs import nursery as nursery_module
from guardrails.runs.accounting import account_for
from guardrails.runs.c7n_org import AUDIT, HEAL, Concurrency, Ended, Target, Work, run
from guardrails.runs.progress import Advance, Progress
from guardrails.yamlfile import YamlFile
from tests.processes import all_end

from . import fake_sweep

ROOT = Path(__file__).parents[3]
RED = Account("111111111111", "red", (), {"role": "sweep", "external_id": "of red"})
BLUE = Account("222222222222", "blue", (), {"role": "sweep"})


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that run no policy."""
    monkeypatch.setattr(runner, "nursery", fake_sweep.nursery)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture(params=["forked", "started", "never forked"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The ways in which the processes of a sweep begin: on Linux, from a process with threads, and on macOS."""
    if request.param == "forked":
        fork(monkeypatch)
    else:
        monkeypatch.setattr(runner, "can_fork", lambda: False)
        monkeypatch.setenv("FORKS", "never" if request.param == "never forked" else "")
    return str(request.param)


def fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy this process, although a worker of pytest has a thread: it holds nothing that the copy uses."""
    if not sys.platform.startswith("linux"):
        pytest.skip("processes cannot be copied here")
    monkeypatch.setattr(runner, "can_fork", lambda: True)


def policy(name: str) -> Policy:
    data = {"name": name, "resource": "aws.s3", "mode": {"type": "periodic"}, "actions": ["stop"]}
    return Policy(data, YamlFile(Path("p.yml"), {}, None), 0)


def work_in(
    *regions: str, account: Account = RED, policies: tuple[str, ...] = ("one",)
) -> dict[Target, tuple[Policy, ...]]:
    return {(account, region): tuple(map(policy, policies)) for region in regions}


class Listener:
    """Keeps what it is told of ended work, and asks for nothing more unless it has something to ask."""

    def __init__(self, *again: Work) -> None:
        self.ended: list[Ended] = []
        self._again = list(again)

    def __call__(self, one: Ended) -> Work:
        self.ended.append(one)
        return self._again.pop(0) if self._again else {}

    @property
    def logs(self) -> dict[str, str]:
        return {one.target[1]: one.log for one in self.ended}

    def reasons(self) -> dict[str, str]:
        """Why each region is not done."""
        checks = [check for one in self.ended for check in account_for(one.work, one.log, one.output)]
        return {check.region: f"{check.state}: {check.reason}" for check in checks}


def seeing(seen: list[Progress]) -> object:
    @contextmanager
    def show() -> Iterator[Advance]:
        yield seen.append

    return show


@pytest.mark.parametrize(("workers", "variable", "targets", "number"), [
    (3, None, 5, 3), (9, None, 5, 5), (3, "7", 5, 3), (None, "7", 9, 7), (None, "7", 5, 5), (None, None, 9, 4),
    (None, "", 9, 4), (None, None, 0, 1),
])
def test_workers_are_those_of_the_option_then_of_the_environment_and_no_more_than_targets(
    monkeypatch: pytest.MonkeyPatch, workers: int | None, variable: str | None, targets: int, number: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.delenv("C7N_ORG_PARALLEL", raising=False)
    if variable is not None:
        monkeypatch.setenv("C7N_ORG_PARALLEL", variable)
    assert Concurrency(workers).number(targets) == number


@pytest.mark.parametrize("variable", ["0", "many", "-1"])
def test_a_number_of_workers_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("C7N_ORG_PARALLEL", variable)
    with pytest.raises(GuardrailsError, match=f"C7N_ORG_PARALLEL='{variable}' is not a number of workers"):
        Concurrency().number(3)


@pytest.mark.parametrize("workers", [1, 3])
def test_one_budget_of_workers_for_the_whole_sweep(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    (tmp_path / "together").mkdir()
    monkeypatch.setenv("TOGETHER", str(tmp_path / "together"))
    monkeypatch.setenv("MANY", str(workers))
    regions = [f"together-{number}" for number in range(workers)]
    told = Listener()
    # The policies of the two accounts are different; they share the workers all the same.
    others = work_in("quick-1", "quick-2", account=BLUE, policies=("two",))
    run({**work_in(*regions), **others}, AUDIT, tmp_path / "a", {}, ended=told, concurrency=Concurrency(workers))
    together = {region: log for region, log in told.logs.items() if region in regions}
    assert all(f"together {workers}\n" in log for log in together.values())
    pids = {found[1] for log in told.logs.values() if (found := re.search(r"pid (\d+)", log))}
    assert (len(told.ended), len(pids)) == (workers + 2, workers)


def test_no_more_processes_than_targets(way: str, tmp_path: Path) -> None:
    told = Listener()
    run(work_in("r1", "r2"), AUDIT, tmp_path / "a", {}, ended=told, concurrency=Concurrency(8))
    assert len({found[1] for log in told.logs.values() if (found := re.search(r"pid (\d+)", log))}) <= 2


def test_what_a_worker_is_given(way: str, tmp_path: Path) -> None:
    work = work_in("r1")
    seen: list[Progress] = []
    told = Listener()
    run(work, AUDIT, tmp_path / "a", {"v": 1}, ended=told, show=seeing(seen))
    [one] = told.ended
    assert "dryrun True ask once 1\n" in one.log
    assert seen[-1] == Progress(1, 0)
    assert one.output.is_dir()
    assert one.work == work
    assert not one.stopped
    assert yaml.safe_load((tmp_path / "a/policies-1-1.yml").read_text()) == {
        "policies": [{"name": "one", "resource": "aws.s3"}]
    }
    assert yaml.safe_load((tmp_path / "a/accounts-1-1.yml").read_text()) == {"vars": {"v": 1}, "accounts": [{
        "account_id": RED.id, "name": "red", "regions": ["r1"], "external_id": "of red",
        "role": ["arn:aws:iam::111111111111:role/sweep"]}]}
    told = Listener()
    run(work, HEAL, tmp_path / "b", {}, ended=told)
    # What was read before would show the next policy what the fix before it has changed.
    assert "dryrun False ask once None\n" in told.ended[0].log
    assert "stop" in (tmp_path / "b/policies-1-1.yml").read_text()


def test_credentials_are_handed_on_and_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    task = nursery_module.Task
    monkeypatch.setattr(runner, "Task", lambda number, log, one: given.append(one) or task(number, log, one))
    keys = Credentials(RED.id, "AKIA", "secret-1", "token-1", datetime.now(UTC) + timedelta(hours=1))
    account = Account(RED.id, RED.name, (), RED.entry, credentials=keys)
    run(work_in("r1", account=account), AUDIT, tmp_path / "a", {}, ended=Listener())
    assert [each.credentials for each in given] == [keys]  # type: ignore[attr-defined]
    for file in (tmp_path / "a").rglob("*"):
        assert file.is_dir() or not {"secret-1", "token-1"} & set(re.findall(r"\w+-1", file.read_text())), file
    assert "secret-1" not in repr(account) + repr(keys)


def test_what_is_asked_for_again_is_started_again_and_old_output_is_gone(tmp_path: Path) -> None:
    work = work_in("r1", policies=("one", "two"))
    stale = tmp_path / "a/output/red/r1/two/resources.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("[]")
    told = Listener(work_in("r1", policies=("two",)))
    run(work, AUDIT, tmp_path / "a", {}, ended=told)
    assert [(one.start, [p.name for p in one.policies]) for one in told.ended] == [(1, ["one", "two"]), (2, ["two"])]
    assert not stale.exists()
    # Another run in the same directory, as a resume makes it, leaves the logs of the first.
    run(work, AUDIT, tmp_path / "a", {}, ended=Listener())
    assert sorted(file.name for file in (tmp_path / "a").glob("log-*.txt")) == [
        "log-1-1.txt", "log-1-2.txt", "log-2-1.txt"]


def test_a_killed_worker_takes_only_its_own_target_with_it(way: str, tmp_path: Path) -> None:
    told = Listener()
    run(work_in("killed-1", "r1", "killed-2", "r2", "r3"), AUDIT, tmp_path / "a", {}, ended=told,
        concurrency=Concurrency(2))
    reasons = told.reasons()
    assert not any(one.stopped for one in told.ended)
    assert {region for region, reason in reasons.items() if "the worker process was killed by SIGKILL" in reason} == {
        "killed-1", "killed-2"}
    assert all(reason.startswith("not-run") for reason in reasons.values())
    assert len(told.ended) == 5


@pytest.mark.parametrize(("region", "load", "reason"), [
    ("orphaned", "", "not-run: the process of the workers was killed by SIGKILL"),
    ("r1", "fails", "not-run: the process of the workers ended with exit code 1: patch x.py does not fit c7n 9"),
    ("r1", "raises", "not-run: the process of the workers ended with exit code 70: ValueError: no such type"),
])
def test_without_the_nursery_everything_that_is_left_says_why(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, region: str, load: str, reason: str
) -> None:
    monkeypatch.setenv("LOAD", load)
    told = Listener()
    run(work_in(region, "r2", "r3"), AUDIT, tmp_path / "a", {}, ended=told, concurrency=Concurrency(1))
    assert told.reasons() == dict.fromkeys((region, "r2", "r3"), reason)
    # The worker of the nursery that was killed does not go on.
    assert all_end([int(pid) for pid in re.findall(r"pid (\d+)", "".join(told.logs.values()))], seconds=10)


def test_workers_begin_afresh_after_so_many_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fork(monkeypatch)  # with the limit that is set here
    monkeypatch.setattr(nursery_module, "_TASKS_OF_A_WORKER", 2)
    told = Listener()
    run(work_in(*(f"r{number}" for number in range(5))), AUDIT, tmp_path / "a", {}, ended=told,
        concurrency=Concurrency(1))
    pids = [found[1] for log in told.logs.values() if (found := re.search(r"pid (\d+)", log))]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [2, 2, 1]


def test_a_line_of_a_log_stops_everything(tmp_path: Path) -> None:
    told = Listener()
    found = run(work_in("r1", "r2", "r3"), AUDIT, tmp_path / "a", {}, ended=told, concurrency=Concurrency(1),
                stop_on=re.compile(r"policy:one account:red region:r1"))
    assert found == "policy:one account:red region:r1"
    assert {one.target[1]: one.stopped for one in told.ended} == dict.fromkeys(("r1", "r2", "r3"), True)


@pytest.mark.parametrize("how", ["error", "SIGTERM"])
def test_an_interrupted_run_leaves_no_process(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    pids = tmp_path / "pids"
    monkeypatch.setenv("STAY", str(pids))
    told = Listener()

    @contextmanager
    def interrupting() -> Iterator[Advance]:
        def interrupt(progress: Progress) -> None:
            if pids.exists():
                if how == "error":
                    raise KeyboardInterrupt
                os.kill(os.getpid(), signal.SIGTERM)

        yield interrupt

    with pytest.raises(KeyboardInterrupt):
        run(work_in("stays"), AUDIT, tmp_path / "out", {}, ended=told, show=interrupting)
    assert all_end([int(pid) for pid in pids.read_text().split()], seconds=10)
    assert [one.stopped for one in told.ended] == [True]


RUN = """
import sys, threading
from pathlib import Path
from tests.guardrails.runs import fake_sweep
from tests.guardrails.runs.test_c7n_org import AUDIT, Listener, run, runner, work_in

runner.nursery = fake_sweep.nursery
if sys.argv[2] == "started":
    threading.Thread(target=threading.Event().wait, daemon=True).start()
run(work_in("stays"), AUDIT, Path(sys.argv[1]), {}, ended=Listener())
"""


@pytest.mark.parametrize("begun", ["forked", "started"])
def test_a_run_that_is_killed_leaves_no_process(begun: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = tmp_path / "pids"
    monkeypatch.setenv("STAY", str(pids))
    victim = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path / "out"), begun])
    try:
        while not pids.exists():
            assert victim.poll() is None
            time.sleep(0.05)
    finally:
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    assert all_end([int(pid) for pid in pids.read_text().split()], seconds=10)
