"""The base class that turns an action of c7n into a fix: one resource after the other, each with a receipt."""
from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Self

from c7n.actions import EventAction

from ...aws import actor_of
from ...fixing import FixResult, Inverse, TellingFix, fix_each
from .recorder import Recorder

Resource = dict[str, Any]


class NativeFix(TellingFix, EventAction):
    """The base class of c7n's own actions as fixes; `as_fix` combines it with the class of an action.

    The action of c7n is called for one resource at a time, so that a resource that fails does not stop the others, and
    AWS's reason is in the receipt of the resource that it is about. All else is left to c7n. `otherwise` takes a
    `notify` for the resources that could not be fixed.

    Attributes:
        inverses: the calls that may be in the receipts' inverses.
        reads: the permissions for the calls that read the state before and after.
    """

    inverses: ClassVar[tuple[Inverse, ...]] = ()
    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, data: Any = None, manager: Any = None) -> None:
        data = dict(data or {})
        # Removed, because some actions of c7n fill in the placeholders of all their settings, or compare them.
        self._otherwise = data.pop("otherwise", None)
        super().__init__(data, manager)

    @property
    def name(self) -> str:
        """The name of the file with the receipts, for c7n."""
        return str(self.type)

    @property
    def otherwise(self) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self._otherwise
        return found

    def validate(self) -> Self:
        self.validate_otherwise()
        super().validate()
        return self

    def get_permissions(self) -> tuple[str, ...]:
        """The permissions of the action, and those to read the state before and after."""
        return tuple(dict.fromkeys((*super().get_permissions(), *self.reads, *self.told_permissions())))

    def process(self, resources: list[Resource], event: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run the action for each resource; returns the receipts. Raises FixIncomplete when drift is left."""
        return self.finish(fix_each(self, resources, self._fix, actor_of(event or {})), event)

    def _fix(self, resource: Resource) -> Iterable[FixResult]:
        recorder = Recorder(str(self.type), self.data, resource)
        error: Exception | None = None
        with _errors_logged(self.log) as logged:
            try:
                with recorder.watching():
                    super().process([resource])
            except Exception as raised:  # noqa: BLE001 - it becomes the result of this resource, or is raised again
                error = raised
        return [recorder.result(error, logged)]


@contextmanager
def _errors_logged(log: logging.Logger) -> Iterator[list[str]]:
    """The errors that are logged inside this context: some actions of c7n log an error and go on."""
    messages: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    keep = Keep(logging.ERROR)
    log.addHandler(keep)
    try:
        yield messages
    finally:
        log.removeHandler(keep)
