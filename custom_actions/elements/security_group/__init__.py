"""Security-group ingress: what a rule means, what a baseline asks for, the plan that leads there, its application.

`rules`, `coverage`, `baseline` and `plan` are pure: no AWS, no c7n. `apply` carries a plan out, `event` reads
CloudTrail's records, `prefix_lists` reads what rules name by an id, and `elements` is what a policy sees: the filter
`ingress-drift` and the action `revert-ingress`.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .baseline import Forbidden, PrefixLists, no_lists
    from .prefix_lists import PrefixListReader
    from .rules import LAST_PORT, Rule, from_permissions, from_policy
    from .settings import SHARE_SCHEMA, WORLD_SHARE

__getattr__, __all__ = face(
    __name__,
    baseline=("Forbidden", "PrefixLists", "no_lists"),
    prefix_lists=("PrefixListReader",),
    rules=("LAST_PORT", "Rule", "from_permissions", "from_policy"),
    settings=("SHARE_SCHEMA", "WORLD_SHARE"),
)
