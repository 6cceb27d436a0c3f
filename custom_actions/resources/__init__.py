"""What a resource is called, which values made it match, and whether it belongs to a region or to the account."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ..face import face

if TYPE_CHECKING:
    from .identity import resource_arn, resource_id
    from .matched_values import evidence, sentence
    from .reach import whole_account

__getattr__, __all__ = face(
    __name__,
    identity=("resource_arn", "resource_id"),
    matched_values=("evidence", "sentence"),
    reach=("whole_account",),
)
