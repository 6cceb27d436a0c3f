"""CodeBuild: report groups, which moto lacks.

Source: CodeBuild's CreateReportGroup, ListReportGroups and BatchGetReportGroups.
"""
from __future__ import annotations

import json
from typing import Any

from moto.codebuild.responses import CodeBuildResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.utilities.utils import get_partition

_KEPT = "guardrails_report_groups"
"""Where a backend keeps the report groups."""


def apply() -> None:
    """Add the APIs. Once in a process."""
    for operation in (create_report_group, list_report_groups, batch_get_report_groups):
        setattr(CodeBuildResponse, operation.__name__, operation)


def create_report_group(request: Any) -> ActionResult:
    """A report group as it is given."""
    given = json.loads(request.body)
    arn = (f"arn:{get_partition(request.region)}:codebuild:{request.region}:{request.current_account}"
           f":report-group/{given['name']}")
    _kept(request)[arn] = {**given, "arn": arn, "created": utcnow(), "lastModified": utcnow(), "status": "ACTIVE"}
    return ActionResult({"reportGroup": _kept(request)[arn]})


def list_report_groups(request: Any) -> ActionResult:
    """The ARNs of the report groups."""
    return ActionResult({"reportGroups": list(_kept(request))})


def batch_get_report_groups(request: Any) -> ActionResult:
    """The report groups with these ARNs."""
    asked, kept = request._get_param("reportGroupArns"), _kept(request)
    return ActionResult({
        "reportGroups": [kept[arn] for arn in asked if arn in kept],
        "reportGroupsNotFound": [arn for arn in asked if arn not in kept]})


def _kept(request: Any) -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = request.codebuild_backend.__dict__.setdefault(_KEPT, {})
    return kept
