"""Every realtime policy: deployed by plain custodian, run from its archive, and answering real changes.

The archive runs in an environment that holds boto3 and nothing of ours, so what it lacks is missing here too. A case
makes its resources, changes them as anybody would, and waits until the functions have handled every event.
"""
from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from c7n.mu import CloudWatchEventSource

from guardrails.sandbox import Sandbox
from tests.moto_server import ACCOUNT, REGION
from tests.sandboxed import emit

from .harness import POLICIES, Case, World, cases, deploy, policies, policy_files, read_notify

PATIENCE = 90.0
"""Seconds until an event that nobody answered is a failure."""


@pytest.fixture(scope="module")
def account(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    directory = tmp_path_factory.mktemp("realtime")
    with Sandbox.start(directory=directory / "sandbox") as sandbox:
        account = Account(sandbox)
        account.deploy(directory, _selected(request.session.items))
        yield account


def _selected(items: Iterable[pytest.Item]) -> frozenset[str]:
    """The policies that the selected tests of this file are about: a few with `-k`, and else all of them."""
    own = [item for item in items if item.path == Path(__file__) and isinstance(item, pytest.Function)]
    chosen = [item.callspec.params["case"].policy["name"] for item in own if hasattr(item, "callspec")]
    return frozenset(chosen if len(chosen) == len(own) else _patterns())


class Account:
    """One account of the sandbox with all realtime policies in force, and a queue that hears the alerts."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.client = lambda service: sandbox.client(service, ACCOUNT, REGION)
        self._put: list[tuple[str, str]] = []
        self._before = 0
        self._idle: dict[str, tuple[int, int]] = {}
        self._handled: dict[str, int] = {}
        self._open: dict[str, int] = {}
        self._deployed: frozenset[str] = frozenset()
        self.client("iam").create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
        topic = self.client("sns").create_topic(Name="guardrails-compliance")["TopicArn"]
        self.queue = self.client("sqs").create_queue(QueueName="alerts")["QueueUrl"]
        arn = self.client("sqs").get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        self.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])

    def deploy(self, directory: Path, names: frozenset[str]) -> None:
        """Deploy realtime policies with every profile on, and without delays, because nothing is pending in moto."""
        self._deployed = names
        files = []
        for path in policy_files():
            if path.parent.name != "realtime":
                continue
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
            data["policies"] = [policy for policy in data["policies"] if policy["name"] in names]
            if not data["policies"]:
                continue
            for policy in data["policies"]:
                policy["mode"].pop("delay", None)
                if "settled_minutes" in (parameters := policy["metadata"].get("parameters") or {}):
                    # Everything in a case is of this minute.
                    policy["metadata"]["parameters"] = {**parameters, "settled_minutes": 0}
                if profile := policy["metadata"].get("profile"):
                    policy["metadata"]["parameters"] = {**policy["metadata"]["parameters"], "profiles": [profile]}
            files.append(directory / path.name)
            files[-1].write_text(yaml.safe_dump(data), encoding="utf-8")
        # What hears of new functions comes last, so that it hears of few.
        deploy(self.sandbox, directory, sorted(files, key=lambda file: "lambda.amazonaws.com" in file.read_text()))
        self._start()

    def _start(self) -> None:
        """Wait until the events of the deployment itself have been handled; what follows is counted from here."""
        end = time.monotonic() + PATIENCE
        while (idle := self._invocations()) != self._idle or any(begun != ended for begun, ended in idle.values()):
            assert time.monotonic() < end, f"the deployment's own events were not handled within {PATIENCE} s: {idle}"
            self._idle = idle
            time.sleep(2)
        self._before = len(self.sandbox.events(ACCOUNT))

    def _invocations(self) -> dict[str, tuple[int, int]]:
        """How often each policy's function has begun and ended."""
        logs = {name: self.sandbox.logs(f"custodian-{name}", ACCOUNT, REGION) for name in sorted(self._deployed)}
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
            ended = self.sandbox.logs(f"custodian-{name}", ACCOUNT, REGION).count("END RequestId")
            self._handled[name] = ended - self._idle[name][1]
        calls = [(record["eventSource"], record["eventName"]) for record in self.sandbox.events(ACCOUNT)[self._before:]
                 if not record.get("errorCode")]
        calls += self._put
        self._open = {}
        for name in sorted(self._deployed):
            policy = policies()[name][1]
            if waiting := sum(1 for call in calls if call in _subscribed(policy)) - self._handled.get(name, 0):
                self._open[name] = waiting
        return self._open

    def settle(self) -> None:
        """Wait until every event, those that the fixes caused among them, has been handled."""
        end = time.monotonic() + PATIENCE
        while waiting := self.unanswered():
            assert time.monotonic() < end, f"not answered within {PATIENCE} s: {waiting}"
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


@cache
def _patterns() -> dict[str, frozenset[tuple[str, str]]]:
    """For each policy, the sources and names of the events that its rule lets through: c7n makes all pairs of them."""
    patterns = {name: CloudWatchEventSource(deepcopy(dict(policy["mode"])), None).render_event_pattern()
                for name, (mode, policy) in policies().items() if mode == "realtime"}
    details = {name: json.loads(pattern)["detail"] for name, pattern in patterns.items()}
    return {name: frozenset(product(detail["eventSource"], detail["eventName"])) for name, detail in details.items()}


def _subscribed(policy: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    return _patterns()[policy["name"]]


# What other parameters than the defaults decide is for test_realtime_decisions: the functions are deployed once.
@pytest.mark.parametrize("case", [case for case in cases("realtime") if not case.vars], ids=str)
def test_case(case: Case, account: Account) -> None:
    world = World(account.client, account.settle, put=account.put)
    world.do(case.make)
    account.settle()
    account.alerts()
    world.do(case.change)
    account.settle()

    world.check(case.fixed)
    logs = account.sandbox.logs(f"custodian-{case.policy['name']}", ACCOUNT, REGION)
    assert "Traceback" not in logs, logs
    alerts = [alert for alert in account.alerts() if alert["policy"]["name"] == case.policy["name"]]
    for expression, expected in case.alert.items():
        assert world.search(expression, alerts) == expected, alerts
    assert case.fixed or case.alert, "the case does not say what the function must have done"


def test_every_realtime_policy_is_deployed(account: Account) -> None:
    functions = {
        function["FunctionName"]
        for page in account.client("lambda").get_paginator("list_functions").paginate()
        for function in page["Functions"]
    }
    assert functions >= {
        f"custodian-{policy['name']}"
        for path in (POLICIES / "realtime").glob("*.yml")
        for policy in yaml.safe_load(path.read_text(encoding="utf-8"))["policies"]
    }
