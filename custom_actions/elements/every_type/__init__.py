"""Filters for all resource types."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .scope import Scope, for_resource

__getattr__, __all__ = face(
    __name__,
    scope=("Scope", "for_resource"),
)
