"""Running policies over accounts and regions by c7n-org, and accounting for every one of them."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from . import audit, heal
    from .accounting import Check, not_reached, receipts_in
    from .audit import Question, Run, describe
    from .c7n_org import DEPLOY, HEAL, Target, Work, work_for
    from .collection import collect
    from .outputs import S3Url, with_output
    from .progress import Advance, Progress
    from .sweeps import Plan, Sweep, execute, sweep

__getattr__, __all__ = face(
    __name__,
    accounting=("Check", "not_reached", "receipts_in"),
    audit=("audit", "Question", "Run", "describe"),
    c7n_org=("DEPLOY", "HEAL", "Target", "Work", "work_for"),
    collection=("collect",),
    heal=("heal",),
    outputs=("S3Url", "with_output"),
    progress=("Advance", "Progress"),
    sweeps=("Plan", "Sweep", "execute", "sweep"),
)
