"""Whether a policy's cases, taken together, say enough."""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from ..policies import Policy
from .files import Case
from .filters import Place, filter_at
from .outcome import CaseFailure

_KINDS = {
    "match": "a case has a bad resource (match)",
    "passes": "a case has a good resource (pass)",
    "absent": "a case has a resource without the key that the filter reads (absent)",
}


def incomplete(policy: Policy, cases: Sequence[Case]) -> Iterator[CaseFailure]:
    """The kinds of resources that no case has, and lists of a case that contradict each other.

    A policy without filters matches everything, so it has neither good nor absent resources.
    """
    for kind, expected in _KINDS.items():
        if (kind == "match" or policy.data.get("filters")) and not any(getattr(case, kind) for case in cases):
            yield CaseFailure("", expected, "none has", policy.where)
    for case in cases:
        for inner, outer, expected in (
            (case.absent, case.match + case.passes, "what is absent is in match or in pass, too"),
            (case.outside, case.passes, "what is not-applicable is in pass, too"),
            (case.refused, case.match, "what is refused is in match, too"),
        ):
            if extra := sorted(set(inner) - set(outer)):
                yield CaseFailure(case.name, expected, f"these are not: {', '.join(extra)}", case.where)


def undecided(policy: Policy, places: Iterable[Place]) -> CaseFailure:
    """The failure of filters that no case needs."""
    filters = policy.data.get("filters")
    texts = [json.dumps(filter_at(filters, place), default=str) if place else "all of them" for place in places]
    return CaseFailure(
        "", "a case fails when a filter is left out: give each filter a resource that only it decides",
        f"all cases pass without: {'; '.join(texts)}", policy.where)
