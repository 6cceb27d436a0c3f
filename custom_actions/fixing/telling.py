"""What the messages about a fix contain, and what happens when a message cannot be sent.

A policy with a fix tells in two places: `otherwise` of the fix is a `notify` for the resources that could not be fixed,
and a `notify` among the actions after the fix tells of the others. Both contain only resources with something to tell,
each with its receipts:

| the outcome of the fix | `otherwise` | a `notify` after the fix |
|---|---|---|
| reverted | if the policy ends here, because drift is left elsewhere | yes |
| partial, failed, refused | yes | if the fix has no `otherwise` |
| already-ok, waiting | no | no |

c7n tells of every resource that matched, whatever an action did with it. The plug-in registers `FixNotify` in place of
c7n's `notify`, so that this holds in every mode. In a function, what could not be fixed is told once a day
(alerting.py), because the same resource is evaluated again and again.
"""
from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from c7n.actions import BaseAction, Notify

from ..aws import AWS_ERRORS, reason_of
from .alerting import forget, is_first
from .receipt import RECEIPTS, Outcome, Receipt, finish, printable

Resource = dict[str, Any]
Fixed = Sequence[tuple[Resource, Receipt]]

OTHERWISE: dict[str, Any] = {"type": "object", "required": ["type"], "properties": {"type": {"enum": ["notify"]}}}
"""The schema of `otherwise`; c7n's own action validates the rest."""

NOT_FIXED = (Outcome.PARTIAL, Outcome.FAILED, Outcome.REFUSED)
"""The outcomes that `otherwise` tells of."""


NOT_SENT = "a message about fixed resources was not sent"
"""What the log says on the command line when a message cannot be sent; `heal` shows these lines."""


class MessageNotSent(Exception):
    """The fix of a function has ended, and its receipts are written, but the message about it could not be sent."""


class TellingFix(BaseAction):
    """What the base classes of fixes share: the setting `otherwise`."""

    @property
    def otherwise(self) -> Mapping[str, Any] | None:
        """The `notify` for the resources that could not be fixed."""
        found: Mapping[str, Any] | None = self.data.get("otherwise")
        return found

    def validate_otherwise(self) -> None:
        """Raise PolicyValidationError if c7n does not accept `otherwise`."""
        if self.otherwise is not None:
            FixNotify(self.otherwise, self.manager).validate()

    def told_permissions(self) -> tuple[str, ...]:
        """The permissions for the calls of `otherwise`."""
        if self.otherwise is None:
            return ()
        return tuple(FixNotify(self.otherwise, self.manager).get_permissions())

    def finish(
        self, fixed: Fixed, event: Mapping[str, Any] | None = None, *, quiet: Collection[int] = (),
    ) -> list[dict[str, Any]]:
        """Write the receipts, let `otherwise` tell, and return the receipts.

        Args:
            fixed: each resource with its receipts.
            event: the EventBridge event, if there is one.
            quiet: the resources (`id(resource)`) whose refusals have a message of their own.

        Raises FixIncomplete when drift is left, and what `otherwise` raises.
        """
        try:
            return finish(self, fixed)
        finally:
            # The receipts are written first: they must not be lost when the topic is missing.
            if self.otherwise is not None and (left := _not_fixed(fixed, quiet)):
                FixNotify(self.otherwise, self.manager).process(left, event)


