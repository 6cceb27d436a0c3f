"""c7n's mode `cloudtrail`, for events that AWS itself has sent.

EventBridge lets nobody but AWS use a source that begins with `aws.`. c7n's event patterns do not look at the source, so
anyone with `events:PutEvents` could invent an event and have a function act on it. Here the pattern of every policy
demands such a source, and the function checks the event again before c7n sees it. Probes of `doctor --fire` have a
source of their own, and are answered with a log line only.

Source: EventBridge's API reference, PutEventsRequestEntry (`Source`); CloudTrail's user guide, "CloudTrail record
contents".
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from c7n.cwe import CloudWatchEvents
from c7n.exceptions import PolicyValidationError
from c7n.policy import CloudTrailMode, LambdaMode
from c7n.utils import local_session

from ..aws import call, detail_of, readings
from .probe import PROBE_SOURCE
from .rule_function import central_policy_lambda

AWS_SOURCE = {"prefix": "aws."}
"""What the pattern of an event rule demands of an event's source."""
_DETAIL_TYPE = re.compile(r"AWS [A-Za-z ]+ via CloudTrail")
_ACCOUNT, _REGION = re.compile(r"\d{12}"), re.compile(r"[a-z]{2,3}(?:-[a-z]+)+-\d{1,2}")
# What these look like in CloudTrail's records. They go into log lines, so nothing else may be in them.
_WORDS = {
    "eventName": re.compile(r"[A-Za-z0-9_]{1,128}"), "eventSource": re.compile(r"[a-z0-9.-]{1,128}"),
    "eventID": re.compile(r"[A-Za-z0-9-]{1,64}"), "eventTime": re.compile(r"[0-9TZ:.+-]{1,40}"),
}


def with_aws_source(mode: Mapping[str, Any]) -> dict[str, Any]:
    """The mode of a policy, with a pattern that accepts events of AWS and probes only; other modes are unchanged."""
    if mode.get("type") != "cloudtrail":
        return dict(mode)
    pattern = dict(mode.get("pattern") or {})
    sources = pattern.get("source") or [AWS_SOURCE]
    # A probe is told from an event by its source, and can do nothing but be answered.
    pattern["source"] = [*sources, *([PROBE_SOURCE] if PROBE_SOURCE not in sources else [])]
    return {**mode, "pattern": pattern}


class RealtimeMode(CloudTrailMode):
    """Takes the place of c7n's class."""

    def __init__(self, policy: Any) -> None:
        super().__init__(policy)
        # c7n renders the event pattern from the policy's data, and the data goes into the function.
        policy.data["mode"] = with_aws_source(policy.data["mode"])

    @property
    def policy_lambda(self) -> Any:
        """What c7n deploys for the policy: in a hub, its event rule is on the hub's bus."""
        from .central import is_central

        return central_policy_lambda() if is_central(self.policy.data) else super().policy_lambda

    def validate(self) -> None:
        """Raises PolicyValidationError for a pattern that accepts events of others than AWS."""
        super().validate()
        for source in self.policy.data["mode"]["pattern"]["source"]:
            given = source.get("prefix") if isinstance(source, Mapping) else source
            if source != PROBE_SOURCE and not (isinstance(given, str) and given.startswith("aws.")):
                raise PolicyValidationError(
                    f"policy:{self.policy.name} mode.pattern.source accepts {source!r}: an event whose source does not "
                    'begin with "aws." can be invented by anyone who has events:PutEvents')


    def resolve_resources(self, event: Mapping[str, Any]) -> list[Any]:
        """c7n's. A resource that does not show yet is asked for again; a group may be named by its name only.

        Raises one of AWS_ERRORS when a resource cannot be read, so that Lambda delivers the event again.
        """
        found: list[Any] = list(super().resolve_resources(event))
        if not found and CloudWatchEvents.get_ids(event, self.policy.data["mode"]):
            # LambdaMode's, without the policy's `delay`.
            for found in readings(lambda: list(LambdaMode.resolve_resources(self, event))):
                if found:
                    break
        request = detail_of(event).get("requestParameters")
        name = request.get("groupName") if isinstance(request, Mapping) else None
        if found or self.policy.resource_type not in ("security-group", "aws.security-group") or not name:
            return found
        # AWS takes a name for a group of the default VPC only.
        client = local_session(self.policy.session_factory).client("ec2")
        default = call(client.describe_vpcs, Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
        groups = call(client.describe_security_groups, Filters=[
            {"Name": "group-name", "Values": [str(name)]},
            {"Name": "vpc-id", "Values": [vpc["VpcId"] for vpc in default]},
        ])["SecurityGroups"] if default else []
        return list(self.policy.resource_manager.get_resources([group["GroupId"] for group in groups]))


def distrust(message: Mapping[str, Any], own_account: str) -> str:
    """Why a CloudTrail event cannot be one that AWS has sent; empty when it can be.

    Args:
        message: an EventBridge event.
        own_account: the account whose events the function answers; empty for a hub, which answers many.
    """
    source, kind, account, region = (message.get(key) for key in ("source", "detail-type", "account", "region"))
    if not isinstance(source, str) or not source.startswith("aws."):
        return f"its source is {source!r}, and only events of AWS have a source that begins with 'aws.'"
    if not isinstance(kind, str) or not _DETAIL_TYPE.fullmatch(kind):
        return f"its detail-type is {kind!r}, which is not CloudTrail's"
    if not (isinstance(account, str) and _ACCOUNT.fullmatch(account)
            and isinstance(region, str) and _REGION.fullmatch(region)):
        return f"it must have account and region; it has {account!r} and {region!r}"
    if own_account and account != own_account:
        return f"it is of account {account}, and this function answers for {own_account}"
    record = detail_of(message)
    for name, form in _WORDS.items():
        if (value := record.get(name)) is not None and not (isinstance(value, str) and form.fullmatch(value)):
            return f"its detail.{name} is {str(value)[:100]!r}, which is not CloudTrail's form"
    for name, expected in (("recipientAccountId", account), ("awsRegion", region)):
        if record.get(name, expected) != expected:
            return f"its detail.{name} is {record[name]!r}, but the event is of {expected}"
    return ""
