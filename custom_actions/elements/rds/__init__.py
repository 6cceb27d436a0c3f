"""Databases: fixes for instances that are public, for settings and for logs, and a filter on parameters of clusters."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .log_exports import exported

__getattr__, __all__ = face(__name__, log_exports=("exported",))
