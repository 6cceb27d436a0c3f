"""Realtime policies in force: deployed by plain custodian, run from their archives, and answering real changes.

The archive runs in an environment that holds boto3 and nothing of ours, so what it lacks is missing here too. A case
makes its resources, changes them as anybody would, and waits until the functions have handled every event.
"""
from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
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
        self._put: list[tuple[str, str]] = []
        self._before = 0
        self._idle: dict[str, tuple[int, int]] = {}
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
        """Deploy the policies with every profile on, and without delays, because nothing is pending in moto.

        Raises SandboxError when they cannot be deployed, or their functions do not come to rest.
        """
        by_file: dict[Path, list[dict[str, Any]]] = {}
        for policy in self._policies.values():
            by_file.setdefault(policy.source.path, []).append(_at_once(policy.data))
        files = []
        for number, listed in enumerate(by_file.values()):
            files.append(directory / f"{number}.yml")
            files[-1].write_text(yaml.safe_dump({"policies": listed}), encoding="utf-8")
        # What hears of new functions comes last, so that it hears of few.
        deploy(self.sandbox, directory, sorted(files, key=lambda file: "lambda.amazonaws.com" in file.read_text()))
        self._start()

    def _start(self) -> None:
        """Wait until the events of the deployment itself have been handled; what follows is counted from here."""
        end = time.monotonic() + _PATIENCE
        while (idle := self._invocations()) != self._idle or any(begun != ended for begun, ended in idle.values()):
            if time.monotonic() > end:
                raise SandboxError(f"the deployment's own events were not handled within {_PATIENCE:.0f} s: {idle}")
            self._idle = idle
            time.sleep(2)
        self._before = len(self.sandbox.events(ACCOUNT))

    def logs(self, policy: str) -> str:
        """The log of a policy's function."""
        return self.sandbox.logs(self._policies[policy].function, ACCOUNT, REGION)

    def _invocations(self) -> dict[str, tuple[int, int]]:
        """How often each policy's function has begun and ended."""
        logs = {name: self.logs(name) for name in sorted(self._policies)}
        return {name: (log.count("START RequestId"), log.count("END RequestId")) for name, log in logs.items()}

    def put(self, detail_type: str, detail: dict[str, Any]) -> None:
        """Put an event on the bus that no API call makes."""
        emit(self.sandbox, ACCOUNT, REGION, detail_type, detail)
        self._put.append((detail["eventSource"], detail["eventName"]))

    def unanswered(self) -> dict[str, int]:
        """For each policy, how many events that it subscribes to its function has not finished with.

        The logs are read before the events: what is handled by then is among the events, those that fixes caused
        too, so that equal numbers mean that nothing is left. A log is read only while something of it is to come.
        """
        for name in self._open:
            self._handled[name] = self.logs(name).count("END RequestId") - self._idle[name][1]
        calls = [(record["eventSource"], record["eventName"]) for record in self.sandbox.events(ACCOUNT)[self._before:]
                 if not record.get("errorCode")]
        calls += self._put
        self._open = {}
        for name in sorted(self._policies):
            subscribed = self._subscribed[name]
            if waiting := sum(1 for call in calls if call in subscribed) - self._handled.get(name, 0):
                self._open[name] = waiting
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
        world.do(case.make)
        self.settle()
        self.alerts()
        world.do(case.change)
        self.settle()

        world.check(case.fixed)
        name = str(case.policy["name"])
        logs = self.logs(name)
        expect("Traceback" not in logs, "the function logs no error", logs[-1500:])
        alerts = [alert for alert in self.alerts() if alert["policy"]["name"] == name]
        for expression, expected in case.alert.items():
            seen = world.search(expression, alerts)
            expect(seen == expected, f"of the policy's alerts, {expression} is {expected!r}", f"{seen!r} in {alerts}")
        expect(bool(case.fixed or case.alert),
               "the case says under `fixed` or `alert` what the function must have done", "it does not")


def _at_once(data: Mapping[str, Any]) -> dict[str, Any]:
    """The policy with its profile on, and without delays."""
    policy = deepcopy(dict(data))
    policy["mode"].pop("delay", None)
    metadata = policy.get("metadata") or {}
    if "settled_minutes" in (metadata.get("parameters") or {}):
        # Everything in a case is of this minute.
        metadata["parameters"] = {**metadata["parameters"], "settled_minutes": 0}
    if profile := metadata.get("profile"):
        metadata["parameters"] = {**(metadata.get("parameters") or {}), "profiles": [profile]}
    return policy


def _calls(policy: Policy) -> frozenset[tuple[str, str]]:
    """The sources and names of the events that the policy's rule lets through: c7n makes all pairs of them."""
    from c7n.mu import CloudWatchEventSource

    detail = json.loads(CloudWatchEventSource(deepcopy(dict(policy.mode)), None).render_event_pattern())["detail"]
    return frozenset(product(detail["eventSource"], detail["eventName"]))


def deploy(sandbox: Sandbox, directory: Path, files: Sequence[Path]) -> None:
    """Deploy policy files into the account with plain custodian, as a user would; its output goes to `directory`.

    Raises SandboxError with what custodian said.
    """
    done = subprocess.run(
        [program("custodian"), "run", "-s", str(directory / "out"), *map(str, files)],
        cwd=directory, check=False, timeout=_DEPLOY_SECONDS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env={**os.environ, **sandbox.environment(account=ACCOUNT, region=REGION)},
    )
    if done.returncode:
        raise SandboxError(f"custodian could not deploy the policies:\n{done.stdout[-4000:]}")


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
