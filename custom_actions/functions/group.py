"""One function for many policies: which of them a message is for, and running each apart from the others.

`deploy --grouped` puts policies that need the same settings into one function. Its archive holds them all, in c7n's own
`config.json`, with the key `group`. Each policy keeps its own event rule, Config rule or schedule, which says which
policy it is for:

| what invokes the function | the policy |
|---|---|
| AWS Config | the rule's name, `configRuleName` |
| an event rule | the target's input transformer puts the policy's name beside the event |
| a schedule | the target's constant input |
| anything else, such as a failed event that is sent again | every policy whose event pattern matches the event |

So an event that two rules match arrives twice, once for each policy. Only what a picked policy needs is loaded. A
policy that fails does not stop the others; the invocation then fails and names it, so that Lambda delivers the message
again. Policies that were successful with a message for several of them do not run again for it.

The name beside an event gives nobody more rights: whoever may invoke a function can send it anything, and the event
itself is checked as everywhere (realtime.py).

Source: EventBridge's user guide, "Amazon EventBridge input transformation" (`aws.events.event.json`); AWS Config's
developer guide, "Example Events for AWS Config Rules".
"""
from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from c7n import handler
from c7n.resources import load_resources

from ..aws import state_of
from ..escaping import escaped as printable
from ..event_pattern import UnknownComparison, mismatches
from ..fixing import ATTEMPT, OLDEST, POLICY_KEY, function
from ..names import FUNCTION_PREFIX
from .shapes import EventNotUnderstood

log = logging.getLogger("custodian.guardrails.group")

GROUP_KEY = "group"
"""The key in `config.json` that makes its policies a group: the function's name, and the policies' event patterns."""
EVENT_KEY = "event"
"""Beside the policy's name: the event as AWS sent it."""
DONE = "done/"
"""The start of the keys of policies that were successful with a message for several of them, in the shared state."""
_SHOWN = 100
Message = dict[str, Any]


class PolicyNotInGroup(EventNotUnderstood):
    """The message is for no policy of this function, so what it is about was not evaluated."""


class GroupIncomplete(Exception):
    """Some policies failed; the message names them. The others have run."""


def group_config(
    name: str, options: Mapping[str, Any], policies: Sequence[Mapping[str, Any]],
    patterns: Mapping[str, Mapping[str, Any]],
) -> str:
    """The `config.json` of a group: the same text for the same policies.

    Args:
        name: the function's name.
        options: c7n's execution options.
        policies: their data, filled in for the account.
        patterns: by policy name, the pattern of its event rule; none for policies that other things start.
    """
    return json.dumps(
        {"execution-options": options, GROUP_KEY: {"name": name, "patterns": patterns}, "policies": policies},
        separators=(",", ":"))


def addressed_event(policy: str) -> dict[str, Any]:
    """The input transformer of an event rule's target: the event, and beside it the policy that the rule is of."""
    # EventBridge puts the whole event in place of the variable, which must not be in quotes.
    return {"InputTemplate": f'{{"{POLICY_KEY}": {json.dumps(policy)}, "{EVENT_KEY}": <aws.events.event.json>}}'}


