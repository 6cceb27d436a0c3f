"""c7n's mode `cloudtrail`, restricted to events that AWS itself sends.

In EventBridge, only AWS can send events whose source starts with `aws.`. c7n's event patterns do not check the source,
so anyone with `events:PutEvents` could forge an event and trigger a function. Here the event pattern of every policy
requires such a source, and the function checks the event again before c7n processes it. The test events (probes) of
`doctor --fire` have their own source, and the function only writes a log line for them.

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

from ..aws import AWS_ERRORS, call, caller_ahead, detail_of, readings
from ..errors import CannotRead
from ..fixing import EventFix, tell_of_failure
from ..names import HUB_BUS
from ..resources import ResourcesUnknown, collecting
from .probe import PROBE_SOURCE
from .rule_function import DEFAULT_BUS, realtime_policy_lambda
from .shapes import EventNotUnderstood

AWS_SOURCE = {"prefix": "aws."}
"""The condition on the source in the pattern of an event rule."""
_DETAIL_TYPE = re.compile(r"AWS [A-Za-z ]+ via CloudTrail")
_ACCOUNT, _REGION = re.compile(r"\d{12}"), re.compile(r"[a-z]{2,3}(?:-[a-z]+)+-\d{1,2}")
# The form of these fields in CloudTrail's records. They are written to log lines, so other values are not accepted.
_WORDS = {
    "eventName": re.compile(r"[A-Za-z0-9_]{1,128}"), "eventSource": re.compile(r"[a-z0-9.-]{1,128}"),
    "eventID": re.compile(r"[A-Za-z0-9-]{1,64}"), "eventTime": re.compile(r"[0-9TZ:.+-]{1,40}"),
}


def with_aws_source(mode: Mapping[str, Any]) -> dict[str, Any]:
    """The mode of a policy, with a pattern that accepts only events from AWS and probes; other modes are unchanged."""
    if mode.get("type") != "cloudtrail":
        return dict(mode)
    pattern = dict(mode.get("pattern") or {})
    sources = pattern.get("source") or [AWS_SOURCE]
    # A probe is recognized by its source. It never runs the policy; the function only logs it.
    pattern["source"] = [*sources, *([PROBE_SOURCE] if PROBE_SOURCE not in sources else [])]
    return {**mode, "pattern": pattern}


class RealtimeMode(CloudTrailMode):
    """Replaces c7n's class for the mode `cloudtrail`."""

    def __init__(self, policy: Any) -> None:
        super().__init__(policy)
        # c7n creates the event pattern from the policy's data, and also stores the data in the function.
        policy.data["mode"] = with_aws_source(policy.data["mode"])

    @property
    def policy_lambda(self) -> Any:
        """What c7n deploys for the policy: in a hub, its event rule is on the hub's bus."""
        from .central import is_central

        return realtime_policy_lambda(HUB_BUS if is_central(self.policy.data) else DEFAULT_BUS)

    def validate(self) -> None:
        """Raises PolicyValidationError for a pattern that accepts events that do not come from AWS."""
        super().validate()
        for source in self.policy.data["mode"]["pattern"]["source"]:
            given = source.get("prefix") if isinstance(source, Mapping) else source
            if source != PROBE_SOURCE and not (isinstance(given, str) and given.startswith("aws.")):
                raise PolicyValidationError(
                    f"policy:{self.policy.name} mode.pattern.source accepts {source!r}: an event whose source does not "
                    'start with "aws." can be forged by anyone who has events:PutEvents')

    def run(self, event: Mapping[str, Any], lambda_context: Any) -> Any:
        """Extends c7n's method: what AWS does not let us read is reported, and the error is raised all the same.

        If an event names several resources, those that can be read are processed first. Lambda then delivers the event
        again, and at last sends it to the dead-letter queue. Raises one of AWS_ERRORS, CannotRead or ResourcesUnknown.
        """
        try:
            return self._run(event, lambda_context)
        except (*AWS_ERRORS, CannotRead, ResourcesUnknown) as error:
            tell_of_failure(self.policy, event, error)
            raise

    def _run(self, event: Mapping[str, Any], lambda_context: Any) -> Any:
        # A fix of events asks who we are, to leave alone what we did ourselves.
        if not any(isinstance(action, EventFix) for action in self.policy.resource_manager.actions):
            return self._run_on_each(event, lambda_context)
        with caller_ahead(local_session(self.policy.session_factory)):
            return self._run_on_each(event, lambda_context)

    def _run_on_each(self, event: Mapping[str, Any], lambda_context: Any) -> Any:
        if len(set(CloudWatchEvents.get_ids(event, self.policy.data["mode"]) or ())) < 2:
            return super().run(event, lambda_context)
        with collecting(self.policy.resource_manager) as unknown:
            found = super().run(event, lambda_context)
        unknown.raise_if_any()
        return found

    def resolve_resources(self, event: Mapping[str, Any]) -> list[Any]:
        """Extends c7n's method: retries until AWS returns a new resource, and finds security groups by name.

        Raises one of AWS_ERRORS if a resource cannot be read, so that Lambda delivers the event again, and
        EventNotUnderstood if the event does not have its id.
        """
        ids = CloudWatchEvents.get_ids(event, self.policy.data["mode"])
        if strange := [each for each in ids if not isinstance(each, str)]:
            raise EventNotUnderstood(
                f"the event {detail_of(event).get('eventName')} must have the resource's id as a string, got "
                f"{str(strange[0])[:100]!r}")
        found: list[Any] = list(super().resolve_resources(event))
        if not found and ids:
            # The method of LambdaMode does not wait for the policy's `delay` again.
            for found in readings(lambda: list(LambdaMode.resolve_resources(self, event))):
                if found:
                    break
        request = detail_of(event).get("requestParameters")
        name = request.get("groupName") if isinstance(request, Mapping) else None
        if found or self.policy.resource_type not in ("security-group", "aws.security-group") or not name:
            return found
        # AWS accepts a group name only for the default VPC.
        client = local_session(self.policy.session_factory).client("ec2")
        default = call(client.describe_vpcs, Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
        groups = call(client.describe_security_groups, Filters=[
            {"Name": "group-name", "Values": [str(name)]},
            {"Name": "vpc-id", "Values": [vpc["VpcId"] for vpc in default]},
        ])["SecurityGroups"] if default else []
        return list(self.policy.resource_manager.get_resources([group["GroupId"] for group in groups]))


def distrust(message: Mapping[str, Any], own_account: str) -> str:
    """Why a CloudTrail event cannot come from AWS; empty if it can.

    Args:
        message: an EventBridge event.
        own_account: the account whose events the function processes; empty for a hub, which has many accounts.
    """
    source, kind, account, region = (message.get(key) for key in ("source", "detail-type", "account", "region"))
    if not isinstance(source, str) or not source.startswith("aws."):
        return f"its source is {source!r}, but events from AWS have a source that starts with 'aws.'"
    if not isinstance(kind, str) or not _DETAIL_TYPE.fullmatch(kind):
        return f"its detail-type is {kind!r}, which CloudTrail does not use"
    if not (isinstance(account, str) and _ACCOUNT.fullmatch(account)
            and isinstance(region, str) and _REGION.fullmatch(region)):
        return f"it must have an account and a region, got {account!r} and {region!r}"
    if own_account and account != own_account:
        return f"it is from account {account}, but this function processes events of {own_account}"
    record = detail_of(message)
    for name, form in _WORDS.items():
        if (value := record.get(name)) is not None and not (isinstance(value, str) and form.fullmatch(value)):
            return f"its detail.{name} is {str(value)[:100]!r}, which is not in CloudTrail's format"
    for name, expected in (("recipientAccountId", account), ("awsRegion", region)):
        if record.get(name, expected) != expected:
            return f"its detail.{name} is {record[name]!r}, but the event is from {expected}"
    return ""
