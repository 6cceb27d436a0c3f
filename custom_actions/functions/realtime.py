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

from c7n.exceptions import PolicyValidationError
from c7n.policy import CloudTrailMode

from ..aws import detail_of
from .probe import PROBE_SOURCE
from .rule_function import central_policy_lambda

AWS_SOURCE = {"prefix": "aws."}
"""What the pattern of an event rule demands of an event's source."""
_DETAIL_TYPE = re.compile(r"AWS [A-Za-z ]+ via CloudTrail")
_ACCOUNT = re.compile(r"\d{12}")


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
    if not isinstance(account, str) or not _ACCOUNT.fullmatch(account) or not isinstance(region, str):
        return f"it must have account and region; it has {account!r} and {region!r}"
    if own_account and account != own_account:
        return f"it is of account {account}, and this function answers for {own_account}"
    record = detail_of(message)
    for name, expected in (("recipientAccountId", account), ("awsRegion", region)):
        if record.get(name, expected) != expected:
            return f"its detail.{name} is {record[name]!r}, but the event is of {expected}"
    return ""
