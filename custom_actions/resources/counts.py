"""How many resources a policy looked at: without any, there is nothing to judge, and nothing has passed.

While the filters of a policy run over all resources, `Counting` counts them. The policy's execution mode writes the
result into the policy's output (`COUNTS`).
"""
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from .output_file import write_output
from .unknown import UnknownResources

COUNTS = "counts.json"
"""The file in a policy's output: an object with the fields of ResourceCounts."""
_LARGEST = 2**53
"""More than any account has, and still exact in JSON and SQLite."""


@dataclass(frozen=True)
class ResourceCounts:
    """Numbers of resources in one run of one policy. An account is one resource."""

    listed: int
    """What c7n listed, before the policy's filters; without resources that were deleted meanwhile."""
    in_scope: int
    """Of these, the resources to which the policy applies: those that pass its filter `scope`, and unknown ones."""
    matched: int
    """In scope and not compliant, including those that an exception covers."""
    unknown: int
    """In scope, or possibly in scope, and could not be read."""

    @property
    def passed(self) -> int:
        """In scope, read, and not matched."""
        return self.in_scope - self.matched - self.unknown

    @property
    def consistent(self) -> bool:
        """Whether the numbers can be those of one list of resources."""
        return (0 <= self.matched <= _LARGEST and 0 <= self.unknown <= _LARGEST
                and self.matched + self.unknown <= self.in_scope <= self.listed <= _LARGEST)

    @classmethod
    def parse(cls, content: bytes) -> ResourceCounts:
        """From the content of COUNTS. Raises ValueError if it is not what `write` writes."""
        try:
            found = json.loads(content)
        except RecursionError as error:
            raise ValueError(str(error)) from None
        names = [each.name for each in fields(cls)]
        if not isinstance(found, dict) or any(type(found.get(name)) is not int for name in names):
            raise ValueError(f"must be an object with the numbers {', '.join(names)}")
        counts = cls(**{name: found[name] for name in names})
        if not counts.consistent:
            raise ValueError(f"the numbers contradict each other: {asdict(counts)}")
        return counts

    def write(self, output: Any) -> None:
        """Write the file COUNTS into c7n's `output`, readable by the owner only.

        Numbers that contradict each other are not written: a filter that returns other resources than it was given has
        no population, so how many resources were judged is unknown. Raises OSError.
        """
        write_output(output, COUNTS, asdict(self) if self.consistent else None)


class Counting:
    """Counts the resources of one policy while its filters run, one after the other."""

    def __init__(self, resources: Sequence[Any], unknown: UnknownResources) -> None:
        """Take the resources before the first filter, without those that are already in `unknown`."""
        self._unknown = unknown
        self._deleted = len(unknown.deleted)
        self._listed = len(resources) + len(unknown.reasons)
        self._in_scope = self._listed
        self.in_scope = resources
        """The resources in scope, as far as the filters have run; some may be unknown or deleted since."""
        self.excepted: list[Any] = []
        """The resources that an exception covers."""

    def filtered(self, each: Any, before: Sequence[Any], after: Sequence[Any]) -> None:
        """Take the resources before and after the filter `each`."""
        deleted = len(self._unknown.deleted) - self._deleted
        self._deleted += deleted
        self._listed -= deleted
        self._in_scope -= deleted
        if getattr(each, "is_scope", False):
            self._in_scope = len(after) + len(self._unknown.reasons)
            self.in_scope = after
        if getattr(each, "is_exception", False):
            left = set(map(id, after))
            self.excepted += [resource for resource in before if id(resource) not in left]

    def counts(self, matched: Sequence[Any]) -> ResourceCounts:
        """The result, given the resources that all filters matched."""
        return ResourceCounts(
            self._listed, self._in_scope, len(matched) + len(self.excepted), len(self._unknown.reasons))
