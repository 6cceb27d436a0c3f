"""Realtime policies in force: deployed, run from their archives, and answering real changes.

Plain custodian deploys them, a function each, or `deploy --grouped`, which lets them share functions. The archive runs
in an environment that holds boto3 and nothing of ours, so what it lacks is missing here too. A case makes its
resources, changes them as anybody would, and waits until the functions have handled every event.
"""
from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import yaml

from custom_actions.names import TOPIC

from ..command import program
from ..policies import Policy
from ..sandbox import ACCOUNT, REGION, SandboxError
from .files import Case
from .outcome import expect
from .world import World, read_notify, topics_of

if TYPE_CHECKING:
    from ..sandbox import Sandbox

_PATIENCE = 90.0
"""Seconds until an event that nobody answered is a failure."""
_DEPLOY_SECONDS = 300


class DeployedAccount:
    """One account of the sandbox with realtime policies in force, and a queue that hears the alerts."""

    def __init__(self, sandbox: Sandbox, policies: Iterable[Policy]) -> None:
        """An account that is ready for these policies, of the mode cloudtrail; `deploy` deploys them."""
        self.sandbox = sandbox
        self.client = lambda service: sandbox.client(service, ACCOUNT, REGION)
        self._policies = {policy.name: policy for policy in policies}
        self._subscribed = {name: _calls(policy) for name, policy in self._policies.items()}
        self._calls: Counter[tuple[str, str]] = Counter()
        self._recorded = 0
        self._functions = {policy.function: [policy.name] for policy in self._policies.values()}
        """By function, the policies that it runs: one, or those of a group."""
        self._ends = {function: _Ends(sandbox, function) for function in self._functions}
        self._handled: dict[str, int] = {}
        self._open: dict[str, int] = {}
        roles = {str(policy.mode.get("role", "guardrails")).rpartition("/")[2] for policy in self._policies.values()}
        for role in sorted(roles):
            self.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument="{}")
        self.queue = self.client("sqs").create_queue(QueueName="alerts")["QueueUrl"]
        arn = self.client("sqs").get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        topics = {TOPIC, *(topic for policy in self._policies.values() for topic in topics_of(policy.data))}
        for topic in sorted(topics):
            self.client("sns").subscribe(
                TopicArn=self.client("sns").create_topic(Name=topic)["TopicArn"], Protocol="sqs",
                Endpoint=arn["Attributes"]["QueueArn"])

    def deploy(self, directory: Path) -> None:
        """Deploy the policies, a function each, with every profile on, and without delays: nothing is pending in moto.

        Raises SandboxError when they cannot be deployed, or their functions do not come to rest.
        """
        # What hears of new functions comes last, so that it hears of few.
        files = _write_at_once(self._policies.values(), directory)
        deploy(self.sandbox, directory, sorted(files, key=lambda file: "lambda.amazonaws.com" in file.read_text()))
        self._start()

    def deploy_grouped(self, directory: Path) -> None:
        """The same with functions that policies share. Raises SandboxError."""
        deploy_grouped(self.sandbox, directory, self._policies.values())
        self._functions = {}
        for name in self._policies:
            rule = self._policies[name].function
            [target] = self.client("events").list_targets_by_rule(Rule=rule)["Targets"]
            self._functions.setdefault(target["Arn"].rpartition(":")[2], []).append(name)
        self._start()

    @property
    def functions(self) -> list[str]:
        """The names of the functions that run the policies."""
        return sorted(self._functions)

    def _start(self) -> None:
        """Wait until the events of the deployment itself have been handled; what follows is counted from here.

        A function that starts for the first time takes seconds until it logs anything: at rest are only functions that
        have ended as often as they have been called.
        """
        end = time.monotonic() + _PATIENCE
        due = self._called_by_deployment()
        idle: dict[str, tuple[int, int]] = {}
        while (now := self._invocations()) != idle or any(
                begun != ended or ended < due[name] for name, (begun, ended) in now.items()):
            if time.monotonic() > end:
                raise SandboxError(f"the deployment's own events were not handled within {_PATIENCE:.0f} s: {now}")
            idle = now
            time.sleep(2)
        self._recorded = len(self.sandbox.events(ACCOUNT))
        self._ends = {function: _Ends(self.sandbox, function) for function in self._functions}
        for ends in self._ends.values():
            ends.skip()

    def _called_by_deployment(self) -> Counter[str]:
        """How often each function has been called at least: by what was done since its policies' rules have targets."""
        function_of = {name: function for function, names in self._functions.items() for name in names}
        listening: set[str] = set()
        """Policies whose rules have targets."""
        due: Counter[str] = Counter()
        for record in self.sandbox.events(ACCOUNT):
            if record.get("errorCode"):
                continue
            call = record["eventSource"], record["eventName"]
            due.update(function_of[name] for name in listening if call in self._subscribed[name])
            if call == ("events.amazonaws.com", "PutTargets"):
                rule = record["requestParameters"].get("rule")
                listening |= {name for name, policy in self._policies.items() if policy.function == rule}
        return due

    def logs(self, policy: str, since: int = 0) -> str:
        """The log of the function that runs a policy, since a time in milliseconds."""
        function = next(function for function, names in self._functions.items() if policy in names)
        events = self.sandbox.log_events(function, ACCOUNT, REGION, since=since)
        return "\n".join(event["message"].rstrip("\n") for event in events)

    def _invocations(self) -> dict[str, tuple[int, int]]:
        """How often each function has begun and ended."""
        logs = {name: self.sandbox.logs(name, ACCOUNT, REGION).splitlines() for name in self._functions}
        return {name: (sum(line.startswith("START RequestId") for line in log),
                       sum(line.startswith("END RequestId") for line in log)) for name, log in logs.items()}

    def put(self, detail_type: str, detail: dict[str, Any]) -> None:
        """Put an event on the bus that no API call makes."""
        emit(self.sandbox, ACCOUNT, REGION, detail_type, detail)
        self._calls[detail["eventSource"], detail["eventName"]] += 1

    def unanswered(self) -> dict[str, int]:
        """For each function, how many events that its policies subscribe to it has not finished with.

        An event rule is of one policy, so an event that two policies of a function subscribe to counts twice.

        The logs are read before the events: what is handled by then is among the events, those that fixes caused
        too, so that equal numbers mean that nothing is left. A log is read only while something of it is to come.
        """
        for name in self._open:
            self._handled[name] = self._ends[name].count()
        records = self.sandbox.events(ACCOUNT, after=self._recorded)
        self._recorded += len(records)
        self._calls.update((record["eventSource"], record["eventName"])
                           for record in records if not record.get("errorCode"))
        self._open = {}
        for function, names in self._functions.items():
            due = sum(self._calls[call] for name in names for call in self._subscribed[name] & self._calls.keys())
            if waiting := due - self._handled.get(function, 0):
                self._open[function] = waiting
        return self._open

    def settle(self) -> None:
        """Wait until every event, those that the fixes caused among them, has been handled. Raises NotAsExpected."""
        end = time.monotonic() + _PATIENCE
        while waiting := self.unanswered():
            expect(time.monotonic() < end, f"functions answer every event within {_PATIENCE:.0f} s",
                   f"not answered: {waiting}")
            time.sleep(0.2)

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that have arrived since the last look."""
        found: list[dict[str, Any]] = []
        sqs = self.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(read_notify(json.loads(message["Body"])["Message"]))
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def run(self, case: Case) -> None:
        """Run one case, whose policy is deployed. Raises NotAsExpected."""
        world = World(
            self.client, self.settle, backdate=self.sandbox.backdate, set_owner=self.sandbox.set_owner, put=self.put)
        name = str(case.policy["name"])
        begun = int(time.time() * 1000)
        world.do(case.make)
        self.settle()
        self.alerts()
        world.do(case.change)
        self.settle()

        world.check(case.fixed)
        logs = self.logs(name, since=begun)
        expect("Traceback" not in logs, "the function logs no error", logs[-1500:])
        alerts = [alert for alert in self.alerts() if alert["policy"]["name"] == name]
        for expression, expected in case.alert.items():
            seen = world.search(expression, alerts)
            expect(seen == expected, f"of the policy's alerts, {expression} is {expected!r}", f"{seen!r} in {alerts}")
        expect(bool(case.fixed or case.alert),
               "the case says under `fixed` or `alert` what the function must have done", "it does not")


def _at_once(data: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The policy with its profile on, without delays, and with these parameters if it has them."""
    policy = deepcopy(dict(data))
    policy["mode"].pop("delay", None)
    metadata = policy.get("metadata") or {}
    own = metadata.get("parameters") or {}
    # Everything in a case is of this minute.
    own |= {name: value for name, value in {"settled_minutes": 0, **parameters}.items() if name in own}
    if profile := metadata.get("profile"):
        own["profiles"] = [profile]
    if own:
        metadata["parameters"] = own
    return policy


