"""Elements for Amazon Inspector."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .scanning import states_of
    from .switch import TYPES

__getattr__, __all__ = face(__name__, scanning=("states_of",), switch=("TYPES",))
