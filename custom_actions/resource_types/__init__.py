"""Resource types of AWS that c7n does not have, registered with c7n as its own are."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ..face import face

if TYPE_CHECKING:
    from .registry import TYPES, add_types, resource_type

__getattr__, __all__ = face(__name__, registry=("TYPES", "add_types", "resource_type"))
