"""Elements for AWS Systems Manager: documents, managed instances, and the settings of a region."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .documents import shared_with
    from .setting import setting_of

__getattr__, __all__ = face(__name__, documents=("shared_with",), setting=("setting_of",))
