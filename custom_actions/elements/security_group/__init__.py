"""Security-group ingress: rules, baselines, the plan that brings a group to its baseline, and carrying it out.

`rules`, `coverage`, `baseline` and `plan` are pure: no AWS, no c7n. `apply` carries out a plan, `event` reads
CloudTrail records, and `prefix_lists` reads the contents of prefix lists. `elements` holds what a policy uses: the
filter `ingress-drift` and the action `revert-ingress`.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .apply import inverse
    from .baseline import Forbidden, PrefixLists, no_lists
    from .prefix_lists import PrefixListReader
    from .rules import LAST_PORT, Rule, RuleError, from_permissions, from_policy, from_security_group_rules
    from .settings import SHARE_SCHEMA, WORLD_SHARE, world_share

__getattr__, __all__ = face(
    __name__,
    apply=("inverse",),
    baseline=("Forbidden", "PrefixLists", "no_lists"),
    prefix_lists=("PrefixListReader",),
    rules=("LAST_PORT", "Rule", "RuleError", "from_permissions", "from_policy", "from_security_group_rules"),
    settings=("SHARE_SCHEMA", "WORLD_SHARE", "world_share"),
)
