"""Alerts about what a fix could not do: who is told, with which subject, and that each is told once a day.

The same resource can fail for the same reason at each event, and Lambda delivers each of them three times. The shared
state remembers for a day what was reported; another reason, or another resource, is reported at once.
"""
from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from c7n.actions import Notify
from c7n.cwe import CloudWatchEvents

from ..aws import AWS_ERRORS, actor_of, reason_of, state_of
from .confirmation import function
from .receipt import RECEIPTS, Outcome, receipt_of

TOLD = "told/"
"""The start of the keys of what was reported in the shared state."""
ONCE_IN = timedelta(hours=24)
STOPPED = "[high] {{ policy.name }} stopped a fix in {{ account_id }}: somebody undoes it again and again"
"""The subject of the alert about a quarrel. The mailer fills in the braces; nothing that others choose is in it."""
UNANSWERED = "[high] {{ policy.name }} failed on an event in {{ account_id }}"
_MOST_IDS = 20
# Request ids, encoded messages and times differ at each attempt.
_CHANGES = re.compile(
    r"\d{4}-\d\d-\d\d[T ][\d:.]+\w*|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[A-Za-z0-9+/=_-]{100,}")


class Alert(Notify):
    """c7n's `notify`, for an alert that is not about what the policy matched."""

    type = "notify"


def notify_of(data: Mapping[str, Any] | None, manager: Any, subject: str = "") -> Notify | None:
    """The `notify` that reports a problem: `data` (an action's `otherwise`), or else the first one of the policy.

    `subject` replaces its own, which says what the policy usually reports. None when there is no `notify`.
    """
    listed = [each for each in manager.data.get("actions") or () if isinstance(each, Mapping)]
    inside = [each["otherwise"] for each in listed if isinstance(each.get("otherwise"), Mapping)]
    found = data or next((each for each in [*inside, *listed] if each.get("type") == "notify"), None)
    if found is None:
        return None
    return Alert({**found, "subject": subject} if subject else dict(found), manager)


def is_first(*what: str, reason: str = "") -> str:
    """The key of this report if it is the first one in ONCE_IN, and else an empty text. `send` takes the key.

    `what` identifies the report, with its reason without what is different each time.
    """
    key = TOLD + hashlib.sha256(json.dumps([*what, _CHANGES.sub("*", reason)]).encode()).hexdigest()
    state = state_of(function.arn)
    return key if state is None or state.first_time(key, ONCE_IN) else ""


def forget(keys: Iterable[str]) -> None:
    """Forget that these were reported, because the message could not be sent."""
    state = state_of(function.arn)
    for key in keys if state is not None else ():
        state.forget(key)  # type: ignore[union-attr]


def send(notify: Notify, resources: Sequence[Mapping[str, Any]], event: Any, keys: Sequence[str]) -> None:
    """Send the alert. When that fails, forget that it was reported (`keys`), and raise."""
    try:
        notify.process(list(resources), event)
    except BaseException:
        forget(keys)
        raise


def tell_of_failure(policy: Any, event: Mapping[str, Any], error: Exception) -> None:
    """Report that a realtime policy ended with an error before its fix, for instance because AWS refused a read.

    Args:
        policy: c7n's policy.
        event: the EventBridge event. The resources are known by their ids in it only.

    Never raises: the caller raises `error`.
    """
    manager = policy.resource_manager
    notify = notify_of(None, manager, UNANSWERED)
    ids = [str(each) for each in CloudWatchEvents.get_ids(event, policy.data["mode"]) or ()][:_MOST_IDS]
    key = is_first("failed", str(manager.config.account_id), str(manager.config.region), policy.name, *ids,
                   reason=reason_of(error))
    if notify is None or not key:
        return
    receipts = [
        receipt_of(notify, each, Outcome.FAILED, reason=reason_of(error), caused_by=actor_of(event)).to_dict()
        for each in ids or ("",)]
    name = manager.get_model().id
    try:
        send(notify, [{name: each["resource"], RECEIPTS: [each]} for each in receipts], event, [key])
    except AWS_ERRORS as problem:
        policy.log.error("nobody could be told that the policy failed: %s", reason_of(problem))
