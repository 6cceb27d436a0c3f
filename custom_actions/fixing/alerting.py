"""Alerts about what a fix could not do: who is told, with which subject, and that each is told once a day.

The same resource can fail for the same reason at each event, and Lambda delivers each of them three times. The shared
state remembers for a day what was reported; another reason, or another resource, is reported at once.
"""
from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from c7n.actions import Notify

from ..aws import state_of
from .confirmation import function

TOLD = "told/"
"""The start of the keys of what was reported in the shared state."""
ONCE_IN = timedelta(hours=24)
STOPPED = "[high] {{ policy.name }} stopped a fix in {{ account_id }}: somebody undoes it again and again"
"""The subject of the alert about a quarrel. The mailer fills in the braces; nothing that others choose is in it."""
UNREADABLE = "[high] {{ policy.name }} could not read a resource in {{ account_id }}: it was not fixed"
# Request ids, encoded messages and times differ at each attempt.
_CHANGES = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]+\w*|[A-Za-z0-9+/=_-]{32,}")


def notify_of(data: Mapping[str, Any] | None, manager: Any, subject: str = "") -> Notify | None:
    """The `notify` that reports a problem: `data` (an action's `otherwise`), or else the first one of the policy.

    `subject` replaces its own, which says what the policy usually reports. None when there is no `notify`.
    """
    listed = [each for each in manager.data.get("actions") or () if isinstance(each, Mapping)]
    inside = [each["otherwise"] for each in listed if isinstance(each.get("otherwise"), Mapping)]
    found = data or next((each for each in [*inside, *listed] if each.get("type") == "notify"), None)
    if found is None:
        return None
    return Notify({**found, "subject": subject} if subject else dict(found), manager)


def is_first(*what: str) -> str:
    """The key of this report if it is the first one in ONCE_IN, and else an empty text. `forget` takes the key."""
    key = TOLD + hashlib.sha256(json.dumps([_CHANGES.sub("*", each) for each in what]).encode()).hexdigest()
    state = state_of(function.arn)
    return key if state is None or state.first_time(key, ONCE_IN) else ""


def send(notify: Notify, resources: Sequence[Mapping[str, Any]], event: Any, keys: Sequence[str]) -> None:
    """Send the alert. When that fails, forget that it was reported (`keys`), and raise."""
    try:
        notify.process(list(resources), event)
    except BaseException:
        state = state_of(function.arn)
        for key in keys if state is not None else ():
            state.forget(key)  # type: ignore[union-attr]
        raise
