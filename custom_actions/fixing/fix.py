"""The base of all fixes: a resource that fails does not stop the others, and each one gets a receipt."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from traceback import format_tb
from typing import Any, ClassVar, Self

from c7n.actions import EventAction
from c7n.utils import local_session

from ..aws import AWS_ERRORS, Actor, reason_of
from ..errors import CannotRead, Refusal
from .engine import FixResult
from .inverses import Inverse
from .journal import STEP, Journal
from .receipt import Outcome, Receipt, printable, receipt_of
from .telling import TellingFix

Resource = dict[str, Any]


def fix_each(
    action: Any, resources: Iterable[Resource], fix: Callable[[Resource], Iterable[FixResult]],
    actor: Actor | None = None,
) -> list[tuple[Resource, Receipt]]:
    """Fix each resource independently of the others, and log the result.

    Args:
        action: the c7n action.
        fix: fixes one resource; an error that it raises becomes the result of that resource. An unexpected error is
            logged with its traceback, and counts as failed.
        actor: who caused the drift, when an event says so.

    Returns each resource with its receipts, in order.
    """
    fixed = []
    journal = Journal(action)
    for resource in resources:
        for receipt in _in_journal(action, journal, resource, fix, actor):
            try:
                journal.ended(receipt.to_dict())
            except OSError as error:
                # The receipt is in the log, too.
                action.log.error("%s: the journal cannot be written: %s", action.type, error.strerror)
            level = action.log.error if receipt.outcome.needs_a_person else action.log.info
            level("%s %s: %s %s", action.type, printable(receipt.resource), receipt.outcome, printable(receipt.reason))
            fixed.append((resource, receipt))
    return fixed


def _in_journal(
    action: Any, journal: Journal, resource: Resource, fix: Callable[[Resource], Iterable[FixResult]],
    actor: Actor | None,
) -> Iterator[Receipt]:
    """The receipts of one resource. While a fix runs, its steps are recorded under the id of its receipt-to-be."""
    results = _results(action, resource, fix)
    while True:
        begun = _receipt(action, resource, FixResult(Outcome.INTERRUPTED), None)
        head = begun.to_dict()
        with journal.of({key: head[key] for key in STEP}):
            result = next(results, None)
        if result is None:
            return
        yield _receipt(action, resource, result, actor, sequence=begun.sequence, id=begun.id)


def _results(
    action: Any, resource: Resource, fix: Callable[[Resource], Iterable[FixResult]]
) -> Iterator[FixResult]:
    try:
        yield from fix(resource)
    except Refusal as refusal:
        yield FixResult(Outcome.REFUSED, str(refusal))
    except (*AWS_ERRORS, CannotRead) as error:
        yield FixResult(Outcome.FAILED, reason_of(error))
    except Exception as error:  # noqa: BLE001 - it ends one resource, and is logged with its traceback
        # Not log.exception: the error's own text may have line breaks that an attacker chose.
        action.log.error(
            "%s: the fix of one resource ended with an unexpected error: %s: %s\n%s", action.type,
            type(error).__name__, printable(error), "".join(format_tb(error.__traceback__)))
        yield FixResult(Outcome.FAILED, f"unexpected {type(error).__name__}: {reason_of(error)}")


def _receipt(
    action: Any, resource: Mapping[str, Any], result: FixResult, actor: Actor | None, **identity: Any
) -> Receipt:
    manager = action.manager
    named = getattr(action, "resource_name", None)
    return receipt_of(
        action,
        result.resource or str(named(resource) if named else resource[manager.get_model().id]),
        result.outcome,
        resource_type=result.resource_type or f"aws.{manager.type}",
        account=manager.config.account_id or resource.get("OwnerId", ""),
        region=result.region or manager.config.region or "",
        reason=result.reason,
        removed=list(result.removed),
        added=list(result.added),
        inverse=list(result.inverse),
        caused_by=actor,
        notes=list(result.notes),
        **identity,
    )


class Fix(TellingFix, EventAction):
    """The base class of the fixes that need no event: a subclass implements `fix` for one resource."""

    inverses: ClassVar[tuple[Inverse, ...]] = ()
    """The calls that may be in the receipts' inverses."""
    other_regions: ClassVar[bool] = False
    """Whether the fix may change a resource in another region than that of its policy."""

    @property
    def name(self) -> str:
        """The name of the file with the receipts, for c7n."""
        return str(self.type)

    def validate(self) -> Self:
        self.validate_otherwise()
        return self

    def get_permissions(self) -> tuple[str, ...]:
        """The permissions for the calls of the action and of its `otherwise`."""
        return (*self.permissions, *self.told_permissions())

    def fix(self, session: Any, resource: Resource) -> Iterable[FixResult]:
        """Fix one resource. May raise one of AWS_ERRORS, CannotRead or Refusal before anything has been changed."""
        raise NotImplementedError

    def resource_name(self, resource: Mapping[str, Any]) -> str:
        """The name of the resource in the receipt; by default its id in c7n."""
        return str(resource[self.manager.get_model().id])

    def process(self, resources: list[Resource], event: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Fix each resource; returns the receipts. When drift is left, writes them and raises FixIncomplete."""
        session = local_session(self.manager.session_factory)
        return self.finish(fix_each(self, resources, lambda resource: self.fix(session, resource)), event)
