"""Elements for Amazon Macie."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .session import unless_off

__getattr__, __all__ = face(__name__, session=("unless_off",))
