"""How many resources a check judged: without any in scope there is nothing to judge, and nothing has passed."""
from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from custom_actions.resources import ResourceCounts


class JudgedResources(NamedTuple):
    """Numbers of resources in one check. An account is one resource."""

    listed: int
    """What AWS listed."""
    in_scope: int
    """Of these, the resources to which the policy applies, including those that could not be read."""
    passed: int
    """In scope, read, and compliant, or fixed and verified by the same run."""

    @property
    def out_of_scope(self) -> int:
        return self.listed - self.in_scope

    @classmethod
    def of(cls, counts: ResourceCounts | None, matched: int, *, fixed: int = 0) -> JudgedResources | None:
        """From the counts in a policy's output.

        Args:
            counts: None if the output has none.
            matched: how many resources the output lists as matched, with the excepted ones.
            fixed: how many of these the same run fixed and verified.

        Returns None if it is not known how much was judged: without counts, and if they are of another run.
        """
        if counts is None or counts.matched != matched:
            return None
        return cls(counts.listed, counts.in_scope, counts.passed + min(fixed, matched))
