"""An audit on Step Functions, from the operator's machine: start it, follow it, and fetch the merged run.

Source: Step Functions' API reference: StartExecution is idempotent for the same name and input while the execution
runs; DescribeMapRun counts the items of a Distributed Map.
"""
from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from custom_actions.names import SWEEPS
from custom_actions.vocabulary import GLOBAL

from ..accounts import AWS_ERRORS, Accounts, account_region, make_session, reason_of, unchecked_accounts
from ..command import command
from ..errors import GuardrailsError
from ..results import FILE, RunStore
from ..runs import AuditRequest, AuditRun, Progress, ShowProgress, resume_audit, start_audit, without_progress
from .bucket import NoSuchObject, RunPlace, SweepBucket
from .planning import QUESTION_DIGEST, upload_nightly, upload_run, upload_shards
from .question import Question, digest
from .reduction import cause_text
from .shards import Shard, parse_shards

DISTRIBUTED = "distributed"
"""In the run's file: the state machine, the bucket, and the last attempt."""
MAP_STATE = "Shards"
"""The state with the Distributed Map; its reader names the bucket."""
_ARN = re.compile(r"arn:[\w-]+:states:(?P<region>[\w-]+):\d{12}:stateMachine:[\w.-]+")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_CLIENT = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 8})
_POLL_SECONDS = 5.0
_FIRST_POLL_SECONDS = 0.5
_PERMISSIONS = ("the credentials need states:DescribeStateMachine, ListStateMachines, StartExecution, "
                "DescribeExecution, ListMapRuns and DescribeMapRun (docs/scale.md)")


