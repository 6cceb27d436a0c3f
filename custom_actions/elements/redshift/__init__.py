"""Redshift clusters: settings that fixes change, and what the audit log looks like.

`logging` is pure: no AWS, no c7n.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .logging import LOGGING_SETTINGS, logging_of

__getattr__, __all__ = face(__name__, logging=("LOGGING_SETTINGS", "logging_of"))
