"""Runs a policy's cases through the real engine against a local AWS.

A case file `tests/policies/<mode>/<service>.yml` mirrors `policies/<mode>/<service>.yml`. Its keys are policy names,
each with a list of cases; `docs/policies.md` tells how to write one. The engine is c7n itself, in pull mode; the AWS
is moto's server.
"""
from __future__ import annotations

import base64
import copy
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import jmespath
import pytest
from botocore.exceptions import ClientError

from guardrails import yamlfile
from guardrails.sandbox import Sandbox
from guardrails.sandbox.backdate import backdate
from guardrails.sandbox.ownership import set_owner
from tests import engine
from tests.moto_server import ACCOUNT, REGION

ROOT = Path(__file__).parents[2]
POLICIES = ROOT / "policies"
CASES = Path(__file__).parent
TOPIC = "guardrails-compliance"
REPORTING = ("alert", "none")
"""Responses that change nothing on the resource."""


@dataclass(frozen=True)
class Case:
    """One situation: resources to make, the verdict on each, and what the fix must have done."""

    policy: Mapping[str, Any]
    name: str
    make: list[Any]
    match: list[str] = field(default_factory=list)
    passes: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    fixed: list[dict[str, Any]] = field(default_factory=list)
    change: list[Any] = field(default_factory=list)
    """Realtime only: the calls that the function answers."""
    alert: dict[str, Any] = field(default_factory=dict)
    """Realtime only: JMESPath over the list of the policy's alerts, and what it must give."""
    vars: dict[str, Any] = field(default_factory=dict)
    """What the account's `vars` in accounts.yml would say; names that the case keeps are filled in."""
    outside: list[str] = field(default_factory=list)
    """Of `passes`, those that AWS Config must call NOT_APPLICABLE: the policy does not speak of them."""
    refused: list[str] = field(default_factory=list)
    """Of `match`, those that the fix must not touch: it would do harm. They stay as they are."""
    shows: list[str] = field(default_factory=list)
    """The parts of controls, by their names in the catalogues, that a resource of `match` violates."""

    def __str__(self) -> str:
        return f"{self.policy['name']}: {self.name}"


def policy_files() -> list[Path]:
    return sorted(POLICIES.glob("*/*.yml"))


@cache
def policies() -> Mapping[str, tuple[str, Mapping[str, Any]]]:
    """Every policy by name, with the folder of its mode. Read once: it takes half a second."""
    return {
        policy["name"]: (path.parent.name, policy)
        for path in policy_files()
        for policy in yamlfile.read(path).data["policies"]
    }


@cache
def cases(*modes: str) -> list[Case]:
    """The cases of the policies in these folders."""
    known = policies()
    found = []
    for path in sorted(CASES.glob("*/*.yml")):
        if path.parent.name not in modes:
            continue
        for name, listed in yamlfile.read(path).data.items():
            _, policy = known[name]
            for case in listed:
                renamed = {_FIELDS.get(key, key): value for key, value in case.items() if key != "case"}
                found.append(Case(policy=policy, name=case["case"], **renamed))
    return found


_FIELDS = {"pass": "passes", "not-applicable": "outside"}


