"""A stack of sweeps against moto: the state machine is played by the test, its steps are the worker's own code."""
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from custom_actions.names import SWEEPS
from guardrails.distributed import worker
from guardrails.distributed.bucket import NoSuchObject, SweepBucket
from guardrails.distributed.execution import StateMachine
from guardrails.distributed.shards import shards_of
from guardrails.errors import GuardrailsError
from guardrails.runs.progress import Progress
from tests.step_functions import BUCKET, filled_stack

from ..conftest import HOME, POLICIES, Cloud, guardrails

REGION = "us-east-1"


@dataclass
class Played:
    """The state machine: it makes the steps one after the other, in this process."""

    cloud: Cloud
    lost: dict[str, str] = field(default_factory=dict)
    """Shard id to the error with which its worker ends; it writes nothing."""
    before_sweep: Callable[[dict[str, Any]], None] = lambda message: None
    status: str = "SUCCEEDED"
    map_error: str = ""
    """An error of the map run itself: no shard is run."""
    swept: list[str] = field(default_factory=list)
    reduces: bool = True

    def start(self, machine: StateMachine, run: str, attempt: int) -> str:
        """In place of `StateMachine.start`."""
        self.run({"run": run, "attempt": attempt, "nightly": False})
        return f"arn:aws:states:{REGION}:{HOME}:execution:{SWEEPS}:{run}-{attempt}"

    def run(self, message: dict[str, Any]) -> dict[str, Any]:
        """One execution; returns its output."""
        planned = self.step({"step": "plan", **message})
        shards = json.loads(self.read(planned["key"]))
        failed = []
        ended: dict[str, Any] = {"Error": self.map_error, "Cause": "no item"} if self.map_error else {}
        for shard in [] if self.map_error else shards:
            each = {"step": "sweep", "run": message["run"], "attempt": message["attempt"],
                    "question": planned["question"], "shard": shard}
            if why := self.lost.get(shard["id"]):
                failed.append({"Input": json.dumps(each), "Status": "FAILED", "Error": "Runtime.ExitError",
                               "Cause": json.dumps({"errorMessage": why})})
                continue
            self.before_sweep(each)
            self.swept.append(shard["id"])
            self.step(each)
        if not ended:
            ended = {"ResultWriterDetails": {"Bucket": BUCKET, "Key": self.results(planned["results"], failed)}}
        if not self.reduces:
            return {}
        return self.step({
            "step": "reduce", **message, "question": planned["question"], "map": ended})

    def results(self, prefix: str, failed: list[dict[str, Any]]) -> str:
        """What ResultWriter writes; returns the key of its manifest."""
        s3 = self.cloud.client("s3")
        s3.put_object(Bucket=BUCKET, Key=f"{prefix}/x/FAILED_0.json", Body=json.dumps(failed).encode())
        s3.put_object(Bucket=BUCKET, Key=f"{prefix}/x/manifest.json", Body=json.dumps({"ResultFiles": {
            "SUCCEEDED": [], "PENDING": [], "FAILED": [{"Key": f"{prefix}/x/FAILED_0.json"}]}}).encode())
        return f"{prefix}/x/manifest.json"

    @staticmethod
    def step(message: dict[str, Any]) -> dict[str, Any]:
        """One step, as the function gets it: its message went through JSON."""
        made = worker.make_step(json.loads(json.dumps(message)), None, whole=False)
        return dict(json.loads(json.dumps(made)))

    def read(self, key: str) -> bytes:
        """An object's content."""
        content: bytes = self.cloud.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def keys(self, prefix: str = "") -> dict[str, str]:
        """Key to ETag."""
        listed = self.cloud.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return {each["Key"]: each["ETag"] for each in listed.get("Contents", ())}


@pytest.fixture
def played(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Played:
    """The stack's bucket and state machine in moto. Shards have one region."""
    cloud.client("s3").create_bucket(Bucket=BUCKET)
    [machine] = filled_stack(HOME, REGION).resources("AWS::StepFunctions::StateMachine").values()
    cloud.client("stepfunctions").create_state_machine(
        name=SWEEPS, definition=json.dumps(machine["Definition"]), roleArn=f"arn:aws:iam::{HOME}:role/states")
    monkeypatch.setenv("BUCKET", BUCKET)
    monkeypatch.setattr(shards_of, "__defaults__", (1,))
    get = SweepBucket._get

    def denied(self: SweepBucket, key: str) -> Any:
        try:
            return get(self, key)
        except NoSuchObject:
            # The worker may list only some prefixes, so S3 does not tell it that an object does not exist.
            if "/shards/" in key:
                raise GuardrailsError(f"{key}: AccessDenied on GetObject", "") from None
            raise

    monkeypatch.setattr(SweepBucket, "_get", denied)
    found = Played(cloud)
    monkeypatch.setattr(StateMachine, "start", lambda self, run, attempt: found.start(self, run, attempt))
    monkeypatch.setattr(StateMachine, "describe", lambda self, execution: {"status": found.status})
    monkeypatch.setattr(StateMachine, "progress", lambda self, execution: Progress(0, 0))
    return found


def audit(config: Path, output: Path, *options: object, code: int | None = None) -> dict[str, Any]:
    """An audit with the test policies; returns its report."""
    ended = guardrails("audit", "-c", config, "--policies", POLICIES, "--history", "none", "-o", output,
                       "--format", "json", *options)
    assert code is None or ended.exit_code == code, ended.stderr
    report: dict[str, Any] = json.loads((output / "report.json").read_text())
    return report
