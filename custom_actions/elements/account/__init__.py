"""Elements for the account itself."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .snapshots import SNAPSHOT_SHARING

__getattr__, __all__ = face(__name__, snapshots=("SNAPSHOT_SHARING",))
