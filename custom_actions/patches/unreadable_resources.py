"""Raises an error if a resource cannot be read, instead of returning an empty result.

c7n's `get_resources` catches every error of AWS, logs "event ids not resolved" and returns no resources. A realtime
policy then ends as if there were nothing to fix: without an error of the function, a retry or an alarm. With this
patch, only resources that do not exist are skipped. The error of a denied, throttled or failed call is raised. If the
policy collects unknown resources, each resource is read without the ones that cannot be read.
"""
from __future__ import annotations

import functools
from typing import Any

from botocore.exceptions import ClientError
from c7n.query import QueryResourceManager

from ..aws import does_not_exist, reason_of
from ..resources import MARK, ResourcesUnknown, collector_of, describe, one_by_one, unknown_text


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
            return _known(self, known)
        unknown = collector_of(self)

        def read(some: Any) -> Any:
            resources = self.source.get_resources(list(some))
            return self.augment(resources) if augment else resources

        def failed(id_: str, error: Exception) -> None:
            if does_not_exist(error):
                self.log.warning("%s does not exist: %s", id_, reason_of(error))
            elif unknown is None:
                raise error
            else:
                unknown.add(id_, describe(error))

        try:
            return _known(self, one_by_one(list(ids), read, failed))
        except ClientError as error:
            if not does_not_exist(error):
                raise
            self.log.warning("%s do not exist: %s", ids, reason_of(error))
            return []

    get_resources.swallows_errors = original  # type: ignore[attr-defined]
    QueryResourceManager.get_resources = get_resources


def _known(manager: Any, resources: Any) -> Any:
    """The resources, if all were read; with a collector, `filter_resources` records the unknown ones."""
    if collector_of(manager) is None:
        for each in resources:
            if isinstance(each, dict) and MARK in each:
                raise ResourcesUnknown(unknown_text([each[MARK]]))
    return resources