@dataclass(frozen=True)
class StateMachine:
    """The state machine of a stack of sweeps."""

    arn: str
    bucket: SweepBucket

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    @cached_property
    def _client(self) -> Any:
        return _states(self.region)

    @classmethod
    def find(cls, name: str = SWEEPS) -> StateMachine:
        """The state machine with this name or ARN.

        Raises GuardrailsError if there is none, if it is not one of ours, or if AWS refuses.
        """
        arn = name if _ARN.fullmatch(name) else _arn_of(name)
        region = arn.split(":")[3]
        try:
            found = _states(region).describe_state_machine(stateMachineArn=arn)
        except AWS_ERRORS as error:
            raise _refused(f"the state machine {name}", error) from None
        try:
            bucket = json.loads(found["definition"])["States"][MAP_STATE]["ItemReader"]["Parameters"]["Bucket"]
        except (KeyError, TypeError, ValueError):
            raise GuardrailsError(
                f"{arn}: not a state machine of guardrails",
                f"create its stack: {command('templates sweep')}, or name another one with --state-machine") from None
        return cls(arn, SweepBucket(str(bucket), region))

    def start(self, run: str, attempt: int) -> str:
        """Start an attempt of a run, unless it was started before. Returns the execution's ARN.

        Raises GuardrailsError if AWS refuses.
        """
        name = f"{run}-{attempt}"
        message = json.dumps({"run": run, "attempt": attempt, "nightly": False})
        try:
            return str(self._client.start_execution(
                stateMachineArn=self.arn, name=name, input=message)["executionArn"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionAlreadyExists":
                return f"{self.arn.replace(':stateMachine:', ':execution:')}:{name}"
            raise _refused(self.arn, error) from None
        except AWS_ERRORS as error:
            raise _refused(self.arn, error) from None

    def describe(self, execution: str) -> Mapping[str, Any]:
        """The execution. Raises GuardrailsError."""
        try:
            found: Mapping[str, Any] = self._client.describe_execution(executionArn=execution)
        except AWS_ERRORS as error:
            raise _refused(execution, error) from None
        return found

    def progress(self, execution: str) -> Progress:
        """How many shards have ended, well or not. Raises GuardrailsError."""
        try:
            runs = self._client.list_map_runs(executionArn=execution)["mapRuns"]
            counts = self._client.describe_map_run(mapRunArn=runs[0]["mapRunArn"])["itemCounts"] if runs else {}
        except AWS_ERRORS as error:
            raise _refused(execution, error) from None
        ended = sum(int(counts.get(state, 0)) for state in ("succeeded", "failed", "timedOut", "aborted"))
        return Progress(ended, 0)


@dataclass
class DistributedAudit:
    """An audit whose checks run on Step Functions."""

    run: AuditRun
    machine: StateMachine
    place: RunPlace
    problem: str = field(default="", init=False)
    """Why the execution did not succeed; empty if it did. The run may have results all the same."""

    @property
    def attempt(self) -> int:
        return int(self._facts["attempt"])

    @property
    def execution(self) -> str:
        """The ARN of the last execution; empty before it was started."""
        return str(self._facts.get("execution") or "")

    @property
    def _facts(self) -> Mapping[str, Any]:
        facts: Mapping[str, Any] = self.run.store[DISTRIBUTED]
        return facts

    def _note(self, **facts: Any) -> None:
        self.run.store[DISTRIBUTED] = {**self._facts, **facts}

    def sweep(
        self, progress: ShowProgress = without_progress, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Start the attempt, or find it running; wait until it ends, and fetch the merged run.

        On Ctrl-C the execution runs on. Raises GuardrailsError if it ended without a merged run, or if AWS refuses.
        """
        self._note(execution=self.machine.start(self.place.run, self.attempt))
        shards = parse_shards(self.place.bucket.read(self.place.shards(self.attempt)))
        pause = _FIRST_POLL_SECONDS
        with progress("sweeping", len(shards)) as advance:
            while (ended := self.machine.describe(self.execution))["status"] == "RUNNING":
                advance(self.machine.progress(self.execution))
                sleep(pause)
                pause = min(pause * 1.5, _POLL_SECONDS)
        if ended["status"] != "SUCCEEDED":
            self.problem = _ending(self.execution, ended)
        self._fetch()

    def _fetch(self) -> None:
        """Replace the local file of the run, completely or not at all, by the merged one."""
        path = self.run.store.path
        fetched = path.with_name(f".{FILE}.fetched")
        fetched.unlink(missing_ok=True)
        try:
            self.place.bucket.download(self.place.merged(self.attempt), fetched)
            with RunStore.open(fetched) as merged:
                if merged.get("run") != self.place.run:
                    raise GuardrailsError(
                        f"s3://{self.place.bucket.name}/{self.place.merged(self.attempt)}: not this run",
                        "start a new audit")
                merged.set_all({
                    "question": self.run.store["question"], DISTRIBUTED: {**self._facts, "fetched": self.attempt}})
            fetched.chmod(0o600)
            self.run.store.close()
            os.replace(fetched, path)
        except NoSuchObject as error:
            why = self.problem or f"{self.execution}: it has written no run: {error.problem}"
            raise GuardrailsError(
                why, f"see its log; `{command('audit --resume')} {path.parent}` runs the missing shards") from None
        finally:
            fetched.unlink(missing_ok=True)
        self.run.store = RunStore.open(path)


def start_distributed(request: AuditRequest, directory: Callable[[], Path], machine: StateMachine) -> DistributedAudit:
    """Start a new audit; its shards are in the bucket, and nothing runs yet.

    Raises GuardrailsError as `start_audit` does, without accounts.yml, and if S3 refuses.
    """
    run = start_audit(request, directory, _unchecked)
    place = upload_run(run, machine.bucket, machine.region)
    run.store[DISTRIBUTED] = {"machine": machine.arn, "attempt": 1, "fetched": 0}
    return DistributedAudit(run, machine, place)


def start_nightly(request: AuditRequest, directory: Path, machine: StateMachine) -> int:
    """Let the nightly sweep ask what this request asks; returns the number of its accounts.

    `directory` is empty, and only for the work. Raises GuardrailsError as `start_distributed` does.
    """
    run = start_audit(replace(request, history=""), lambda: directory, _unchecked)
    with run.store:
        upload_nightly(run, machine.bucket)
    return len(run.plan.accounts.all)


def resume_distributed(directory: Path) -> DistributedAudit | None:
    """The distributed audit in `directory`, ready for its next attempt, or for the end of its last one.

    The next attempt has those shards only that have a check without a complete result. None if the audit in `directory`
    runs on this machine. Raises GuardrailsError as `resume_audit` does, and if AWS refuses.
    """
    with RunStore.open(directory) as store:
        facts = store.get(DISTRIBUTED)
    if not facts:
        return None
    machine = StateMachine.find(facts["machine"])
    audit = resume_audit_unchecked(directory, machine)
    if not _has_ended(audit):
        return audit
    shards = parse_shards(audit.place.bucket.read(audit.place.shards(1)))
    left = [shard for shard in shards if shard.id in _incomplete(audit, shards)]
    number = audit.attempt + 1
    upload_shards(audit.place, number, left or shards)
    audit._note(attempt=number, execution="")
    return audit


def resume_audit_unchecked(directory: Path, machine: StateMachine) -> DistributedAudit:
    """The audit in `directory`, whose accounts its workers will enter. Raises GuardrailsError."""
    infos = {}
    with RunStore.open(directory) as store:
        infos = {info.name: info for info in store.accounts()}
    run = resume_audit(directory, _unchecked)
    # `resume_audit` has replaced them by those of accounts.yml: what the workers found out is still true.
    run.store.set_accounts(infos.values())
    place = RunPlace(machine.bucket, str(run.store["run"]))
    if digest(place.bucket.read(place.question)) != run.store.get(QUESTION_DIGEST):
        raise GuardrailsError(
            f"s3://{place.bucket.name}/{place.question}: changed since this audit began",
            f"start a new one: {command('audit --on step-functions')}")
    return DistributedAudit(run, machine, place)


def _has_ended(audit: DistributedAudit) -> bool:
    """Whether the last attempt has ended and was fetched, or can never be."""
    if audit._facts.get("fetched") == audit.attempt:
        return True
    if not audit.execution or audit.machine.describe(audit.execution)["status"] == "RUNNING":
        return False
    return not audit.place.bucket.exists(audit.place.merged(audit.attempt))


def _incomplete(audit: DistributedAudit, shards: list[Shard]) -> set[str]:
    """The ids of the shards that have no complete result of each of their checks."""
    if not audit._facts.get("fetched"):
        return {shard.id for shard in shards}
    question = Question.parse(audit.place.bucket.read(audit.place.question))
    numbers = {account.name: account.id for account in question.accounts}
    once = {info.name: account_region(info.regions) for info in audit.run.store.accounts()}
    of_account: dict[str, list[Shard]] = {}
    for shard in shards:
        of_account.setdefault(shard.account, []).append(shard)
    found: set[str] = set()
    for check in audit.run.store.checks(missing=True):
        candidates = of_account.get(numbers[check.account_name], [])
        region = once[check.account_name] if check.region == GLOBAL else check.region
        # If no shard is known to have it, each may have it.
        covering = [shard for shard in candidates if shard.covers(region)] or candidates
        found.update(shard.id for shard in covering)
    return found


def _unchecked(request: AuditRequest) -> Accounts:
    if not request.config:
        raise GuardrailsError(
            "a sweep on Step Functions needs accounts.yml: its workers enter each account with a role",
            "add -c accounts.yml, or `accounts:` in guardrails.yml")
    found = unchecked_accounts(Path(request.config), request.regions, request.choice)
    request.sources.check_accounts(found.listed)
    return found


def _states(region: str | None) -> Any:
    return make_session().client("stepfunctions", region_name=region, config=_CLIENT)


def _arn_of(name: str) -> str:
    """The ARN of the state machine with this name, in the region of the credentials."""
    if not _NAME.fullmatch(name):
        raise GuardrailsError(
            f"{name}: neither the name nor the ARN of a state machine",
            "arn:aws:states:REGION:ACCOUNT:stateMachine:NAME is an output of the stack")
    region = make_session().region_name
    if not region:
        raise GuardrailsError(
            f"no region in which the state machine {name} could be", "set AWS_REGION, or give its ARN")
    try:
        for page in _states(region).get_paginator("list_state_machines").paginate():
            for each in page["stateMachines"]:
                if each["name"] == name:
                    return str(each["stateMachineArn"])
    except AWS_ERRORS as error:
        raise _refused(f"the state machine {name}", error) from None
    raise GuardrailsError(
        f"there is no state machine {name} in {region}",
        f"create its stack ({command('templates sweep')}), or name another one with --state-machine")


def _refused(what: str, error: Exception) -> GuardrailsError:
    return GuardrailsError(f"{what}: {reason_of(error)}", _PERMISSIONS)


def _ending(execution: str, ended: Mapping[str, Any]) -> str:
    """Why an execution did not succeed, in one line."""
    error = ": ".join(filter(None, (str(ended.get("error") or ""), cause_text(ended.get("cause")))))
    words = {"FAILED": "failed", "TIMED_OUT": "ran out of time", "ABORTED": "was aborted"}
    return f"the execution {execution} {words.get(ended['status'], ended['status'])}" + (f": {error}" if error else "")
