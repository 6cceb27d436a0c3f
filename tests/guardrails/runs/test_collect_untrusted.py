"""What another account, or an earlier run, left among the files of a run must not decide what the report says."""
from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from guardrails.accounts.account import Account, Accounts
from guardrails.results.state import State
from guardrails.runs.collected_run import CollectedRun, read
from guardrails.runs.collection import collect
from guardrails.runs.outputs import Directory, policy_runs
from tests import engine
from tests.moto_server import ACCOUNT, Moto
from tests.moto_server import REGION as HOME

from .layout import BLUE, NOW, PLACE, RED, REGION, Wrote, policy, volumes

OWNER, OTHER = Account(RED, "red", (REGION,)), Account(BLUE, "blue", (REGION,))


def answer_of(root: Path) -> CollectedRun | None:
    source = Directory(root)
    [run] = policy_runs(source.files(PLACE), PLACE)
    return read(source, run, policy(), OWNER, REGION)


def states(source: Path, target: Path) -> dict[str, str]:
    """Account name to the state of its one check."""
    target.mkdir()
    both = Accounts((OWNER, OTHER), ())
    with collect(str(source), accounts=both, policies=[policy()], target=target, now=NOW) as store:
        return {check.account_name: check.state for check in store.checks()}


def change(root: Path, name: str, content: bytes) -> None:
    (root / PLACE / f"{name}.gz").write_bytes(gzip.compress(content))


WHOLE: Mapping[str, Any] = {
    "policy": {"name": "volumes"}, "config": {"account_id": RED, "region": REGION}, "execution": {}, "metrics": []}


@pytest.mark.parametrize("metadata", [
    [], "x", 5, None, {}, {**WHOLE, "policy": "x"}, {**WHOLE, "policy": {"mode": "x"}}, {**WHOLE, "config": 5},
    {**WHOLE, "execution": [1]}, {**WHOLE, "metrics": {"MetricName": "ResourceCount"}},
    {**WHOLE, "config": {"account_id": {"a": 1}}},
])
def test_metadata_that_c7n_did_not_write_is_an_error_of_that_account_alone(tmp_path: Path, metadata: Any) -> None:
    Wrote(resources=volumes("v-1")).into(tmp_path / "out", PLACE)
    Wrote(account=BLUE).into(tmp_path / "out", f"{BLUE}/{REGION}/volumes")
    change(tmp_path / "out", "metadata.json", json.dumps(metadata).encode())
    assert states(tmp_path / "out", tmp_path / "report") == {"red": "error", "blue": "ran"}


@pytest.mark.parametrize("execution", [{"start": 1e300}, {"start": "x"}, {"start": -1, "duration": 1e300}, {}])
def test_times_that_are_none_are_not_known(tmp_path: Path, execution: Mapping[str, Any]) -> None:
    Wrote().into(tmp_path, PLACE)
    counted = [{"MetricName": "ResourceCount", "Value": 0}]
    change(tmp_path, "metadata.json", json.dumps({**WHOLE, "metrics": counted, "execution": execution}).encode())
    assert answer_of(tmp_path) == CollectedRun(State.RAN, "")


@pytest.mark.parametrize("resources", [
    b'[{"VolumeId": "\\ud800"}]', b"[" * 100_000, b"\xff\xfe[]", b'{"VolumeId": "v-1"}', b"",
])
def test_resources_that_are_none_are_an_error_of_that_account_alone(tmp_path: Path, resources: bytes) -> None:
    Wrote(resources=volumes("v-1")).into(tmp_path / "out", PLACE)
    Wrote(account=BLUE).into(tmp_path / "out", f"{BLUE}/{REGION}/volumes")
    change(tmp_path / "out", "resources.json", resources)
    assert states(tmp_path / "out", tmp_path / "report") == {"red": "error", "blue": "ran"}


def test_a_character_of_two_halves_is_text(tmp_path: Path) -> None:
    Wrote(resources=[{"VolumeId": "v-1", "Name": "\U0001f600"}]).into(tmp_path, PLACE)
    answer = answer_of(tmp_path)
    assert answer is not None and answer.state is State.RAN


def line(at: datetime, text: str) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S},000 - {text}\n"


