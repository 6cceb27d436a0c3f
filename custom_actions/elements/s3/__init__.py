"""Buckets: public access, TLS and encryption.

`document` reads bucket policies. `public`, `transport` and `encryption` decide and are pure: no AWS. `elements` and
`close_bucket` hold what a policy uses.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .document import Statement, conditions, everyone, statements, values
    from .lifecycle import lifecycle_of
    from .read import block_of, bucket_exists, policy_of

__getattr__, __all__ = face(
    __name__,
    document=("Statement", "conditions", "everyone", "statements", "values"),
    lifecycle=("lifecycle_of",),
    read=("block_of", "bucket_exists", "policy_of"),
)
