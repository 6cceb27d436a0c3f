"""A recorded event through the policies that subscribe to it: dry, in this process, and with every step told.

A function that did nothing, or too much, leaves a log line. Here the same policy gets the same event, filter by
filter. Nothing is deployed and nothing can be changed: see `readonly`. AWS is read as it is now, not as it was then.
"""
from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from c7n import utils
from c7n.actions import EventAction
from c7n.config import Config
from c7n.cwe import CloudWatchEvents
from c7n.policy import Policy as EnginePolicy

from custom_actions.elements.every_type import Scope
from custom_actions.exceptions import Excepted, excuse
from custom_actions.fixing import FixIncomplete, Outcome
from custom_actions.functions import GONE, SCHEDULED, Verdict
from custom_actions.resources import evidence

from ..policies import Kind, Policy, UnknownComparison, is_lambda_mode, mismatches, pattern_of, resource_class
from ..results import exceptions_in_force
from ..yamlfile import flow
from .readonly import DRY_RUN, CallWatch, RefusedCall
from .recorded import RecordedEvent

_LEFT = "left: "
# What a schedule calls, or AWS Config, and no event of EventBridge.
_NOT_BY_EVENT = {
    "periodic": "a schedule calls it", "schedule": "a schedule calls it", "pull": "it has no mode, and runs when "
    "somebody runs it", "config-poll-rule": "AWS Config calls it on a schedule",
}


class ReplayAnswer(StrEnum):
    """What became of one event in one policy."""

    NOT_SUBSCRIBED = "not-subscribed"
    OFF = "off"
    """The policy's own conditions do not hold there: its profile is not chosen."""
    NO_RESOURCE = "no-resource"
    """The event names no resource of the policy's type, or it is no longer there."""
    NO_MATCH = "no-match"
    MATCH = "match"
    UNKNOWN = "unknown"
    """AWS did not answer, or an error ended it."""


@dataclass(frozen=True)
class PlannedAction:
    """What one action would do."""

    action: str
    """With its settings, as the policy has it."""
    lines: tuple[str, ...] = ()
    """The plan, of an action of ours."""
    calls: tuple[RefusedCall, ...] = ()
    """The calls that it tried to make; where one needs another's answer, the first of them."""
    note: str = ""


@dataclass(frozen=True)
class JudgedResource:
    """What the policy says of one resource."""

    resource: str
    matches: bool
    why: str
    """Which filter dropped it, or what the exception says; of a match the values that made it match."""
    verdict: str = ""
    """What AWS Config would be told, for its events."""


@dataclass(frozen=True)
class ReplayResult:
    """One event in one policy."""

    policy: Policy
    answer: ReplayAnswer
    why: str = ""
    resources: tuple[JudgedResource, ...] = ()
    planned: tuple[PlannedAction, ...] = ()
    unanswered: tuple[str, ...] = ()
    """Reads of AWS that were refused: what is said above then rests on less than there is."""
    notes: tuple[str, ...] = ()

    @property
    def subscribed(self) -> bool:
        return self.answer is not ReplayAnswer.NOT_SUBSCRIBED

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "policy": self.policy.name, "where": self.policy.where, "answer": self.answer.value, "why": self.why,
            "resources": [asdict(judged) for judged in self.resources],
            "planned": [asdict(planned) for planned in self.planned],
            "unanswered": list(self.unanswered), "notes": list(self.notes),
        }


def unsubscribed(policy: Policy, recorded: RecordedEvent) -> str:
    """Why the event would not reach the policy's function; empty when it would.

    Raises UnknownComparison when the pattern of the policy's mode cannot be told here.
    """
    mode = str(policy.mode["type"])
    if recorded.notification is None:
        if mode == "config-rule":
            return "AWS Config calls it, not EventBridge"
        if mode in _NOT_BY_EVENT or not is_lambda_mode(mode):
            return _NOT_BY_EVENT.get(mode, f"nothing is known here of what calls the mode {mode}")
        return "; ".join(mismatches(pattern_of(policy), recorded.event))
    if policy.kind is not Kind.CONFIG_RULE:
        return _NOT_BY_EVENT.get(mode, "EventBridge calls it, not AWS Config")
    if recorded.notification.get("messageType") == SCHEDULED:
        return "a schedule's tick makes it judge every resource: ./run.sh audit --policy does that"
    if mode == "config-poll-rule":
        return _NOT_BY_EVENT[mode]
    wanted = resource_class(policy.resource).resource_type.config_type
    given = recorded.item.get("resourceType")
    return "" if given == wanted else f"resourceType is {given}, not {wanted}"


