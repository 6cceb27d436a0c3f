"""The command line: one file for each verb. Only this package imports click and rich."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .console import err

__getattr__, __all__ = face(
    __name__,
    console=("err",),
)
