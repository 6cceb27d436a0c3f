"""A dry run of a recorded event: the policies that subscribe to it, in this process, with the result of every step.

A function that did nothing, or too much, leaves only a log line. Here the same policy gets the same event, filter by
filter. Nothing is deployed and nothing can be changed: see `readonly`. AWS is read in its present state.
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
from c7n.actions import EventAction, Notify
from c7n.config import Config
from c7n.cwe import CloudWatchEvents
from c7n.policy import Policy as EnginePolicy

from custom_actions.elements.every_type import Refuse, Scope
from custom_actions.exceptions import Excepted, excuse
from custom_actions.fixing import FixIncomplete, Outcome
from custom_actions.functions import GONE, SCHEDULED, Verdict
from custom_actions.resources import evidence

from ..command import command
from ..policies import Kind, Policy, UnknownComparison, is_lambda_mode, mismatches, pattern_of, resource_class
from ..results import exceptions_in_force
from ..yamlfile import flow
from .readonly import DRY_RUN, CallWatch, RefusedCall
from .recorded import RecordedEvent

_LEFT = "still to do: "
_CONFIRMS = "what opens or restores is first confirmed by CloudTrail's event history"
# Modes that no EventBridge event starts.
_NOT_BY_EVENT = {
    "periodic": "a schedule starts it", "schedule": "a schedule starts it", "pull": "it has no mode, and "
    "runs only when somebody runs it", "config-poll-rule": "AWS Config starts it on a schedule",
}


class ReplayAnswer(StrEnum):
    """The result of one event in one policy."""

    NOT_SUBSCRIBED = "not-subscribed"
    OFF = "off"
    """The policy's conditions do not hold there, for example because its profile is not chosen."""
    NO_RESOURCE = "no-resource"
    """The event names no resource of the policy's type, or the resource no longer exists."""
    NO_MATCH = "no-match"
    MATCH = "match"
    UNKNOWN = "unknown"
    """AWS could not be read, or an error occurred."""


@dataclass(frozen=True)
class PlannedAction:
    """What one action would do."""

    action: str
    """The action with its settings, as in the policy."""
    lines: tuple[str, ...] = ()
    """The plan, for an action of this project."""
    calls: tuple[RefusedCall, ...] = ()
    """The calls that it tried to make. If a call needs the response of another, only the first."""
    note: str = ""


@dataclass(frozen=True)
class JudgedResource:
    """The policy's result for one resource."""

    resource: str
    matches: bool
    why: str
    """Which filter excluded it, or the exception that covers it; for a match, the values that match."""
    verdict: str = ""
    """The evaluation that AWS Config would receive, for its events."""