class _Ends:
    """How often a function has ended; each look reads only what is new in its log."""

    _LATE = 10_000
    """Milliseconds by which a line may be older than others that were there before it."""

    def __init__(self, sandbox: Sandbox, function: str) -> None:
        self._read = partial(sandbox.log_events, function, ACCOUNT, REGION, pattern="END")
        self._seen: set[tuple[int, str, str]] = set()
        self._latest = 0
        self._skipped = 0

    def skip(self) -> None:
        """Count from here."""
        self._skipped = self.count() + self._skipped

    def count(self) -> int:
        for event in self._read(since=max(0, self._latest - self._LATE)):
            if event["message"].startswith("END RequestId"):
                self._seen.add((event["timestamp"], event["logStreamName"], event["message"]))
                self._latest = max(self._latest, event["timestamp"])
        return len(self._seen) - self._skipped


def _write_at_once(
    policies: Iterable[Policy], directory: Path, parameters: Mapping[str, Any] | None = None
) -> list[Path]:
    """Policy files like those that the policies come from, with every profile on and without delays."""
    by_file: dict[Path, list[dict[str, Any]]] = {}
    for policy in policies:
        by_file.setdefault(policy.source.path, []).append(_at_once(policy.data, parameters or {}))
    files = []
    for number, listed in enumerate(by_file.values()):
        files.append(directory / f"{number}.yml")
        files[-1].write_text(yaml.safe_dump({"policies": listed}), encoding="utf-8")
    return files


