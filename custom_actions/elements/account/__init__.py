"""Elements for the account itself."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .contact import contact_of
    from .snapshots import SNAPSHOT_SHARING

__getattr__, __all__ = face(__name__, contact=("contact_of",), snapshots=("SNAPSHOT_SHARING",))
