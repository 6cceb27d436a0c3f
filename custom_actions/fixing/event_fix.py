"""The base of all fixes that respond to a CloudTrail event.

A call that AWS refused changed nothing. Changes by our own role are not undone, or two functions would undo each
other's changes for ever. Each resource is fixed separately: one that fails does not stop the others, and each one gets
a log line and a receipt. `otherwise` takes a `notify` for the resources that could not be fixed. A `notify` among the
actions after the fix reports the fixed ones; it gets only the resources that the fix handled, or it would report every
change of our own.

A fix that somebody undoes again and again stops for a while, and reports that (quarrel.py).
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from c7n.actions import EventAction
from c7n.exceptions import PolicyValidationError
from c7n.utils import local_session

from ..aws import AWS_ERRORS, actor_of, caller_arn, detail_of, is_own, principal_of, reason_of, state_of
from .alerting import STOPPED, is_first, notify_of, send
from .bound import OpenGate, QuarrelGate, held_by, limit_of
from .confirmation import confirm, function
from .engine import FixResult
from .fix import fix_each
from .inverses import Inverse
from .receipt import RECEIPTS, Outcome, Receipt, printable
from .telling import NOT_FIXED, TellingFix

Record = Mapping[str, Any]
"""A CloudTrail record, an EventBridge event's `detail`."""

