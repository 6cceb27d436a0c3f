"""Security-group ingress: what a rule means, what a baseline asks for, the plan that leads there, its application.

`rules`, `baseline` and `plan` are pure: no AWS, no c7n. `apply` carries a plan out, `event` reads CloudTrail's
records, and `elements` is what a policy sees: the filter `ingress-drift` and the action `revert-ingress`.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .baseline import Forbidden
    from .rules import LAST_PORT, Rule, from_permissions, from_policy

__getattr__, __all__ = face(
    __name__,
    baseline=("Forbidden",),
    rules=("LAST_PORT", "Rule", "from_permissions", "from_policy"),
)
