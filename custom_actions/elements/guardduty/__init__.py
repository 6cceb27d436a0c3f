"""GuardDuty: fixes that turn on a detector and its protection plans, and one for suspended and deleted detectors."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .switch import feature_now

__getattr__, __all__ = face(__name__, switch=("feature_now",))
