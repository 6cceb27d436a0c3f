"""Resources that cannot be read: each is unknown, with its reason, and does not keep the others from being checked.

c7n reads and filters all resources of a policy together, so one bucket that denies a call ends the check of every
bucket. `one_by_one` finds the resources that cause an error, by processing the others without them. The policy's
execution mode collects them (`collecting`), writes them into the policy's output (`UNKNOWN`), and fails at the end with
`ResourcesUnknown`: a check with an unknown resource is never complete.

An error that is not about one resource ends the check, as before: throttling, credentials, the network, and any error
that the first resources have in common.
"""
from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ParamValidationError
from c7n.exceptions import PolicyValidationError, ResourceLimitExceeded

from ..aws import AWS_ERRORS, code_of, reason_of
from ..errors import CannotRead
from .identity import resource_id
from .output_file import write_output

log = logging.getLogger("custodian.guardrails.unknown")

UNKNOWN = "unknown.json"
"""The file in a policy's output: a list of objects with `resource` and `reason`."""
MARK = "c7n:Unknown"
"""The key of a resource whose details could not be read: its id and the reason, as in UNKNOWN.

c7n shares lists of resources between policies. So an unreadable resource stays in its list, for every policy to see.
"""
GONE = "c7n:Gone"
"""The key of a resource that was deleted after it was listed."""
_BEGINS = "resources unknown"
_IN_COMMON = 3
"""If so many single resources fail alike before one succeeds, the error is not about single resources."""
_OF_ALL = re.compile(
    r"Throttl|RequestLimitExceeded|TooManyRequests|SlowDown|ExpiredToken|RequestExpired|InvalidClientTokenId"
    r"|UnrecognizedClient|InvalidAccessKeyId|SignatureDoesNotMatch|OptInRequired")
"""Error codes that concern every call."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class ResourcesUnknown(Exception):
    """Some resources could not be read, and the message names them. All others were processed."""


@dataclass
class UnknownResources:
    """The resources that one run of a policy could not read.

    Attributes:
        in_output: whether they are written into the policy's output as soon as all resources are filtered.
        reasons: resource id to reason.
        resources: what is known of them, by resource id.
        deleted: ids of other resources that were deleted while a filter read them.
        lists: where to keep lists of resources, if the ids of those that pass are kept too.
    """

    in_output: bool = False
    reasons: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    lists: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.reasons)

    def __contains__(self, resource: object) -> bool:
        return resource in self.reasons

    def add(self, name: str, reason: str, resource: Mapping[str, Any] | None = None) -> None:
        """Record a resource by its id, and log it; the first reason counts."""
        if name not in self.reasons:
            self.reasons[name] = reason
            log.warning("%s is unknown: %s", name, reason)
        if resource is not None:
            self.resources.setdefault(name, resource)

    def to_list(self) -> list[dict[str, str]]:
        """The content of UNKNOWN."""
        return [{"resource": resource, "reason": reason} for resource, reason in sorted(self.reasons.items())]

    def write(self, output: Any) -> None:
        """Write the file UNKNOWN into c7n's `output`, readable by the owner only; without resources, remove it.

        Raises OSError.
        """
        write_output(output, UNKNOWN, self.to_list() or None)

    def raise_if_any(self) -> None:
        """Raise ResourcesUnknown, which names the resources, if there are any."""
        if self.reasons:
            raise ResourcesUnknown(unknown_text(self.to_list()))


def unknown_text(unknown: Iterable[Mapping[str, str]]) -> str:
    """The message of ResourcesUnknown for the content of UNKNOWN."""
    return f"{_BEGINS}: " + "; ".join(f"{each['resource']}: {each['reason']}" for each in unknown)


def is_unknown_text(text: str) -> bool:
    """Whether a text, such as a line of c7n-org's log, is the message of ResourcesUnknown."""
    return text.startswith(_BEGINS)


