"""Names of resources, the values that made them match, their reach, and the resources that cannot be read."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ..face import face

if TYPE_CHECKING:
    from .counts import COUNTS, Counting, ResourceCounts
    from .endpoint import use_endpoint_of_environment
    from .filtering import BEFORE_FILTERS, filtered, readable
    from .identity import resource_arn, resource_id, resource_name, resource_tags
    from .listing import list_all
    from .matched_values import evidence, sentence
    from .passed import PASSED, SWITCH, PassedResources, ResourceList, ResourceName, keep_passed, list_file
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
    endpoint=("use_endpoint_of_environment",),
    filtering=("BEFORE_FILTERS", "filtered", "readable"),
    identity=("resource_arn", "resource_id", "resource_name", "resource_tags"),
    listing=("list_all",),
    matched_values=("evidence", "sentence"),
    passed=(
        "PASSED", "PassedResources", "ResourceList", "ResourceName", "SWITCH", "keep_passed", "list_file",
    ),
    reach=("whole_account",),
    unknown=(
        "GONE", "MARK", "ResourcesUnknown", "UNKNOWN", "UnknownResources", "collecting", "collector_of",
        "describe", "is_of_aws", "is_unknown_text", "marked", "one_by_one", "unknown_text",
    ),
)
