"""Filters, and an action, for all resource types."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .only_resources import OnlyResources
    from .refuse import Refuse
    from .scope import Scope, for_resource

__getattr__, __all__ = face(
    __name__,
    only_resources=("OnlyResources",),
    refuse=("Refuse",),
    scope=("Scope", "for_resource"),
)
