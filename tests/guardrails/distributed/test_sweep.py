"""A sweep in shards is the sweep on one machine: every check once, and what has no result is named with its reason."""
from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guardrails.distributed import worker
from guardrails.distributed.bucket import RunPlace, SweepBucket
from guardrails.distributed.sweeping import ShardTooLong
from guardrails.errors import GuardrailsError
from guardrails.results import RunStore
from tests.step_functions import BUCKET, differences

from ..cli.test_sweeps import seed
from ..conftest import BLUE, LOCKED, RED, Cloud, guardrails
from .conftest import Played, audit

ON = ("--on", "step-functions")


@pytest.fixture
def local(played: Played, accounts_yml: Path, tmp_path: Path) -> Path:
    """The same sweep on this machine: one account cannot be entered, in another a call is denied."""
    seed(played.cloud)
    played.cloud.no_way_in.add(LOCKED)
    played.cloud.no_users.add(BLUE)
    audit(accounts_yml, tmp_path / "local", "--evidence", code=2)
    return tmp_path / "local"


def store_of(directory: Path) -> RunStore:
    return RunStore.open(directory)


def test_it_equals_the_sweep_on_one_machine_and_a_lost_shard_is_not_run_until_it_is_resumed(
    played: Played, local: Path, accounts_yml: Path, tmp_path: Path
) -> None:
    audit(accounts_yml, tmp_path / "far", "--evidence", *ON, code=2)
    assert differences(local, tmp_path / "far") == []
    assert len(played.swept) == 6, "three accounts in two regions, one region in a shard"
    run = next(iter(played.keys("runs/"))).split("/")[1]
    assert {f"runs/{run}/report/report.{kind}" for kind in ("html", "json", "md")} <= set(played.keys())

    played.lost = {f"{RED}-0": "signal: killed"}
    audit(accounts_yml, tmp_path / "lost", "--evidence", *ON, code=2)
    with store_of(local) as whole, store_of(tmp_path / "lost") as broken:
        states, before = broken.states(), whole.states()
        assert set(states) == set(before), "every check is there, once"
        changed = {key for key in before if states[key] != before[key]}
        assert changed == {key for key in before if key[0] == "red" and key[1] in ("us-east-1", "global")}
        reasons = {check.reason for check in broken.checks(missing=True) if check.key in changed}
        assert reasons == {"its worker failed: Runtime.ExitError: signal: killed"}
        assert not [finding for finding in broken.findings() if (finding.account_name, finding.region) in {
            ("red", "us-east-1"), ("red", "global")}]

    # The denied account, the denied call and the lost shard run again; what is complete does not.
    played.lost, played.swept = {}, []
    played.cloud.no_way_in.clear()
    played.cloud.no_users.clear()
    ended = guardrails("audit", "--resume", tmp_path / "lost", "--format", "json")
    assert (ended.exit_code, ended.stdout.splitlines()[0][:8]) == (0, "COMPLETE")
    assert set(played.swept) == {f"{RED}-0", f"{BLUE}-0", f"{LOCKED}-0", f"{LOCKED}-1"}
    audit(accounts_yml, tmp_path / "after", "--evidence", code=0)
    assert differences(tmp_path / "after", tmp_path / "lost") == []
    assert (tmp_path / "lost" / "run.db").stat().st_mode & 0o077 == 0


def plan_of(played: Played, accounts_yml: Path, tmp_path: Path) -> dict[str, Any]:
    """A run that was planned, and nothing else: what each shard's worker gets."""
    played.reduces, played.map_error = False, "not yet"
    ended = guardrails("audit", "-c", accounts_yml, "--policies", Path(__file__).parents[1] / "cli" / "policies",
                       "-p", "open-ssh", "-a", "red", "--history", "none", "-o", tmp_path / "planned", *ON)
    assert ended.exit_code == 1 and "no such object" in ended.stderr
    run = next(iter(played.keys("runs/"))).split("/")[1]
    planned = played.step({"step": "plan", "run": run, "attempt": 1, "nightly": False})
    shards = json.loads(played.read(planned["key"]))
    return {"step": "sweep", "run": run, "attempt": 1, "question": planned["question"], "shard": shards[0]}


