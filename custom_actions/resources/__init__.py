"""Names of resources, the values that made them match, their reach, and the resources that cannot be read."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ..face import face

if TYPE_CHECKING:
    from .counts import COUNTS, Counting, ResourceCounts
    from .filtering import filtered, readable
    from .identity import resource_arn, resource_id
    from .matched_values import evidence, sentence
    from .reach import whole_account
    from .unknown import (
        GONE,
        MARK,
        UNKNOWN,
        ResourcesUnknown,
        UnknownResources,
        collecting,
        collector_of,
        describe,
        is_of_aws,
        is_unknown_text,
        marked,
        one_by_one,
        unknown_text,
    )

__getattr__, __all__ = face(
    __name__,
    counts=("COUNTS", "Counting", "ResourceCounts"),
    identity=("resource_arn", "resource_id"),
    matched_values=("evidence", "sentence"),
    reach=("whole_account",),
    filtering=("filtered", "readable"),
    unknown=(
        "GONE", "MARK", "ResourcesUnknown", "UNKNOWN", "UnknownResources", "collecting", "collector_of", "describe",
        "is_of_aws", "is_unknown_text", "marked", "one_by_one", "unknown_text",
    ),
)
