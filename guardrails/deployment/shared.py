"""What the realtime functions of an account and region share: a dead-letter queue, and a table for their state.

Lambda sends an event to the queue when a function has failed on it three times, and EventBridge when it could not
deliver the event at all; otherwise the event would be lost without a word. The table is described in
custom_actions/aws/shared_state.py. Both are compared with what exists, created or corrected before the functions, and
removed by `undeploy` after the last function. A queue that holds messages is kept. What has one of these names but not
our tag is never touched.

Source: Lambda's guide, "Adding a dead-letter queue"; EventBridge's guide, "Using dead-letter queues to process
undelivered events", for the policy of the queue.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError, WaiterError
from c7n.utils import get_partition

from custom_actions.aws import EXPIRES, KEY, code_of
from custom_actions.names import EVENTS_QUEUE, FUNCTION_PREFIX, HUB_BUS, PROJECT, PROJECT_TAG, STATE_TABLE

from ..accounts import AWS_ERRORS, Account, reason_of
from ..command import command
from ..limits import DEPLOYMENT_READS
from .plans import DeploymentChange
from .reads import CLIENT

Place = tuple[Account, str]
"""An account and a region."""
_TWO_WEEKS = str(14 * 24 * 3600)
_COUNTS = (
    "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
_ABSENT = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "ResourceNotFoundException"})


class SharedKind(StrEnum):
    """The two shared resources."""

    QUEUE = "dead-letter queue"
    TABLE = "state table"

    @property
    def resource(self) -> str:
        """Its name in AWS."""
        return EVENTS_QUEUE if self is SharedKind.QUEUE else STATE_TABLE


@dataclass(frozen=True)
class PlannedShared:
    """One shared resource of an account and region, before a deployment."""

    account: Account
    region: str
    kind: SharedKind
    change: DeploymentChange
    reason: str = ""


@dataclass(frozen=True)
class SharedResult:
    """One shared resource after a deployment."""

    account: Account
    region: str
    kind: SharedKind
    outcome: str
    """created, updated, unchanged or failed."""
    reason: str = ""

    def to_dict(self) -> dict[str, str]:
        """The result as deploy.json has it."""
        return {
            "account": self.account.id, "account_name": self.account.name, "region": self.region,
            "kind": self.kind.value, "name": self.kind.resource, "outcome": self.outcome, "reason": self.reason}


@dataclass(frozen=True)
class SharedLeftover:
    """A shared resource that no function needs any more."""

    account: Account
    region: str
    kind: SharedKind

    def to_dict(self) -> dict[str, str]:
        """The resource as undeploy.json has it."""
        return {
            "account": self.account.id, "account_name": self.account.name, "region": self.region, "policy": "",
            "kind": self.kind.value, "name": self.kind.resource}


def queue_arn(account: str, region: str) -> str:
    """The ARN of the dead-letter queue."""
    return f"arn:{get_partition(region)}:sqs:{region}:{account}:{EVENTS_QUEUE}"


def queue_attributes(account: str, region: str) -> dict[str, str]:
    """The attributes of the queue: encrypted, messages are kept for two weeks, and only we may send.

    Lambda sends with the function's role, which IAM allows. EventBridge needs the queue's policy.
    """
    partition, arn = get_partition(region), queue_arn(account, region)
    rule = f"arn:{partition}:events:{region}:{account}:rule"
    policy = {"Version": "2012-10-17", "Statement": [{
        "Sid": "EventBridge", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage", "Resource": arn,
        "Condition": {"ArnLike": {"aws:SourceArn": [f"{rule}/{FUNCTION_PREFIX}*", f"{rule}/{HUB_BUS}/*"]}},
    }, {
        # doctor names what failed by these messages.
        "Sid": "FunctionsOnly", "Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn,
        "Condition": {
            "Bool": {"aws:PrincipalIsAWSService": "false"},
            "ArnNotLike": {"aws:PrincipalArn": [
                f"arn:{partition}:iam::{account}:role/{names}" for names in ("guardrails*", f"{FUNCTION_PREFIX}*")]},
        },
    }, {
        "Sid": "Encrypted", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }]}
    return {"MessageRetentionPeriod": _TWO_WEEKS, "SqsManagedSseEnabled": "true", "Policy": json.dumps(policy)}


def queue_differences(found: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """The attributes to set. A key of your own (KmsMasterKeyId) is as good as SQS's own encryption."""
    differing = {name: value for name, value in wanted.items() if name != "Policy" and found.get(name) != value}
    if found.get("KmsMasterKeyId"):
        differing.pop("SqsManagedSseEnabled", None)
    if json.loads(found.get("Policy") or "{}") != json.loads(wanted["Policy"]):
        differing["Policy"] = wanted["Policy"]
    return differing