def reduced(played: Played, message: dict[str, Any], tmp_path: Path, manifest: str = "") -> RunStore:
    """The merged run."""
    played.step({"step": "reduce", "run": message["run"], "attempt": 1, "question": message["question"],
                 "nightly": False, "map": {"ResultWriterDetails": {"Key": manifest}}})
    file = tmp_path / "merged" / "run.db"
    shutil.rmtree(file.parent, ignore_errors=True)
    file.parent.mkdir()
    file.write_bytes(gzip.decompress(played.read(f"runs/{message['run']}/1/run.db.gz")))
    return RunStore.open(file)


def test_a_shard_that_runs_twice_has_one_result_the_first(
    played: Played, accounts_yml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = plan_of(played, accounts_yml, tmp_path)
    assert played.step(message)["written"] is True
    before = played.keys(f"runs/{message['run']}/shards/")
    assert list(before) == [f"runs/{message['run']}/shards/{RED}-0/1.db.gz"]
    assert played.step(message) == {"shard": f"{RED}-0", "written": False, "checks": 0, "missing": 0}
    # Two workers at once: neither sees the other's result when it begins.
    monkeypatch.setattr(SweepBucket, "exists", lambda self, key: False)
    played.cloud.open_group(RED, "us-east-1")
    assert played.step(message)["written"] is False
    assert played.keys(f"runs/{message['run']}/shards/") == before


def test_a_worker_sees_what_has_changed_since_its_process_ran_another_shard(
    played: Played, accounts_yml: Path, tmp_path: Path
) -> None:
    from custom_actions.patches import ask_once

    place = ("the last shard's account",)
    with ask_once.sharing(place):
        kept = ask_once._current
    message = plan_of(played, accounts_yml, tmp_path)
    played.step(message)
    with ask_once.sharing(place):
        assert ask_once._current is not kept


def cut(content: bytes) -> bytes:
    return content[:len(content) // 2]


def of_another_account(content: bytes) -> bytes:
    return gzip.compress(gzip.decompress(content).replace(RED.encode(), BLUE.encode()))


def no_database(content: bytes) -> bytes:
    return gzip.compress(b"SQLite format 3\0" + b"\0" * 100)


@pytest.mark.parametrize(("damage", "reason"), [
    (cut, "truncated"), (of_another_account, "not about account"), (no_database, f"{RED}-0.db"),
    (lambda content: b"not gzipped", "incorrect header check"),
])
def test_a_damaged_result_counts_as_none(
    played: Played, accounts_yml: Path, tmp_path: Path, damage: Callable[[bytes], bytes], reason: str
) -> None:
    message = plan_of(played, accounts_yml, tmp_path)
    played.step(message)
    key = f"runs/{message['run']}/shards/{RED}-0/1.db.gz"
    played.cloud.client("s3").put_object(Bucket=BUCKET, Key=key, Body=damage(played.read(key)))
    with reduced(played, message, tmp_path) as store:
        found = {check.region: (check.state, check.reason) for check in store.checks()}
        assert {state for state, _ in found.values()} == {"not-run"} and list(store.findings()) == []
        assert "cannot be read" in found["us-east-1"][1]
        assert reason in found["us-east-1"][1]
        # The shard of the other region did not run either, and nobody knows why: the manifest is missing.
        assert "the reason cannot be read" in found["eu-west-1"][1]


def test_a_shard_that_runs_out_of_time_says_so_in_each_check_or_is_left_to_a_task(
    played: Played, accounts_yml: Path, tmp_path: Path
) -> None:
    message = plan_of(played, accounts_yml, tmp_path)
    with pytest.raises(ShardTooLong):
        worker.make_step(message, 0.0, whole=True)
    assert played.keys(f"runs/{message['run']}/shards/") == {}
    made = worker.make_step(message, 0.0, whole=False)
    assert (made["checks"], made["missing"]) == (1, 1)
    with reduced(played, message, tmp_path) as store:
        [check] = [each for each in store.checks() if each.region == "us-east-1"]
        assert (check.state, "out of time" in check.reason) == ("not-run", True)


def test_a_task_has_the_time_that_it_needs(
    played: Played, accounts_yml: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = plan_of(played, accounts_yml, tmp_path)
    capsys.readouterr()
    # As the state machine hands it to the container: its input as one argument.
    assert worker.main([json.dumps(message)]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "shard": f"{RED}-0", "written": True, "checks": 1, "missing": 0}


def test_a_function_keeps_time_to_write_its_results(
    played: Played, accounts_yml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = plan_of(played, accounts_yml, tmp_path)

    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 40_000

    monkeypatch.setenv("TASKS", "1")
    with pytest.raises(ShardTooLong):
        worker.handler(message, Context())
    monkeypatch.setenv("TASKS", "")
    assert worker.handler(message, Context())["missing"] == 1


def test_a_question_that_was_changed_is_refused(played: Played, accounts_yml: Path, tmp_path: Path) -> None:
    message = plan_of(played, accounts_yml, tmp_path)
    key = f"runs/{message['run']}/question.yml"
    played.cloud.client("s3").put_object(
        Bucket=BUCKET, Key=key, Body=played.read(key).replace(b"22", b"23"))
    with pytest.raises(GuardrailsError, match="changed since the sweep began"):
        played.step(message)


@pytest.mark.parametrize("change", [
    {"run": "../other"}, {"run": "a/b/c/d/e/f/g"}, {"attempt": "1"}, {"attempt": 0}, {"attempt": True},
    {"step": "deploy"}, {"shard": None}, {"shard": {"id": "../x"}},
    {"shard": {"id": f"{RED}-0", "account": BLUE, "regions": ["us-east-1"], "first": True}},
    {"shard": {"id": f"{RED}-0", "account": RED, "regions": [], "first": True}},
    {"shard": {"id": f"{RED}-0", "account": RED, "regions": "us-east-1", "first": True}},
])
def test_a_message_that_is_not_the_state_machines_is_refused(
    change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUCKET", BUCKET)
    good = {"step": "sweep", "run": "0123456789abcdef", "attempt": 1, "question": "x",
            "shard": {"id": f"{RED}-0", "account": RED, "regions": ["us-east-1"], "first": True}}
    with pytest.raises(GuardrailsError):
        worker.make_step({**good, **change}, None, whole=False)
    with pytest.raises(GuardrailsError):
        worker.make_step(["sweep"], None, whole=False)


def test_the_nightly_sweep_asks_what_was_uploaded_and_keeps_the_history(
    played: Played, accounts_yml: Path, tmp_path: Path
) -> None:
    seed(played.cloud)
    policies = Path(__file__).parents[1] / "cli" / "policies"
    selection = ("-c", accounts_yml, "--policies", policies, "--service", "iam-user")
    assert guardrails("audit", *selection, "--nightly").exit_code == 2
    ended = guardrails("audit", *selection, "--nightly", *ON, "--json")
    assert json.loads(ended.stdout)["accounts"] == 3, ended.stderr
    assert not (tmp_path / "output").exists()
    for night, number in (("night-0001", 4), ("night-0002", 5)):
        said = played.run({"run": night, "attempt": 1, "nightly": True})
        assert (said["complete"], said["open"]) == (True, number)
        played.cloud.client("iam", RED).create_user(UserName=f"eve-{night}")
    place = RunPlace(SweepBucket(BUCKET), "night-0002")
    place.bucket.download(place.merged(1), tmp_path / "run.db")
    with RunStore.open(tmp_path / "run.db") as store:
        assert store["run"] == "night-0002" and store["changes"]["new"] == 1
        assert not store.get("question")
    played.cloud.client("s3").put_object(Bucket=BUCKET, Key="nightly/question.yml", Body=b"another")
    with pytest.raises(GuardrailsError, match="not of one upload"):
        played.run({"run": "night-0003", "attempt": 1, "nightly": True})
    assert not played.keys("runs/night-0003/")


def test_a_map_run_that_failed_leaves_every_check_not_run(
    played: Played, accounts_yml: Path, tmp_path: Path, cloud: Cloud
) -> None:
    played.map_error, played.status = "States.ItemReaderFailed", "FAILED"
    report = audit(accounts_yml, tmp_path / "out", *ON, code=2)
    assert {(run["state"], run["reason"]) for run in report["runs"]} == {
        ("not-run", "the map run failed: States.ItemReaderFailed: no item")}