def collector_of(manager: Any) -> UnknownResources | None:
    """Where unknown resources of this c7n resource manager are recorded; None if they must raise an error instead."""
    found = getattr(manager, "unknown_resources", None)
    return found if isinstance(found, UnknownResources) else None


@contextmanager
def collecting(*managers: Any, into: UnknownResources | None = None) -> Iterator[UnknownResources]:
    """In this context, unknown resources of these managers are recorded `into`, and left out."""
    unknown = UnknownResources() if into is None else into
    before = [collector_of(manager) for manager in managers]
    for manager in managers:
        manager.unknown_resources = unknown
    try:
        yield unknown
    finally:
        for manager, earlier in zip(managers, before, strict=True):
            manager.unknown_resources = earlier


def one_by_one(
    items: Sequence[Item], work: Callable[[Sequence[Item]], Iterable[Result]],
    failed: Callable[[Item, Exception], None],
) -> list[Result]:
    """The results of `work` for all items, without the single items for which it raises an error.

    `work` gets all items first. If it raises, it gets each half, and so on: for one bad item among n, that is about
    twice n items more. `failed` is called for each bad item, after all others have succeeded.

    Raises an error that is not about one item. An error of a single item that is the only one is about that item.
    """
    if not items:
        return list(work(items))
    try:
        return list(work(items))
    except Exception as raised:
        if not _of_one_resource(raised):
            raise
        first = raised
    bad: list[tuple[Item, Exception]] = []
    found: list[Result] = []
    succeeded = False

    def search(some: Sequence[Item], error: Exception) -> None:
        """Process the parts of `some`, for which `work` raised `error`."""
        if len(some) == 1:
            bad.append((some[0], error))
            if not succeeded and len(bad) >= _IN_COMMON and _alike(bad):
                raise first
            return
        middle = len(some) // 2
        left, right = some[:middle], some[middle:]
        if process(left) and len(right) > 1:
            search(right, error)  # it contains the bad item, so it need not be processed as a whole
        else:
            process(right)

    def process(some: Sequence[Item]) -> bool:
        nonlocal succeeded
        try:
            done = list(work(some))
        except Exception as error:
            if not _of_one_resource(error):
                raise
            search(some, error)
            return False
        succeeded = True
        found.extend(done)
        return True

    search(items, first)
    if len(items) > 1 and not succeeded and _alike(bad):
        raise first
    for item, cause in bad:
        failed(item, cause)
    return found


def describe(error: Exception) -> str:
    """An error in one line, as the reason of an unknown resource."""
    text = " ".join(reason_of(error).split())  # AWS's own message may have several lines
    return text if is_of_aws(error) else f"{type(error).__name__}: {text}"


def is_of_aws(error: Exception) -> bool:
    """Whether the error is AWS's, or about what AWS returned, and not a fault of a filter."""
    return isinstance(error, (*AWS_ERRORS, CannotRead))


def marked(item: Any, resource_type: Any, reason: str, parent: str = "") -> dict[str, Any]:
    """The resource of a list whose details could not be read.

    Args:
        item: as c7n lists it: the resource, or its id, or its parent's id and the resource.
        resource_type: c7n's class.
        reason: why.
        parent: the name to show for a parent whose resources could not be listed.
    """
    key = resource_type.resource_type.id
    if isinstance(item, tuple):
        item = item[1]
    resource = dict(item) if isinstance(item, Mapping) else {key: item}
    name = parent or resource_id(resource, resource_type)
    return {**resource, MARK: {"resource": name, "reason": reason}}


def _of_one_resource(error: Exception) -> bool:
    """Whether an error may be about a single resource."""
    if isinstance(error, (MemoryError, PolicyValidationError, ResourceLimitExceeded)):
        return False
    if isinstance(error, BotoCoreError):
        # Without a response, it is the network or the credentials.
        return isinstance(error, ParamValidationError)
    return not _OF_ALL.search(code_of(error))


def _alike(bad: Sequence[tuple[Any, Exception]]) -> bool:
    return len({
        (type(error), code_of(error), getattr(error, "operation_name", "")) for _, error in bad}) == 1
