"""The command line: one file a verb. Only here are click and rich imported."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .console import err

__getattr__, __all__ = face(
    __name__,
    console=("err",),
)
