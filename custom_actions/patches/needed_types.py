"""Loads only the resource types that a sweep needs.

c7n-org loads all of c7n's resource types in each worker, which takes half a second and 25 MiB; a sweep of all policies
needs a tenth of them. If GUARDRAILS_RESOURCE_TYPES names types (`aws.s3,aws.iam-user`), these are loaded when c7n asks
for all types of AWS. c7n loads a further type when a filter first needs it, as it does in `custodian run`.
"""
from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from typing import Any

from c7n.resources.aws import AWS

SWITCH = "GUARDRAILS_RESOURCE_TYPES"
"""The environment variable: the types, separated by commas. All types are loaded if it is empty."""


def install() -> None:
    """Load only the named types where all are asked for. Calling it again has no effect."""
    needed = [name for name in os.environ.get(SWITCH, "").split(",") if name.startswith("aws.")]
    load = AWS.get_resource_types.__func__
    if not needed or hasattr(load, "all_types"):
        return

    @functools.wraps(load)
    def get_resource_types(cls: Any, resource_types: Iterable[str]) -> Any:
        # c7n itself says which of the names are unknown to it, when it loads the policies.
        return load(cls, needed if "*" in resource_types else resource_types)

    get_resource_types.all_types = load  # type: ignore[attr-defined]
    AWS.get_resource_types = classmethod(get_resource_types)
