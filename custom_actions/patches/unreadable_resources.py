"""Raises an error if a resource cannot be read, instead of returning an empty result.

c7n's `get_resources` catches every error of AWS, logs "event ids not resolved" and returns no resources. A realtime
policy then ends as if there were nothing to fix: without an error of the function, a retry or an alarm. With this
patch, only resources that do not exist are skipped. The error of a denied, throttled or failed call is raised.
"""
from __future__ import annotations

import functools
from typing import Any

from botocore.exceptions import ClientError
from c7n.query import QueryResourceManager

from ..aws import does_not_exist, reason_of


def install() -> None:
    """Replace c7n's method. Calling it again has no effect."""
    original = QueryResourceManager.get_resources
    if hasattr(original, "swallows_errors"):
        return

    @functools.wraps(original)
    def get_resources(self: Any, ids: Any, cache: bool = True, augment: bool = True) -> Any:
        if not ids:
            return []
        if cache and (known := self._get_cached_resources(ids)) is not None:
            return known
        try:
            resources = self.source.get_resources(ids)
            return self.augment(resources) if augment else resources
        except ClientError as error:
            if not does_not_exist(error):
                raise
            self.log.warning("%s do not exist: %s", ids, reason_of(error))
            return []

    get_resources.swallows_errors = original  # type: ignore[attr-defined]
    QueryResourceManager.get_resources = get_resources