def replay(
    recorded: RecordedEvent, policies: Iterable[Policy], *, account: str, region: str, offline: bool = False,
    variables: Mapping[str, Any] | None = None, exceptions: Path | None = None,
) -> Iterator[ReplayResult]:
    """What each policy makes of the event.

    Args:
        account, region: where it happened; AWS is read there with the current credentials.
        offline: nothing is read. What needs AWS is then unknown.
        variables: what the account's `vars` in accounts.yml say.
        exceptions: the file whose exceptions hold; None for none.
    """
    for policy in policies:
        try:
            why = unsubscribed(policy, recorded)
        except UnknownComparison as error:
            yield ReplayResult(policy, ReplayAnswer.UNKNOWN, f"whether the event reaches it: {error}")
            continue
        if why:
            yield ReplayResult(policy, ReplayAnswer.NOT_SUBSCRIBED, why)
            continue
        watch = CallWatch(offline=offline)
        with _quiet(exceptions):
            found = _Replay(policy, recorded, watch, account, region).run(dict(variables or {}))
        yield found


@contextmanager
def _quiet(exceptions: Path | None) -> Iterator[None]:
    """No log of c7n's, for what it would say is said here; and no session of another policy's, which is not watched.

    Our elements find the file of exceptions in the environment.
    """
    utils.reset_session_cache()
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with exceptions_in_force(exceptions):
            yield
    finally:
        logging.disable(before)
        utils.reset_session_cache()


class _Output:
    """Keeps the receipts that an action leaves when it ends with an error."""

    def __init__(self) -> None:
        self.receipts: list[Mapping[str, Any]] = []

    def write_file(self, path: str, text: str) -> None:
        from ..runs import receipts_in

        if path.startswith("action-"):
            self.receipts += receipts_in(text.encode())