def addressed_tick(policy: str) -> str:
    """The constant input of a schedule's target."""
    return json.dumps({POLICY_KEY: policy, "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}})


def unwrapped(event: Any) -> Any:
    """The event with the policy's name among its keys, if `event` is one that an input transformer made."""
    if not isinstance(event, Mapping) or set(event) != {POLICY_KEY, EVENT_KEY} or not isinstance(
            event[EVENT_KEY], Mapping):
        return event
    return {**event[EVENT_KEY], POLICY_KEY: event[POLICY_KEY]}


class Group:
    """The policies of the archive, and how a message runs those that it is for."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._options: Mapping[str, Any] = config.get("execution-options") or {}
        self._patterns: Mapping[str, Any] = config[GROUP_KEY].get("patterns") or {}
        self._policies: dict[str, Message] = {str(policy["name"]): policy for policy in config["policies"]}
        self._by_function = {
            f"{policy['mode'].get('function-prefix', FUNCTION_PREFIX)}{name}": name
            for name, policy in self._policies.items()}
        self._ready: dict[str, tuple[Any, Message]] = {}

    def pick(self, message: Mapping[str, Any], mode: str) -> list[str]:
        """The names of the policies that the message is for. Raises PolicyNotInGroup if there is none."""
        if mode in ("config-rule", "config-poll-rule"):
            rule = message.get("configRuleName")
            return [self._known(self._by_function.get(str(rule)), f"the Config rule {rule}")]
        if POLICY_KEY in message:
            return [self._known(message[POLICY_KEY], message[POLICY_KEY])]
        if self._patterns:
            return list(self._subscribed(message)) or self._none("no policy subscribes to it")
        return list(self._scheduled(message)) or self._none("it does not say which policy it is for")

    def _known(self, name: Any, given: Any) -> str:
        if not isinstance(name, str) or name not in self._policies:
            raise PolicyNotInGroup(printable(
                f"the message is for {str(given)[:_SHOWN]}, which is not among the {len(self._policies)} policies of "
                "this function"))
        return name

    def _none(self, why: str) -> list[str]:
        raise PolicyNotInGroup(f"the message is for none of the {len(self._policies)} policies of this function: {why}")

    def _subscribed(self, message: Mapping[str, Any]) -> Iterator[str]:
        for name, pattern in self._patterns.items():
            try:
                matches = next(mismatches(pattern, message), None) is None
            except UnknownComparison as error:
                raise PolicyNotInGroup(f"whether {name} subscribes to it is unknown: {error}") from error
            if matches:
                yield name

    def _scheduled(self, message: Mapping[str, Any]) -> Iterator[str]:
        """The policies whose event rules started the function, as EventBridge names them in a scheduled event."""
        resources = message.get("resources")
        for arn in resources if isinstance(resources, list) else ():
            if name := self._by_function.get(str(arn).rpartition("/")[2]):
                yield name

    def data_of(self, names: Sequence[str]) -> Message:
        """The options and the policies of these names, in c7n's form, for c7n to change."""
        return {"execution-options": dict(self._options),
                "policies": [deepcopy(self._policies[name]) for name in names]}

    def run(self, message: Message, names: Sequence[str], handle: Callable[[Message], None]) -> dict[str, Exception]:
        """Run these policies, each with its own copy of the message; returns the errors of those that failed.

        `handle` runs the policy that c7n's handler has. A policy that was already successful with this very message,
        when Lambda delivered it before, is not run again.
        """
        failed: dict[str, Exception] = {}
        for name in names:
            done = _Done(name, message) if len(names) > 1 else None
            if done is not None and done.is_known():
                log.info("policy %s was successful with this message before", name)
                continue
            try:
                self._prepare(name)
                handle({**(deepcopy(message) if len(names) > 1 else message), **self._address(message, name)})
            # Any filter or action can raise anything, and must not stop the other policies.
            except Exception as error:  # noqa: BLE001 - returned, and raised by the entry point
                log.error("policy %s failed: %s", name, printable(f"{type(error).__name__}: {error}"))
                failed[name] = error
            else:
                if done is not None:
                    done.remember()
        return failed

    def _address(self, message: Mapping[str, Any], name: str) -> dict[str, str]:
        """So that an event that a fix has delivered again arrives for this policy only."""
        return {POLICY_KEY: name} if self._patterns and POLICY_KEY not in message else {}

    def _prepare(self, name: str) -> None:
        """Make c7n's handler run this policy. Raises what c7n raises for a policy that is not valid."""
        if name not in self._ready:
            data = self.data_of([name])
            load_resources([data["policies"][0]["resource"]])
            self._ready[name] = (handler.init_config(data), data)
        # c7n's handler does this on the first event, with all policies of the archive.
        handler.policy_config, handler.policy_data = self._ready[name]


class _Done:
    """Whether a policy was successful with a message that is for several policies.

    The key contains the whole message: another event with the same id is another message.
    """

    def __init__(self, name: str, message: Mapping[str, Any]) -> None:
        content = {key: value for key, value in message.items() if key not in (ATTEMPT, "debug")}
        text = json.dumps([name, content], sort_keys=True, default=str)
        self._state = state_of(function.arn)
        self._key = DONE + hashlib.sha256(text.encode()).hexdigest()
        self._version: Any = None

    def is_known(self) -> bool:
        if self._state is None:
            return False
        found = self._state.read(self._key)
        self._version = found.version
        return found.text == "done"

    def remember(self) -> None:
        if self._state is not None:
            self._state.write(self._key, "done", version=self._version, keep=OLDEST)