def run_again(root: Path, before: str, wrote: Wrote, log: str) -> CollectedRun:
    """A run into a directory in which there is the log of one before: c7n appends."""
    wrote.into(root, PLACE, plain=True)
    file = root / PLACE / "metadata.json"
    metadata = json.loads(file.read_bytes())
    metadata["execution"]["duration"] = 30.0
    file.write_text(json.dumps(metadata))
    (root / PLACE / "custodian-run.log").write_text(before + log)
    answer = answer_of(root)
    assert answer is not None
    return answer


COUNT = "custodian.policy - INFO - policy:volumes resource:aws.ebs region:eu-west-1 count:{} time:0.10"
REFUSED = "custodian.resources.ebs - WARNING - An error occurred (AccessDenied) when calling DescribeVolumes"
# In the time zone of whoever ran it, which nobody knows.
EARLIER, LATER = datetime(2026, 3, 9, 20, 0, tzinfo=UTC), datetime(2026, 3, 10, 20, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_what_the_run_before_was_refused_is_over(tmp_path: Path) -> None:
    before = line(EARLIER, REFUSED) + line(EARLIER, COUNT.format(0))
    answer = run_again(tmp_path, before, Wrote(resources=volumes("v-1")), line(LATER, COUNT.format(1)))
    assert (answer.state, len(answer.resources)) == (State.RAN, 1)


def test_what_this_run_was_refused_counts_though_the_run_before_saw_all(tmp_path: Path) -> None:
    before = line(EARLIER, COUNT.format(1))
    log = line(LATER, REFUSED) + line(LATER + 20 * SECOND, COUNT.format(0))
    assert run_again(tmp_path, before, Wrote(), log).state is State.DENIED


def test_a_failure_does_not_answer_with_what_the_run_before_found(tmp_path: Path) -> None:
    before = line(EARLIER, COUNT.format(1))
    failed = line(LATER, "custodian.output - ERROR - Error while executing policy") + (
        "Traceback (most recent call last):\n  File x\n"
        "botocore.exceptions.ClientError: An error occurred (UnauthorizedOperation) when calling DescribeVolumes\n")
    answer = run_again(tmp_path, before, replace(Wrote(resources=volumes("v-1")), counted=None), failed)
    assert (answer.state, answer.resources) == (State.DENIED, ())


def test_two_runs_of_c7n_into_one_directory(
    moto: Moto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "custodian")
    ec2 = boto3.client("ec2")
    first = ec2.create_volume(Size=1, AvailabilityZone=f"{HOME}a")["VolumeId"]
    data = {"name": "volumes", "resource": "aws.ebs", "filters": [{"Encrypted": False}]}
    out = tmp_path / "out" / "home" / HOME
    engine.pull(data, out, dryrun=True)
    ec2.delete_volume(VolumeId=first)
    kept = ec2.create_volume(Size=1, AvailabilityZone=f"{HOME}a")["VolumeId"]
    engine.pull(data, out, dryrun=True)
    assert (out / "volumes" / "custodian-run.log").read_text().count(" count:1 ") == 2
    (tmp_path / "report").mkdir()
    accounts = Accounts((Account(ACCOUNT, "home", (HOME,)),), ())
    with collect(
        str(tmp_path / "out"), accounts=accounts, policies=[policy(mode="pull")], target=tmp_path / "report"
    ) as store:
        assert [(check.state, check.reason) for check in store.checks()] == [("ran", "")]
        assert [finding.resource for finding in store.findings()] == [kept]


def test_of_two_regions_the_newest_answer_on_the_whole_account_counts(tmp_path: Path) -> None:
    users, out = policy("users", "aws.iam-user"), tmp_path / "out"
    user = {"UserName": "u", "Arn": f"arn:aws:iam::{RED}:user/u"}
    # The function was moved, and the user is gone since.
    Wrote(policy="users", resources=[user]).into(out, f"{RED}/{REGION}/users/2026/03/09/110000")
    Wrote(policy="users", region="us-east-1").into(out, f"{RED}/us-east-1/users/2026/03/10/110000")
    (tmp_path / "report").mkdir()
    account = Account(RED, "red", (REGION, "us-east-1"))
    with collect(
        str(out), accounts=Accounts((account,), ()), policies=[users], target=tmp_path / "report", now=NOW
    ) as store:
        assert [(check.region, check.state, check.matched) for check in store.checks()] == [("global", "ran", 0)]