def table_definition() -> dict[str, Any]:
    """The table, as CreateTable takes it: encrypted with AWS's KMS key for DynamoDB."""
    return {
        "TableName": STATE_TABLE, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": KEY, "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": KEY, "KeyType": "HASH"}],
        "SSESpecification": {"Enabled": True, "SSEType": "KMS"},
        "Tags": [{"Key": PROJECT_TAG, "Value": PROJECT}],
    }


def plan(places: Iterable[Place]) -> list[PlannedShared]:
    """Both resources of each place, compared with what exists. Changes nothing."""
    wanted = [(place, kind) for place in dict.fromkeys(places) for kind in SharedKind]
    with ThreadPoolExecutor(DEPLOYMENT_READS) as pool:
        return list(pool.map(lambda each: _planned(each[0][0], each[0][1], each[1]), wanted))


def deploy(planned: Sequence[PlannedShared], replan: Callable[[], Sequence[PlannedShared]]) -> list[SharedResult]:
    """Create and correct the resources, and verify each against a new plan, which `replan` makes."""
    problems: dict[tuple[str, str, SharedKind], str] = {}
    to_do = [each for each in planned if each.change.deploys]
    for each in to_do:
        try:
            _API[each.kind](each.account, each.region).ensure()
        except (*AWS_ERRORS, WaiterError) as error:
            problems[_key(each)] = reason_of(error)
    after = {_key(each): each for each in replan()} if to_do else {}
    return [_result(each, after.get(_key(each)), problems.get(_key(each), "")) for each in planned]


def surplus(places: Iterable[Place]) -> tuple[list[SharedLeftover], list[tuple[Place, str]], list[tuple[Place, str]]]:
    """What is to be removed in places without functions; what is kept, and why; and what could not be read."""
    leftovers, kept, unknown = [], [], []
    for account, region in dict.fromkeys(places):
        for kind in SharedKind:
            try:
                api = _API[kind](account, region)
                if not api.exists():
                    continue
                why = api.why_kept()
            except AWS_ERRORS as error:
                unknown.append(((account, region), f"the {kind} {kind.resource}: {reason_of(error)}"))
                continue
            if why:
                kept.append(((account, region), f"the {kind} {kind.resource} is kept: {why}"))
            else:
                leftovers.append(SharedLeftover(account, region, kind))
    return leftovers, kept, unknown


def remove(leftover: SharedLeftover) -> str:
    """Remove a resource; returns why it was kept, or an empty text."""
    try:
        api = _API[leftover.kind](leftover.account, leftover.region)
        # While the command waited for confirmation, a message may have arrived.
        if why := api.why_kept():
            return why
        api.delete()
    except AWS_ERRORS as error:
        return reason_of(error)
    return ""


def _key(each: PlannedShared) -> tuple[str, str, SharedKind]:
    return (each.account.name, each.region, each.kind)


def _planned(account: Account, region: str, kind: SharedKind) -> PlannedShared:
    try:
        api = _API[kind](account, region)
        if not api.exists():
            return PlannedShared(account, region, kind, DeploymentChange.CREATE)
        if not api.is_ours():
            return PlannedShared(account, region, kind, DeploymentChange.UNKNOWN, _FOREIGN)
        differing = api.differences()
    except AWS_ERRORS as error:
        return PlannedShared(account, region, kind, DeploymentChange.UNKNOWN, reason_of(error))
    change = DeploymentChange.UPDATE if differing else DeploymentChange.UNCHANGED
    return PlannedShared(account, region, kind, change, ", ".join(differing))


_FOREIGN = f"it exists, but has no tag {PROJECT_TAG}={PROJECT}: remove it, or add the tag if it is this project's"


def _result(before: PlannedShared, now: PlannedShared | None, problem: str) -> SharedResult:
    if before.change is DeploymentChange.UNKNOWN:
        outcome, reason = "failed", before.reason
    elif not before.change.deploys:
        outcome, reason = before.change.value, before.reason
    elif problem or now is None or now.change is not DeploymentChange.UNCHANGED:
        outcome, reason = "failed", problem or (f"still differs: {now.reason or now.change}" if now else "not verified")
    else:
        outcome = "created" if before.change is DeploymentChange.CREATE else "updated"
        reason = before.reason
    return SharedResult(before.account, before.region, before.kind, outcome, reason)


