"""Athena: a workgroup was created once, and not at every look at it; and UpdateWorkGroup, which moto lacks.

Source: Athena's UpdateWorkGroup.
"""
from __future__ import annotations

import time
from typing import Any

from moto.athena.models import AthenaBackend, WorkGroup
from moto.athena.responses import AthenaResponse
from moto.core.responses import ActionResult

from ..moto_fixes import replaces


def apply() -> None:
    """Apply the changes, once in the server's process."""
    original_init: Any = WorkGroup.__init__
    original_list: Any = AthenaBackend.list_work_groups
    original_get: Any = AthenaBackend.get_work_group

    @replaces(WorkGroup, "__init__")
    def init(group: Any, *args: Any, **named: Any) -> None:
        original_init(group, *args, **named)
        group.created = time.time()

    @replaces(AthenaBackend, "list_work_groups")
    def list_work_groups(backend: Any) -> list[dict[str, Any]]:
        return [_dated(backend, each) for each in original_list(backend)]

    @replaces(AthenaBackend, "get_work_group")
    def get_work_group(backend: Any, name: str) -> dict[str, Any] | None:
        found = original_get(backend, name)
        return _dated(backend, found) if found else found

    def update_work_group(request: Any) -> ActionResult:
        group = request.athena_backend.work_groups[request._get_param("WorkGroup")]
        group.configuration |= request._get_param("ConfigurationUpdates") or {}
        return ActionResult({})

    AthenaResponse.update_work_group = update_work_group  # type: ignore[attr-defined]


def _dated(backend: Any, shown: dict[str, Any]) -> dict[str, Any]:
    return {**shown, "CreationTime": backend.work_groups[shown["Name"]].created}
