"""The rules' evaluations of resources in one account and region: the newest of each rule for each resource."""
from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

COMPLIANT, NON_COMPLIANT, NOT_APPLICABLE = "COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE"
INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True)
class Evaluation:
    """A rule's evaluation of a resource; `ordering` is the time, in seconds, of the evaluated state."""

    rule: str
    type: str
    id: str
    compliance: str
    annotation: str
    ordering: float
    recorded: datetime
    invoked: datetime


class Evaluations:
    """Kept to be read back."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], Evaluation] = {}
        self._lock = threading.Lock()

    def put(self, evaluation: Evaluation) -> tuple[bool, Evaluation | None]:
        """Store it, unless a newer state was evaluated already. Returns whether it was stored, and the previous one."""
        key = evaluation.rule, evaluation.type, evaluation.id
        with self._lock:
            before = self._kept.get(key)
            if before and before.ordering > evaluation.ordering:
                return False, before
            self._kept[key] = evaluation
            return True, before

    def forget(self, rule: str) -> set[tuple[str, str]]:
        """Delete a rule's evaluations; returns their resources."""
        with self._lock:
            keys = [key for key in self._kept if key[0] == rule]
            for key in keys:
                del self._kept[key]
        return {(kind, resource_id) for _, kind, resource_id in keys}

    def find(
        self, *, rule: str | None = None, kind: str | None = None, resource_id: str | None = None,
        compliance: Iterable[str] = (),
    ) -> list[Evaluation]:
        """The matching evaluations, oldest first. NOT_APPLICABLE is included only if it is requested."""
        wanted = set(compliance) or {COMPLIANT, NON_COMPLIANT}
        with self._lock:
            return sorted((
                made for made in self._kept.values()
                if rule in (None, made.rule) and kind in (None, made.type) and resource_id in (None, made.id)
                and made.compliance in wanted
            ), key=lambda made: made.recorded)


def overall(evaluations: Iterable[Evaluation]) -> str:
    """The combined result of several evaluations: not compliant if any is not compliant."""
    found = {made.compliance for made in evaluations}
    return next((value for value in (NON_COMPLIANT, COMPLIANT) if value in found), INSUFFICIENT_DATA)
