"""The assessment of a run: its score, the verdict on each requirement, and the changes since the previous run."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .assessment import (
        SHOWN_FRAMEWORKS,
        Assessment,
        GroupRow,
        PolicyRow,
        UnselectedPolicy,
        counted,
        percent,
    )
    from .changes import assess, assess_again
    from .check_groups import ResourceTotals
    from .missing import MissingRow, missing_rows
    from .owner import OWNER_TAGS, days_open, owner_of
    from .same_setting import FindingGroup, finding_groups, setting_of
    from .score import Score, risk

__getattr__, __all__ = face(
    __name__,
    assessment=(
        "SHOWN_FRAMEWORKS", "Assessment", "GroupRow", "PolicyRow", "UnselectedPolicy", "counted", "percent",
    ),
    changes=("assess", "assess_again"),
    check_groups=("ResourceTotals",),
    missing=("MissingRow", "missing_rows"),
    owner=("OWNER_TAGS", "days_open", "owner_of"),
    same_setting=("FindingGroup", "finding_groups", "setting_of"),
    score=("Score", "risk"),
)