class _Queue:
    """The queue of one place. The methods raise one of AWS_ERRORS."""

    def __init__(self, account: Account, region: str) -> None:
        self._sqs = account.session(region).client("sqs", config=CLIENT)
        self._wanted = queue_attributes(account.id, region)

    def _url(self) -> str:
        """Its address; empty if it does not exist."""
        found = _or_none(self._sqs.get_queue_url, QueueName=EVENTS_QUEUE)
        return str(found["QueueUrl"]) if found else ""

    def _attributes(self) -> dict[str, str]:
        found: dict[str, str] = self._sqs.get_queue_attributes(
            QueueUrl=self._url(), AttributeNames=["All"]).get("Attributes") or {}
        return found

    def exists(self) -> bool:
        return bool(self._url())

    def is_ours(self) -> bool:
        return (self._sqs.list_queue_tags(QueueUrl=self._url()).get("Tags") or {}).get(PROJECT_TAG) == PROJECT

    def differences(self) -> list[str]:
        return sorted(queue_differences(self._attributes(), self._wanted))

    def ensure(self) -> None:
        if not self.exists():
            self._sqs.create_queue(QueueName=EVENTS_QUEUE, Attributes=self._wanted, tags={PROJECT_TAG: PROJECT})
        elif differing := queue_differences(self._attributes(), self._wanted):
            self._sqs.set_queue_attributes(QueueUrl=self._url(), Attributes=differing)

    def why_kept(self) -> str:
        if not self.is_ours():
            return f"it has no tag {PROJECT_TAG}={PROJECT}"
        found = self._attributes()
        waiting = sum(int(found.get(name) or 0) for name in _COUNTS)
        return f"{waiting} failed events wait in it; {command('doctor')} names them" if waiting else ""

    def delete(self) -> None:
        self._sqs.delete_queue(QueueUrl=self._url())


class _Table:
    """The table of one place. The methods raise one of AWS_ERRORS, or WaiterError."""

    def __init__(self, account: Account, region: str) -> None:
        self._dynamodb = account.session(region).client("dynamodb", config=CLIENT)

    def _described(self) -> dict[str, Any]:
        """The table; empty if it does not exist, or is being deleted."""
        found = (_or_none(self._dynamodb.describe_table, TableName=STATE_TABLE) or {}).get("Table") or {}
        return {} if found.get("TableStatus") == "DELETING" else found

    def exists(self) -> bool:
        return bool(self._described())

    def is_ours(self) -> bool:
        tags = self._dynamodb.list_tags_of_resource(ResourceArn=self._described()["TableArn"]).get("Tags") or ()
        return {"Key": PROJECT_TAG, "Value": PROJECT} in tags

    def differences(self) -> list[str]:
        return [*self._settings(self._described()), *([] if self._expires() else ["TTL"])]

    def _settings(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """What UpdateTable must change."""
        wanted = table_definition()
        changed: dict[str, Any] = {}
        if table["KeySchema"] != wanted["KeySchema"]:
            changed["KeySchema"] = wanted["KeySchema"]
        if (table.get("SSEDescription") or {}).get("Status") not in ("ENABLED", "ENABLING", "UPDATING"):
            changed["SSESpecification"] = wanted["SSESpecification"]
        if (table.get("BillingModeSummary") or {}).get("BillingMode") != wanted["BillingMode"]:
            changed["BillingMode"] = wanted["BillingMode"]
        return changed

    def _expires(self) -> bool:
        found = self._dynamodb.describe_time_to_live(TableName=STATE_TABLE).get("TimeToLiveDescription") or {}
        return found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING") and found.get("AttributeName") == EXPIRES

    def ensure(self) -> None:
        table = self._described()
        if not table:
            self._dynamodb.create_table(**table_definition())
        else:
            # AWS refuses another key: such a table must be deleted by hand.
            for name, value in self._settings(table).items():
                self._dynamodb.update_table(TableName=STATE_TABLE, **{name: value})
                self._wait()
        self._wait()
        if not self._expires():
            self._dynamodb.update_time_to_live(TableName=STATE_TABLE, TimeToLiveSpecification={
                "Enabled": True, "AttributeName": EXPIRES})

    def _wait(self) -> None:
        self._dynamodb.get_waiter("table_exists").wait(
            TableName=STATE_TABLE, WaiterConfig={"Delay": 2, "MaxAttempts": 60})

    def why_kept(self) -> str:
        return "" if self.is_ours() else f"it has no tag {PROJECT_TAG}={PROJECT}"

    def delete(self) -> None:
        self._dynamodb.delete_table(TableName=STATE_TABLE)


_API: Mapping[SharedKind, type[_Queue] | type[_Table]] = {SharedKind.QUEUE: _Queue, SharedKind.TABLE: _Table}


def _or_none(call: Callable[..., Any], **arguments: Any) -> Any:
    try:
        return call(**arguments)
    except ClientError as error:
        if code_of(error) in _ABSENT:
            return None
        raise
