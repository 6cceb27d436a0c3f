"""Checks that did not complete, in groups."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ..results import CheckRow, State


@dataclass(frozen=True)
class MissingRow:
    """Checks that did not complete, with the same account, region, state, reason and unknown resource."""

    account: str
    account_name: str
    region: str
    state: str
    reason: str
    """It begins with the resource, if there is one."""
    policies: tuple[str, ...]
    resource: str = ""
    """The resource that could not be read; empty if the whole check did not complete."""


def missing_rows(checks: Iterable[CheckRow]) -> list[MissingRow]:
    """The checks, grouped by account, region, state and reason; a check with unknown resources, once for each."""
    groups: dict[tuple[str, str, str, str, str, str], list[str]] = defaultdict(list)
    for check in checks:
        reasons = [(each.resource, f"{each.resource} is unknown: {each.reason}") for each in check.unknown]
        if check.state != State.PARTIAL or not reasons:
            reasons.insert(0, ("", check.reason))
        for resource, reason in reasons:
            place = (check.account, check.account_name, check.region)
            groups[*place, check.state, reason, resource].append(check.policy)
    return [
        MissingRow(account, name, region, state, reason, tuple(policies), resource)
        for (account, name, region, state, reason, resource), policies in groups.items()]