def leaves(filters: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each filter of a policy is, those inside blocks too."""
    for index, entry in enumerate(filters or ()):
        inside = _inside(entry)
        if inside:
            yield from leaves(entry[inside], (*path, index, inside))
        else:
            yield (*path, index)


def without(filters: list[Any], path: tuple[Any, ...]) -> list[Any]:
    """The filters less the one at `path`; a block that becomes empty goes too."""
    index, *rest = path
    if not rest:
        return [entry for at, entry in enumerate(filters) if at != index]
    block, *inner = rest
    left = without(filters[index][block], tuple(inner))
    kept = [{**filters[index], block: left}] if left else []
    return [*filters[:index], *kept, *filters[index + 1:]]


def _inside(entry: Any) -> str | None:
    """The key of a block's list: and, or, not; `filters` for `scope`."""
    if not isinstance(entry, Mapping):
        return None
    if entry.get("type") == "scope":
        return "filters"
    block = next(iter(entry))
    return str(block) if len(entry) == 1 and block in ("and", "or", "not") else None


_BESIDE = ("keep", "expect", "as", "refused")
"""Keys of a step beside its call."""


class World:
    """The resources that a case made, by the names that it gave them."""

    def __init__(
        self, client: Any, settle: Callable[[], None] = lambda: None, *, account: str = ACCOUNT,
        backdate: Callable[..., None] = backdate, set_owner: Callable[..., None] = set_owner,
        put: Callable[[str, dict[str, Any]], None] | None = None,
    ) -> None:
        self._client = client
        self._settle = settle
        self._backdate = backdate
        self._set_owner = set_owner
        self._put = put
        self.names: dict[str, Any] = {"account_id": account, "region": REGION}

    def do(self, steps: list[Any]) -> None:
        """Make the calls; each is `service.operation: parameters`, with `keep: {name: JMESPath}` beside it.

        `as: access key id`, beside it too, makes the call with that key; `refused: code` says that AWS refuses it.

        The step `settle` waits until the functions have handled every event so far; `backdate` makes a date in moto's
        state one of so many days ago; `owner` gives a network resource to another account; `event`, with a
        `detail-type` and a `detail`, puts an event on the bus that no API call makes, such as a sign-in.
        """
        for step in steps:
            if step == "settle":
                self._settle()
                continue
            if "event" in step:
                assert self._put, "only realtime cases have a bus"
                self._put(step["event"]["detail-type"], self.fill(step["event"]["detail"]))
                continue
            if "backdate" in step:
                self._backdate(
                    self.fill(step["backdate"]), step["days"], account=self.names["account_id"], region=REGION)
                continue
            if "owner" in step:
                self._set_owner(
                    self.fill(step["owner"]), step["account"], account=self.names["account_id"], region=REGION)
                continue
            if "refused" in step:
                with pytest.raises(ClientError, match=step["refused"]):
                    self._call(step)
                continue
            answer = self._call(step)
            for name, expression in (step.get("keep") or {}).items():
                value = jmespath.search(expression, answer)
                assert value is not None, f"{step}: the answer has no {expression}: {answer}"
                self.names[name] = value

    def check(self, steps: list[dict[str, Any]]) -> None:
        """Make the calls and compare: each has `expect: {JMESPath: value}`."""
        for step in steps:
            answer = self._call(step)
            for expression, expected in step["expect"].items():
                seen = jmespath.search(self.fill(expression), answer)
                assert seen == self.fill(expected), f"{step}: {expression} is {seen!r} in {answer}"

    def search(self, expression: str, data: Any) -> Any:
        """A JMESPath expression on data, names filled in."""
        return jmespath.search(self.fill(expression), data)

    def ids(self, names: list[str]) -> list[str]:
        return [str(self.names.get(name, name)) for name in names]

    def _call(self, step: Mapping[str, Any]) -> Any:
        [(call, parameters)] = [(key, value) for key, value in step.items() if key not in _BESIDE]
        service, operation = call.split(".")
        client = self._client(service)
        if "as" in step:
            # Not the session that boto3 keeps: another test may have made it, for another configuration.
            client = boto3.Session().client(
                service, region_name=client.meta.region_name, endpoint_url=client.meta.endpoint_url,
                aws_access_key_id=self.fill(step["as"]), aws_secret_access_key="test",
            )
        return getattr(client, operation)(**self.fill(parameters or {}))

    def fill(self, value: Any) -> Any:
        """`{name}` in any string becomes what was kept under that name; other braces stay."""
        if isinstance(value, dict):
            return {key: self.fill(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self.fill(entry) for entry in value]
        if isinstance(value, str):
            for name, kept in self.names.items():
                if value == f"{{{name}}}":
                    return kept
                value = value.replace(f"{{{name}}}", str(kept))
        return value


@dataclass(frozen=True)
class Matching:
    """What a policy's filters say of some resources, by id."""

    matched: set[str]
    in_scope: set[str]
    """Those that pass the filter `scope`; all of them without one."""


class Engine:
    """c7n on one policy, in pull mode."""

    def __init__(self, policy: Mapping[str, Any], output: Path, variables: Mapping[str, Any] | None = None) -> None:
        self.data = {key: value for key, value in policy.items() if key != "mode"}
        self.output = output
        self.variables = variables

    def everything(self) -> dict[str, dict[str, Any]]:
        """All that the policy looks at, by id: what would match if its filters and conditions were gone."""
        return self._run({**self.data, "filters": [], "actions": [], "conditions": []}, dryrun=True)

    def run(self, *, dryrun: bool) -> dict[str, dict[str, Any]]:
        """The resources that match, by id; without `dryrun` the actions have run on them."""
        return self._run(self.data, dryrun=dryrun)

    def in_force(self) -> bool:
        """Whether the policy's conditions hold, such as a profile that is chosen."""
        return bool(engine.load(self.data, self.output, variables=self.variables).is_runnable())

    def matching(self, filters: list[Any], of: Mapping[str, Any]) -> Matching | None:
        """What other filters would match among the resources `of`; None when c7n does not take them."""
        try:
            policy = engine.load(
                {**self.data, "filters": filters, "actions": []}, self.output, dryrun=True, variables=self.variables)
            id_key = policy.resource_manager.get_model().id
            # Read once for all: filters note what they find on the resource itself.
            resources = copy.deepcopy(list(of.values()))
            scope = next((each for each in policy.resource_manager.filters if getattr(each, "is_scope", False)), None)
            inside = scope.process(copy.deepcopy(resources)) if scope else resources
            found = policy.resource_manager.filter_resources(resources)
            return Matching(*({str(resource[id_key]) for resource in each} for each in (found, inside)))
        except Exception:  # noqa: BLE001 - any error would be seen
            return None

    def _run(self, data: dict[str, Any], *, dryrun: bool) -> dict[str, dict[str, Any]]:
        policy = engine.load(data, self.output, dryrun=dryrun, variables=self.variables)
        id_key = policy.resource_manager.get_model().id
        return {str(resource[id_key]): resource for resource in policy() or ()}


def deploy(sandbox: Sandbox, directory: Path, files: Iterable[Path]) -> None:
    """Deploy policy files into the account with plain custodian, as a user would; its output goes to `directory`."""
    subprocess.run(
        [Path(sys.executable).with_name("custodian"), "run", "-s", str(directory / "out"), *map(str, files)],
        cwd=directory, check=True, timeout=300,
        env={**os.environ, **sandbox.environment(account=ACCOUNT, region=REGION)},
    )


@contextmanager
def compliance_topic(client: Any) -> Iterator[list[dict[str, Any]]]:
    """The compliance topic with a queue behind it; the messages that arrived are in the list afterwards."""
    topic = client("sns").create_topic(Name=TOPIC)["TopicArn"]
    queue = client("sqs").create_queue(QueueName=TOPIC)["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    messages: list[dict[str, Any]] = []
    yield messages
    for message in client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ()):
        messages.append(read_notify(json.loads(message["Body"])["Message"]))


def read_notify(text: str) -> dict[str, Any]:
    """What c7n's `notify` sent: JSON, compressed, in base64."""
    return json.loads(zlib.decompress(base64.b64decode(text)))
