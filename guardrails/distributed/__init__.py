"""Sweeps on AWS Step Functions: shards in a bucket, workers for them, and one run of their results (docs/scale.md)."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .archive import write_archive
    from .execution import DistributedAudit, StateMachine, resume_distributed, start_distributed, start_nightly

__getattr__, __all__ = face(
    __name__,
    archive=("write_archive",),
    execution=("DistributedAudit", "StateMachine", "resume_distributed", "start_distributed", "start_nightly"),
)