def _calls(policy: Policy) -> frozenset[tuple[str, str]]:
    """The sources and names of the events that the policy's rule lets through: c7n makes all pairs of them."""
    from c7n.mu import CloudWatchEventSource

    detail = json.loads(CloudWatchEventSource(deepcopy(dict(policy.mode)), None).render_event_pattern())["detail"]
    return frozenset(product(detail["eventSource"], detail["eventName"]))


def deploy(sandbox: Sandbox, directory: Path, files: Sequence[Path]) -> None:
    """Deploy policy files into the account with plain custodian, as a user would; its output goes to `directory`.

    Raises SandboxError with what custodian said.
    """
    _run_program(sandbox, directory, ACCOUNT, "custodian", "run", "-s", directory / "out", *files)


def deploy_grouped(
    sandbox: Sandbox, directory: Path, policies: Iterable[Policy], account: str = ACCOUNT,
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Deploy the policies with functions that they share, which fix, with every profile on and without delays.

    `parameters` are for the policies that have them. Raises SandboxError with what `deploy` said.
    """
    files = directory / "policies"
    files.mkdir()
    _write_at_once(policies, files, parameters or {})
    _run_program(sandbox, directory, account, "guardrails", "deploy", "--grouped", "--heal", "--yes",
                 "--region", REGION, "--policies", files)


def _run_program(sandbox: Sandbox, directory: Path, account: str, name: str, *arguments: str | Path) -> None:
    done = subprocess.run(
        [program(name), *map(str, arguments)],
        cwd=directory, check=False, timeout=_DEPLOY_SECONDS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env={**os.environ, **sandbox.environment(account=account, region=REGION)},
    )
    if done.returncode:
        raise SandboxError(f"{name} could not deploy the policies:\n{done.stdout[-4000:]}")


def emit(sandbox: Sandbox, account: str, region: str, detail_type: str, detail: Mapping[str, Any]) -> None:
    """Put an event of AWS's own on the account's bus, for a call that the sandbox does not have (a sign-in)."""
    source = f"aws.{str(detail['eventSource']).partition('.')[0]}"
    body = {"Entries": [
        {"Source": source, "DetailType": detail_type, "Resources": [], "Detail": json.dumps(detail)}]}
    request = Request(sandbox.endpoint, data=json.dumps(body).encode(), headers={  # noqa: S310 - our own gateway
        "X-Amz-Target": "AWSEvents.EmitServiceEvents", "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/events/aws4_request, "
                         "SignedHeaders=host, Signature=none"})
    with urlopen(request, timeout=30) as response:  # noqa: S310
        if json.load(response).get("FailedEntryCount"):
            raise SandboxError(f"the sandbox did not take the event {detail_type}")
