"""What a run comes to: the score, the verdict on each requirement, and what has changed since the last run."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .assessment import Assessment, GroupRow, MissingRow, NotChosen, PolicyRow, counted, missing_rows, percent
    from .changes import assess, assess_again
    from .score import Score, risk

__getattr__, __all__ = face(
    __name__,
    assessment=(
        "Assessment", "GroupRow", "MissingRow", "NotChosen", "PolicyRow", "counted", "missing_rows", "percent",
    ),
    changes=("assess", "assess_again"),
    score=("Score", "risk"),
)