@dataclass
class _Replay:
    """One policy and one event."""

    policy: Policy
    recorded: RecordedEvent
    watch: CallWatch
    account: str
    region: str
    notes: list[str] = field(default_factory=list)

    def run(self, variables: dict[str, Any]) -> ReplayResult:
        try:
            found = self._judge(self._loaded(variables))
        # Any filter, of c7n or of ours, may raise anything on what it did not expect; then nothing is known.
        except Exception as error:  # noqa: BLE001
            found = ReplayResult(self.policy, ReplayAnswer.UNKNOWN, " ".join(str(error).split()) or type(error).__name__)
        unanswered = tuple(dict.fromkeys(self.watch.unanswered))
        answer = found.answer
        if unanswered and answer in (ReplayAnswer.MATCH, ReplayAnswer.NO_MATCH, ReplayAnswer.NO_RESOURCE):
            answer = ReplayAnswer.UNKNOWN
        return ReplayResult(
            self.policy, answer, found.why, found.resources, found.planned, unanswered, tuple(self.notes))

    def _loaded(self, variables: dict[str, Any]) -> Any:
        """The policy in c7n, as in its function, but that it can change nothing."""
        data = deepcopy(dict(self.policy.data))
        if data["mode"].pop("delay", None):
            self.notes.append("its function waits before it reads; here nothing waits")
        if data["mode"].pop("member-role", None):
            self.notes.append("its function assumes a role in the account; here the current credentials read")
        resource_class(self.policy.resource)
        options = Config.empty(region=self.region, account_id=self.account, dryrun=True, cache=None, cache_period=0)
        made = EnginePolicy(data, options, self.watch.session_factory(self.region))
        made.expand_variables(made.get_variables(variables))
        made.validate()
        made.ctx.output = _Output()
        return made

    def _judge(self, made: Any) -> ReplayResult:
        event = dict(self.recorded.event)
        if not made.is_runnable(event):
            profile = self.policy.metadata.get("profile")
            return ReplayResult(self.policy, ReplayAnswer.OFF, "its conditions do not hold here" + (
                f": the profile {profile} is not chosen" if profile else ""))
        resources, why = self._resources(made, event)
        if not resources:
            return ReplayResult(self.policy, ReplayAnswer.NO_RESOURCE, why)
        steps = list(self._filtered(made, resources, event))
        matched = [resource for resource, judged in steps if judged.matches]
        asked = len(self.watch.unanswered)
        planned = tuple(self._plan(made, action, matched, event) for action in made.resource_manager.actions) \
            if matched else ()
        # What a plan could not read says nothing against the match.
        self.notes += self.watch.unanswered[asked:]
        del self.watch.unanswered[asked:]
        return ReplayResult(
            self.policy, ReplayAnswer.MATCH if matched else ReplayAnswer.NO_MATCH, why, tuple(judged for _, judged in steps),
            planned)

    def _resources(self, made: Any, event: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
        """The resources that the event is about, and how it names them; or why there is none."""
        mode = made.get_execution_mode()
        if self.recorded.notification is not None:
            # What c7n's own mode leaves to its `run`.
            item = self.recorded.notification.get("configurationItem") or mode._item(self.recorded.notification)
            if event.get("eventLeftScope") or item.get("configurationItemStatus") in GONE:
                return [], f"the resource is gone, or has left the rule's scope: {Verdict.NOT_APPLICABLE}"
            mode.cfg_event = {**self.recorded.notification, "configurationItem": item}
            return list(mode.resolve_resources(event)), f"called on {item['resourceType']}, {item['resourceId']}"
        ids: Sequence[Any] = ()
        if self.policy.mode["type"] == "cloudtrail":
            ids = [str(each) for each in CloudWatchEvents.get_ids(event, made.data["mode"])]
            if not ids:
                return [], "the event names no resource where the policy's `ids` look"
        found = list(mode.resolve_resources(event))
        detail = event.get("detail") or {}
        called = f"called on {detail.get('eventName') or event.get('detail-type')}"
        named = f"{called}, which names {', '.join(ids)}" if ids else called
        return found, named if found else f"{named}: there is no such {self.policy.resource} now"

    def _filtered(
        self, made: Any, resources: list[dict[str, Any]], event: dict[str, Any]
    ) -> Iterator[tuple[dict[str, Any], JudgedResource]]:
        """Each resource with what is said of it."""
        manager = made.resource_manager
        key = manager.resource_type.id
        config = self.recorded.notification is not None
        left = {str(resource[key]): resource for resource in resources}
        for number, each in enumerate(manager.filters, 1):
            if not left:
                return
            kept = {str(resource[key]): resource for resource in each.process(list(left.values()), event)}
            for name in left.keys() - kept.keys():
                if isinstance(each, Excepted):
                    rule = each.rule_for(left[name], event)
                    why, verdict = (excuse(rule) if rule else "an exception covers it"), Verdict.NOT_APPLICABLE
                else:
                    why = f"filter {number} of {len(manager.filters)} drops it: {flow(each.data)}"
                    verdict = Verdict.NOT_APPLICABLE if isinstance(each, Scope) else Verdict.COMPLIANT
                if config and made.data["mode"].get("match-compliant") and verdict is Verdict.COMPLIANT:
                    verdict = Verdict.NON_COMPLIANT
                yield left[name], JudgedResource(name, matches=False, why=why, verdict=verdict.value if config else "")
            left = kept
        matching = Verdict.COMPLIANT if made.data["mode"].get("match-compliant") else Verdict.NON_COMPLIANT
        for name, resource in left.items():
            shown = flow(evidence(resource))
            why = shown if shown != "{}" else "every filter lets it through" if manager.filters else "no filters"
            yield resource, JudgedResource(name, matches=True, why=why, verdict=matching.value if config else "")

    def _plan(self, made: Any, action: Any, matched: list[dict[str, Any]], event: dict[str, Any]) -> PlannedAction:
        """What the action would do. One of ours decides for itself, and its calls are kept and not sent."""
        shown = _shown(action)
        if not type(action).__module__.startswith("custom_actions."):
            return PlannedAction(shown, note="c7n's own action: what it would call is not foretold")
        if self.watch.offline:
            return PlannedAction(shown, note="it reads the resource before it decides: not foretold offline")
        # Who is told of what is left is told of what was tried, and nothing is.
        action.data = {name: value for name, value in action.data.items() if name != "otherwise"}
        before, output = len(self.watch.refused), made.ctx.output
        output.receipts = []
        returned: Any = ()
        try:
            taken = deepcopy(matched)
            returned = action.process(taken, event) if isinstance(action, EventAction) else action.process(taken)
        except FixIncomplete:
            pass  # as it must be: no call was sent; the receipts are in the output
        # Any action may raise anything when its call is not answered; the match stands all the same.
        except Exception as error:  # noqa: BLE001
            calls = tuple(self.watch.refused[before:])
            note = "" if calls else f"not foretold: {' '.join(str(error).split())}"
            return PlannedAction(shown, calls=calls, note=note)
        receipts = [*output.receipts, *(each for each in returned or () if isinstance(each, Mapping))]
        lines = [line for receipt in receipts for line in _lines(receipt)]
        if not lines:
            lines = [line for resource in matched for line in resource.get("c7n:IngressPlan") or ()]
        calls = tuple(self.watch.refused[before:])
        return PlannedAction(shown, tuple(lines), calls, "" if lines or calls else "it finds nothing to do")


def _shown(action: Any) -> str:
    """The action as its policy has it; of whom it tells, and in which words, no more than the subject."""
    if action.type == "notify":
        return f"notify: {action.data['subject']}" if "subject" in action.data else "notify"
    data = {name: value for name, value in (action.data or {}).items() if name != "otherwise"}
    return flow(data) if data.keys() - {"type"} else str(action.type)


def _lines(receipt: Mapping[str, Any]) -> Iterator[str]:
    """What a receipt says of a fix whose calls were not sent."""
    reason = str(receipt.get("reason") or "")
    parts = [part.removeprefix(_LEFT) for part in reason.split("; ") if part.startswith(_LEFT)]
    yield from parts
    outcome = receipt.get("outcome")
    if outcome == Outcome.REFUSED or (reason and not parts and DRY_RUN not in reason):
        yield f"{outcome}: {reason}"
    yield from (f"note: {note}" for note in receipt.get("notes") or ())
