"""Filters for all resource types."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .only_resources import OnlyResources
    from .scope import Scope, for_resource

__getattr__, __all__ = face(
    __name__,
    only_resources=("OnlyResources",),
    scope=("Scope", "for_resource"),
)
