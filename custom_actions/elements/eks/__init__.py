"""Clusters of EKS: the logs of their control plane."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .logs import enabled_logs

__getattr__, __all__ = face(__name__, logs=("enabled_logs",))