class FixNotify(Notify):
    """c7n's `notify`, which after a fix tells only of the resources that have something to tell.

    When a policy runs on the command line (`heal`, `custodian run`), a message about a fix that cannot be sent is an
    error in the log, and the run goes on: the fix is made, its receipts are written, and the account may have no topic.
    In a function it is raised, so that Lambda tries again and its alarm sees it.
    """

    def process(self, resources: Sequence[Resource], event: Mapping[str, Any] | None = None) -> None:
        """Send the messages.

        Raises what c7n's `notify` raises, and in a function MessageNotSent if the message is about a fix.
        """
        if fixes := self._fixes_before():
            resources = to_tell(resources, told={str(fix.type) for fix in fixes if fix.otherwise is not None})
        resources, keys = new_reports(resources)
        if not resources:
            return
        try:
            super().process(resources, event)
        except BaseException as error:
            forget(keys)
            if not isinstance(error, AWS_ERRORS):
                raise
            about_a_fix = any(RECEIPTS in resource for resource in resources)
            if not about_a_fix:
                raise
            if not _on_the_command_line(self.manager):
                raise MessageNotSent(f"{NOT_SENT}: {printable(reason_of(error))}") from error
            self.log.error(
                "%s: %s: %s. The fix has ended, and its receipts are written. Create the topic (guardrails templates), "
                "or correct the transport of the notify", self.manager.data.get("name"), NOT_SENT,
                printable(reason_of(error)))

    def _fixes_before(self) -> list[TellingFix]:
        """The fixes that have run before this action; none for an `otherwise`."""
        actions = list(getattr(self.manager, "actions", None) or ())
        place = next((number for number, each in enumerate(actions) if each is self), 0)
        return [each for each in actions[:place] if isinstance(each, TellingFix)]


def to_tell(resources: Iterable[Resource], told: set[str]) -> list[Resource]:
    """The resources that a `notify` after fixes tells of, each with the receipts that it has to tell.

    Args:
        told: the fixes that have an `otherwise`: it has told what they could not fix.
    """
    def is_new(receipt: Mapping[str, Any]) -> bool:
        return receipt["outcome"] == Outcome.REVERTED or (
            receipt["outcome"] in NOT_FIXED and receipt.get("action") not in told)

    return _with_receipts(resources, is_new)


def new_reports(resources: Iterable[Resource]) -> tuple[list[Resource], list[str]]:
    """The resources without what was told within a day, and the keys for `forget`, should the message not be sent.

    This is the one place that decides whether a message about a fixed resource is sent again. What was changed is
    always told.
    """
    keys: list[str] = []

    def is_new(receipt: Mapping[str, Any]) -> bool:
        if receipt["outcome"] == Outcome.REVERTED:
            return True
        identity = [str(receipt.get(name)) for name in ("account", "region", "policy", "action", "resource", "outcome")]
        key = is_first(*identity, reason=str(receipt.get("reason") or ""))
        keys.extend(filter(None, [key]))
        return bool(key)

    found = list(resources)
    about_a_fix = [resource for resource in found if resource.get(RECEIPTS)]
    if not about_a_fix:
        return found, []
    return _with_receipts(about_a_fix, is_new), keys


def _not_fixed(fixed: Fixed, quiet: Collection[int]) -> list[Resource]:
    """The resources that `otherwise` tells of, each with its receipts."""
    wanted = set(NOT_FIXED)
    if any(receipt.outcome.needs_a_person for _, receipt in fixed):
        # The policy ends here, and no later action can tell what was fixed.
        wanted.add(Outcome.REVERTED)
    resources = {id(resource): resource for resource, _ in fixed}
    records: dict[int, list[dict[str, Any]]] = {}
    for resource, receipt in fixed:
        if not (id(resource) in quiet and receipt.outcome is Outcome.REFUSED):
            records.setdefault(id(resource), []).append(receipt.to_dict())
    return _with_receipts(
        ({**resource, RECEIPTS: records.get(key, [])} for key, resource in resources.items()),
        lambda receipt: receipt["outcome"] in wanted)


def _with_receipts(resources: Iterable[Resource], is_new: Callable[[Mapping[str, Any]], bool]) -> list[Resource]:
    """Copies of the resources that have such receipts, with these receipts."""
    found = ({**resource, RECEIPTS: list(filter(is_new, resource.get(RECEIPTS) or ()))} for resource in resources)
    return [resource for resource in found if resource[RECEIPTS]]


def _on_the_command_line(manager: Any) -> bool:
    """Whether the policy runs in c7n's pull mode, and not in a function."""
    return (manager.data.get("mode") or {}).get("type", "pull") == "pull"