LIST_OF_ROLES: dict[str, Any] = {"oneOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}
"""The schema of `approved-roles`: ARNs of roles, with `*` and `?`; a string is a parameter in braces."""
CONFIRM: dict[str, Any] = {"type": "boolean"}
"""The schema of `confirm`: false opens and restores without asking CloudTrail's event history. See docs/security.md."""

_NUMBER: dict[str, Any] = {"oneOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}
QUARREL: dict[str, Any] = {
    "type": "object", "additionalProperties": False, "properties": {"reverts": _NUMBER, "minutes": _NUMBER}}
"""The schema of `quarrel`, which all these fixes take: how often one thing of a resource is reverted within how many
minutes, 3 times in 10 by default; `reverts: 0` is no limit. A string is a parameter in braces."""


class EventFix(TellingFix, EventAction):
    """The base class of these fixes: a subclass implements `fix` for one resource.

    Attributes:
        events: the names of the events that it can undo; empty when it also works without an event.
        inverses: the calls that may be in the receipts' inverses.
        own_arn: the ARN under which this runs; set while `process` runs.
    """

    events: ClassVar[tuple[str, ...]] = ()
    inverses: ClassVar[tuple[Inverse, ...]] = ()
    other_regions: ClassVar[bool] = False
    """Whether the fix may change a resource in another region than that of its policy."""
    own_arn = ""

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.schema["properties"].setdefault("quarrel", QUARREL)

    @property
    def name(self) -> str:
        """The name of the file with the receipts, for c7n."""
        return str(self.type)

    def validate(self) -> EventFix:
        if self.events:
            check_events(self, self.events)
        self.validate_otherwise()
        try:
            limit_of(self.data.get("quarrel"))
        except ValueError as error:
            raise PolicyValidationError(f"{self.type}: {error}") from error
        return self

    def get_permissions(self) -> tuple[str, ...]:
        """The permissions for the calls of the action and of its `otherwise`."""
        confirm = self.confirm_permissions() if "confirm" in self.schema["properties"] else ()
        return tuple(dict.fromkeys((*self.permissions, "sts:GetCallerIdentity", *confirm, *self.told_permissions())))

    def confirm_permissions(self) -> tuple[str, ...]:
        """What confirming an event calls; nothing with `confirm: false`."""
        if self.data.get("confirm") is False:
            return ()
        # PassRole: the schedule that delivers an event again runs as a role.
        return ("cloudtrail:LookupEvents", "scheduler:CreateSchedule", "iam:PassRole")

    def fix(self, session: Any, resource: dict[str, Any], event: Mapping[str, Any]) -> Iterable[FixResult]:
        """Fix `resource` after `event`, an EventBridge event; yields nothing when the event is not about it.

        May raise one of AWS_ERRORS, CannotRead or Refusal before anything has been changed.
        """
        raise NotImplementedError

    def process(self, resources: list[dict[str, Any]], event: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Fix each resource; returns the receipts. Raises FixIncomplete when drift is left.

        After an event, only the resources that the fix handled stay in `resources`, for the actions after it. Those of
        a refused call or of a change of our own are removed, and so are those without drift and those that
        `otherwise` has reported.
        """
        event = event or {}
        record = detail_of(event)
        session = local_session(self.manager.session_factory)
        if self.undoes_the_event() and (problem := record.get("errorCode")):
            self.log.info("%s: %s failed with %s: it changed nothing", self.type, record.get("eventName"), problem)
            resources.clear()
            return []
        unknown = ""
        if record:
            try:
                self.own_arn = caller_arn(session)
            except AWS_ERRORS as error:
                unknown = f"could not determine whether we caused the event: {reason_of(error)}"
            if not unknown and self.is_ours(record):
                self.log.info("%s: we caused the event %s ourselves: ignored", self.type, record.get("eventName"))
                resources.clear()
                return []

        gates: dict[int, QuarrelGate] = {}

        def fix(resource: dict[str, Any]) -> Iterable[FixResult]:
            if unknown:
                yield FixResult(Outcome.FAILED, unknown)
                return
            held = self._gate(resource, record) if record else None
            if held is None:
                with held_by(OpenGate()):
                    yield from self.fix(session, resource, event)
                return
            gates[id(resource)] = held
            with held.reading(), held_by(held):
                yield from self.fix(session, resource, event)

        fixed = fix_each(self, resources, fix, actor_of(event))
        # What a quarrel has stopped has an alert of its own.
        stopped = {each: gate for each, gate in gates.items() if gate.stops}
        try:
            records = self.finish(fixed, event, quiet=stopped)
        finally:
            self._tell_of_quarrels(fixed, stopped, event)
        if record:
            worth = {Outcome.REVERTED, *(() if self.otherwise is not None else NOT_FIXED)}
            dealt_with = {id(resource) for resource, receipt in fixed if receipt.outcome in worth
                          and not (id(resource) in stopped and receipt.outcome is Outcome.REFUSED)}
            # c7n passes the same list to the next action.
            resources[:] = [resource for resource in resources if id(resource) in dealt_with]
        return records

    def _gate(self, resource: Mapping[str, Any], record: Record) -> QuarrelGate | None:
        """Holds the fix of the resource to the policy's limit; None without a limit, and outside Lambda."""
        limit, state = limit_of(self.data.get("quarrel")), state_of(function.arn)
        if state is None or not limit.reverts:
            return None
        return QuarrelGate(
            state, limit, self._about(resource), self.own_arn, principal_of(record), str(record.get("eventName")))

    def _about(self, resource: Mapping[str, Any]) -> dict[str, str]:
        """What identifies the fix of the resource among all fixes of the account and region."""
        config = self.manager.config
        return {
            "account": str(config.account_id or ""), "region": str(config.region or ""),
            "policy": str(self.manager.data.get("name", "")), "action": str(self.type),
            "resource": str(resource[self.manager.get_model().id])}

    def _tell_of_quarrels(
        self, fixed: Sequence[tuple[dict[str, Any], Receipt]], stopped: Mapping[int, QuarrelGate],
        event: Mapping[str, Any],
    ) -> None:
        """Report what was stopped, once for each thing and each principal that changes it."""
        resources: dict[int, dict[str, Any]] = {}
        keys: list[str] = []
        for resource, receipt in fixed:
            gate = stopped.get(id(resource))
            if gate is None:
                continue
            new = [key for stop in gate.stops.values()
                   if (key := is_first("stop", *gate.about.values(), stop.thing, gate.actor))]
            keys += new
            if new or id(resource) in resources:
                self.log.error("%s %s: %s", self.type, printable(receipt.resource), gate.closed_to)
                copy = resources.setdefault(id(resource), {**resource, RECEIPTS: []})
                copy[RECEIPTS].append(receipt.to_dict())
        if not resources:
            return
        notify = notify_of(self.data.get("otherwise"), self.manager, STOPPED)
        if notify is None:
            self.log.error("%s: the policy has no `notify`, so nobody is told of this", self.type)
        else:
            send(notify, list(resources.values()), event, keys)

    def confirm(self, session: Any, event: Mapping[str, Any]) -> Callable[[], None] | None:
        """What `carry_out` takes: confirms the event by CloudTrail's event history. None with `confirm: false`."""
        if self.data.get("confirm") is False:
            return None
        return lambda: confirm(session.client("cloudtrail"), event)

    def undoes_the_event(self) -> bool:
        """Whether there is nothing to do when AWS refused the call of the event."""
        return True

    def is_ours(self, record: Record) -> bool:
        """Whether the change in `record` was made by our own role, an operator's, or an approved one."""
        principal = principal_of(record)
        approved = self.data.get("approved-roles") or ()
        return is_own({"detail": record}, self.own_arn) or any(fnmatchcase(principal, each) for each in approved)


def events_of(element: Any) -> list[str]:
    """The names of the events on which the element's policy runs."""
    listed = (element.manager.data.get("mode") or {}).get("events") or ()
    return [event["event"] if isinstance(event, dict) else event for event in listed]


def check_events(element: Any, known: Sequence[str]) -> None:
    """Raises PolicyValidationError unless the element's policy is in mode cloudtrail, and only on these events."""
    strange = [name for name in events_of(element) if name not in known]
    if (element.manager.data.get("mode") or {}).get("type") != "cloudtrail" or strange:
        raise PolicyValidationError(
            f"{element.type}: needs a policy in mode cloudtrail on {', '.join(known)}"
            + (f", not on {', '.join(strange)}" if strange else "")
        )
