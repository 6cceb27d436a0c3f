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
        self._kept: dict[tuple[str, str], dict[str, Evaluation]] = {}
        """By type and id of the resource, and then by rule: each new evaluation looks at all others of its resource."""
        self._lock = threading.Lock()

    def put(self, evaluation: Evaluation) -> tuple[bool, Evaluation | None]:
        """Store it, unless a newer state was evaluated already. Returns whether it was stored, and the previous one."""
        with self._lock:
            by_rule = self._kept.setdefault((evaluation.type, evaluation.id), {})
            before = by_rule.get(evaluation.rule)
            if before and before.ordering > evaluation.ordering:
                return False, before
            by_rule[evaluation.rule] = evaluation
            return True, before

    def forget(self, rule: str) -> set[tuple[str, str]]:
        """Delete a rule's evaluations; returns their resources."""
        with self._lock:
            return {resource for resource, by_rule in self._kept.items() if by_rule.pop(rule, None)}

    def find(
        self, *, rule: str | None = None, kind: str | None = None, resource_id: str | None = None,
        compliance: Iterable[str] = (),
    ) -> list[Evaluation]:
        """The matching evaluations, oldest first. NOT_APPLICABLE is included only if it is requested."""
        wanted = set(compliance) or {COMPLIANT, NON_COMPLIANT}
        with self._lock:
            if kind is not None and resource_id is not None:
                resources = [self._kept.get((kind, resource_id), {})]
            else:
                resources = [by_rule for (of, id_), by_rule in self._kept.items()
                             if kind in (None, of) and resource_id in (None, id_)]
            return sorted((
                made for by_rule in resources for made in by_rule.values()
                if rule in (None, made.rule) and made.compliance in wanted
            ), key=lambda made: made.recorded)


def overall(evaluations: Iterable[Evaluation]) -> str:
    """The combined result of several evaluations: not compliant if any is not compliant."""
    found = {made.compliance for made in evaluations}
    return next((value for value in (NON_COMPLIANT, COMPLIANT) if value in found), INSUFFICIENT_DATA)