@dataclass(frozen=True)
class ReplayResult:
    """One event in one policy."""

    policy: Policy
    answer: ReplayAnswer
    why: str = ""
    resources: tuple[JudgedResource, ...] = ()
    planned: tuple[PlannedAction, ...] = ()
    unanswered: tuple[str, ...] = ()
    """Reads that AWS refused, so that the result may be incomplete."""
    notes: tuple[str, ...] = ()

    @property
    def subscribed(self) -> bool:
        return self.answer is not ReplayAnswer.NOT_SUBSCRIBED

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON has it."""
        return {
            "policy": self.policy.name, "where": self.policy.where, "answer": self.answer.value, "why": self.why,
            "resources": [asdict(judged) for judged in self.resources],
            "planned": [asdict(planned) for planned in self.planned],
            "unanswered": list(self.unanswered), "notes": list(self.notes),
        }


def unsubscribed(policy: Policy, recorded: RecordedEvent) -> str:
    """Why the event would not reach the policy's function; empty when it would.

    Raises UnknownComparison when the policy's event pattern has a comparison that is not supported here.
    """
    mode = str(policy.mode["type"])
    if recorded.notification is None:
        if mode == "config-rule":
            return "AWS Config starts it, not EventBridge"
        if mode in _NOT_BY_EVENT or not is_lambda_mode(mode):
            return _NOT_BY_EVENT.get(mode, f"it is not known what starts the mode {mode}")
        return "; ".join(mismatches(pattern_of(policy), recorded.event))
    if policy.kind is not Kind.CONFIG_RULE:
        return _NOT_BY_EVENT.get(mode, "EventBridge starts it, not AWS Config")
    if recorded.notification.get("messageType") == SCHEDULED:
        return f"a scheduled notification makes it evaluate every resource: use {command('audit --policy')}"
    if mode == "config-poll-rule":
        return _NOT_BY_EVENT[mode]
    wanted = resource_class(policy.resource).resource_type.config_type
    given = recorded.item.get("resourceType")
    return "" if given == wanted else f"resourceType is {given}, not {wanted}"


def replay(
    recorded: RecordedEvent, policies: Iterable[Policy], *, account: str, region: str, offline: bool = False,
    variables: Mapping[str, Any] | None = None, exceptions: Path | None = None,
) -> Iterator[ReplayResult]:
    """The result of the event in each policy. Changes nothing.

    Args:
        account, region: where the event happened; AWS is read there with the current credentials.
        offline: AWS is not called; what needs it is unknown.
        variables: the account's `vars` of accounts.yml.
        exceptions: the file of exceptions in force; None for none.
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
    """Without c7n's log, whose content is in the result, and without cached sessions, whose calls are not watched.

    Sets the file of exceptions in the environment, where this project's filters find it.
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
    """Keeps the receipts of an action that ends with an error."""

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
        # Any filter, of c7n or of ours, can raise anything on a resource that it does not expect: unknown.
        except Exception as error:  # noqa: BLE001
            why = " ".join(str(error).split()) or type(error).__name__
            found = ReplayResult(self.policy, ReplayAnswer.UNKNOWN, why)
        unanswered = tuple(dict.fromkeys(self.watch.unanswered))
        answer = found.answer
        if unanswered and answer in (ReplayAnswer.MATCH, ReplayAnswer.NO_MATCH, ReplayAnswer.NO_RESOURCE):
            answer = ReplayAnswer.UNKNOWN
        return ReplayResult(
            self.policy, answer, found.why, found.resources, found.planned, unanswered, tuple(self.notes))

    def _loaded(self, variables: dict[str, Any]) -> Any:
        """c7n's policy as in its function, except that it cannot change anything."""
        data = deepcopy(dict(self.policy.data))
        if data["mode"].pop("delay", None):
            self.notes.append("its function waits before it reads; the replay does not wait")
        if data["mode"].pop("member-role", None):
            self.notes.append("its function assumes a role there; the replay reads with the current credentials")
        resource_class(self.policy.resource)
        options = Config.empty(region=self.region, account_id=self.account, dryrun=True, cache=None, cache_period=0)
        engine = EnginePolicy(data, options, self.watch.session_factory(self.region))
        engine.expand_variables(engine.get_variables(variables))
        engine.validate()
        engine.ctx.output = _Output()
        return engine

    def _judge(self, engine: Any) -> ReplayResult:
        event = dict(self.recorded.event)
        if not engine.is_runnable(event):
            profile = self.policy.metadata.get("profile")
            return ReplayResult(self.policy, ReplayAnswer.OFF, "its conditions do not hold here" + (
                f": the profile {profile} is not chosen" if profile else ""))
        resources, why = self._resources(engine, event)
        if not resources:
            return ReplayResult(self.policy, ReplayAnswer.NO_RESOURCE, why)
        steps = list(self._filtered(engine, resources, event))
        matched = [resource for resource, judged in steps if judged.matches]
        before = len(self.watch.unanswered)
        left = list(matched)
        planned = tuple(self._plan(engine, action, left, event) for action in engine.resource_manager.actions) \
            if matched else ()
        # What only an action could not read does not make the match unknown.
        self.notes += self.watch.unanswered[before:]
        del self.watch.unanswered[before:]
        return ReplayResult(
            self.policy, ReplayAnswer.MATCH if matched else ReplayAnswer.NO_MATCH, why,
            tuple(judged for _, judged in steps), planned)

    def _resources(self, engine: Any, event: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
        """The resources that the event is about, and how it names them; or why there are none."""
        mode = engine.get_execution_mode()
        if self.recorded.notification is not None:
            # c7n's mode does this in its `run`.
            item = self.recorded.notification.get("configurationItem") or mode._item(self.recorded.notification)
            if event.get("eventLeftScope") or item.get("configurationItemStatus") in GONE:
                return [], f"the resource no longer exists, or has left the rule's scope: {Verdict.NOT_APPLICABLE}"
            mode.cfg_event = {**self.recorded.notification, "configurationItem": item}
            return list(mode.resolve_resources(event)), f"evaluates {item['resourceType']} {item['resourceId']}"
        ids: Sequence[Any] = ()
        if self.policy.mode["type"] == "cloudtrail":
            ids = [str(each) for each in CloudWatchEvents.get_ids(event, engine.data["mode"])]
            if not ids:
                return [], "the event contains no resource id at the place that the policy's `ids` names"
        found = list(mode.resolve_resources(event))
        detail = event.get("detail") or {}
        called = f"started by {detail.get('eventName') or event.get('detail-type')}"
        named = f"{called}, which names {', '.join(ids)}" if ids else called
        return found, named if found else f"{named}: this {self.policy.resource} does not exist now"

    def _filtered(
        self, engine: Any, resources: list[dict[str, Any]], event: dict[str, Any]
    ) -> Iterator[tuple[dict[str, Any], JudgedResource]]:
        """Each resource with its result."""
        manager = engine.resource_manager
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
                    why = f"filter {number} of {len(manager.filters)} excludes it: {flow(each.data)}"
                    verdict = Verdict.NOT_APPLICABLE if isinstance(each, Scope) else Verdict.COMPLIANT
                if config and engine.data["mode"].get("match-compliant") and verdict is Verdict.COMPLIANT:
                    verdict = Verdict.NON_COMPLIANT
                yield left[name], JudgedResource(name, matches=False, why=why, verdict=verdict.value if config else "")
            left = kept
        matching = Verdict.COMPLIANT if engine.data["mode"].get("match-compliant") else Verdict.NON_COMPLIANT
        for name, resource in left.items():
            shown = flow(evidence(resource))
            why = shown if shown != "{}" else "every filter matches" if manager.filters else "the policy has no filters"
            yield resource, JudgedResource(name, matches=True, why=why, verdict=matching.value if config else "")

    def _plan(self, engine: Any, action: Any, matched: list[dict[str, Any]], event: dict[str, Any]) -> PlannedAction:
        """What the action would do. Actions of this project run, with their calls recorded instead of sent.

        `refuse` removes from `matched` what the later actions must not touch.
        """
        shown = _shown(action)
        if isinstance(action, Notify) or not type(action).__module__.startswith("custom_actions."):
            return PlannedAction(shown, note="c7n's own action: its calls cannot be predicted")
        if self.watch.offline:
            return PlannedAction(shown, note="it reads the resource first, so it cannot be predicted offline")
        # `otherwise` notifies people when a fix is incomplete, which every fix is here.
        action.data = {name: value for name, value in action.data.items() if name != "otherwise"}
        # A recorded event is too old to be confirmed, or was never in the history of this account.
        confirms = "scheduler:CreateSchedule" in action.get_permissions()
        if confirms:
            action.data["confirm"] = False
        before, output = len(self.watch.refused), engine.ctx.output
        output.receipts = []
        returned: Any = ()
        try:
            copies = deepcopy(matched)
            taken = list(copies)
            returned = action.process(taken, event) if isinstance(action, EventAction) else action.process(taken)
            if isinstance(action, Refuse):
                kept = {id(each) for each in taken}
                matched[:] = [
                    resource for resource, each in zip(matched, copies, strict=True) if id(each) in kept]
        except FixIncomplete:
            pass  # expected, because no call was sent; the receipts are in the output
        # Any action can raise anything when its call fails; the match is still valid.
        except Exception as error:  # noqa: BLE001
            calls = tuple(self.watch.refused[before:])
            note = _CONFIRMS * confirms if calls else f"cannot be predicted: {' '.join(str(error).split())}"
            return PlannedAction(shown, calls=calls, note=note)
        receipts = [*output.receipts, *(each for each in returned or () if isinstance(each, Mapping))]
        # The plan of an ingress rule says it in fewer words than its steps.
        planned = [] if isinstance(action, Refuse) else [
            line for resource in matched for line in resource.get("c7n:IngressPlan") or ()]
        lines = [*(planned or [step for receipt in receipts for step in _steps(receipt)]),
                 *(line for receipt in receipts for line in _remarks(receipt))]
        calls = tuple(self.watch.refused[before:])
        note = _CONFIRMS * confirms if lines or calls else "it has nothing to do"
        return PlannedAction(shown, tuple(lines), calls, note)


def _shown(action: Any) -> str:
    """The action with its settings; for a notification, only its subject."""
    if action.type == "notify":
        return f"notify: {action.data['subject']}" if "subject" in action.data else "notify"
    data = {name: value for name, value in (action.data or {}).items() if name != "otherwise"}
    return flow(data) if data.keys() - {"type"} else str(action.type)


def _steps(receipt: Mapping[str, Any]) -> list[str]:
    """What a fix would do, from its receipt: its calls were not sent, so all of it is still to be done."""
    return [part.removeprefix(_LEFT) for part in str(receipt.get("reason") or "").split("; ") if part.startswith(_LEFT)]


def _remarks(receipt: Mapping[str, Any]) -> Iterator[str]:
    """What else a receipt says: why a fix is refused or cannot be done, and notes."""
    reason, outcome = str(receipt.get("reason") or ""), receipt.get("outcome")
    if outcome == Outcome.REFUSED or (reason and not _steps(receipt) and DRY_RUN not in reason):
        yield f"{outcome}: {reason}"
    yield from (f"note: {note}" for note in receipt.get("notes") or ())
