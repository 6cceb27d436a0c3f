"""CloudWatch Logs: metric filters as AWS keeps them.

moto adds a second filter of a name where AWS replaces the first, takes filters of groups that do not exist and answers
for them, gives all of them in one page, and keeps the filters of a deleted group.
"""
from __future__ import annotations

import json
from typing import Any

from moto.core.utils import unix_time_millis
from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse

from ..moto_fixes import replaces

_PAGE = 50
"""What AWS gives at once, at most and without a limit."""


def apply() -> None:
    """Apply the changes, once in the server's process."""
    original_describe = LogsResponse.describe_metric_filters
    original_delete_group = LogsBackend.delete_log_group

    @replaces(LogsBackend, "put_metric_filter")
    def put(backend: Any, filter_name: str, filter_pattern: str, log_group_name: str, transformations: Any) -> None:
        _need_group(backend, log_group_name)
        kept = [found for found in backend.filters.metric_filters if _key(found) != (log_group_name, filter_name)]
        kept.append({
            "filterName": filter_name, "filterPattern": filter_pattern, "logGroupName": log_group_name,
            "metricTransformations": transformations, "creationTime": int(unix_time_millis()),
        })
        backend.filters.metric_filters = sorted(kept, key=_key)

    @replaces(LogsBackend, "delete_metric_filter")
    def delete(backend: Any, filter_name: str, log_group_name: str) -> None:
        _need_group(backend, log_group_name)
        kept = [found for found in backend.filters.metric_filters if _key(found) != (log_group_name, filter_name)]
        if len(kept) == len(backend.filters.metric_filters):
            raise ResourceNotFoundException("The specified metric filter does not exist.")
        backend.filters.metric_filters = kept

    @replaces(LogsBackend, "delete_log_group")
    def delete_group(backend: Any, log_group_name: str) -> None:
        original_delete_group(backend, log_group_name)
        backend.filters.metric_filters = [
            found for found in backend.filters.metric_filters if found["logGroupName"] != log_group_name]

    @replaces(LogsResponse, "describe_metric_filters")
    def describe(call: Any) -> str:
        if group := call._get_param("logGroupName"):
            _need_group(call.logs_backend, group)
        found = json.loads(original_describe(call))["metricFilters"]
        start = int(call._get_param("nextToken") or 0)
        end = start + min(call._get_param("limit") or _PAGE, _PAGE)
        page: dict[str, Any] = {"metricFilters": found[start:end]}
        if len(found) > end:
            page["nextToken"] = str(end)
        return json.dumps(page)


def _need_group(backend: Any, name: str) -> None:
    if name not in backend.groups:
        raise ResourceNotFoundException


def _key(found: dict[str, Any]) -> tuple[str, str]:
    return found["logGroupName"], found["filterName"]
