"""Whether deployed functions work: what should be deployed, what was read from AWS, and the verdicts on both.

`expectations` computes from a policy what c7n would deploy, `reading` reads AWS, `functions`, `starting`, `roles` and
`regions` judge without calling AWS, `probe` sends a test event, and `examination` does all of this in parallel.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .examination import ExaminationRequest, HealthReport, examine
    from .repeated_fixes import FixesAgain, UndoneFix, fixes_again

__getattr__, __all__ = face(
    __name__,
    examination=("ExaminationRequest", "HealthReport", "examine"),
    repeated_fixes=("FixesAgain", "UndoneFix", "fixes_again"),
)
