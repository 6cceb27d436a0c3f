"""Names of resources, the values that made them match, and whether they belong to a region or the account."""
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
