"""SageMaker: monitoring schedules, and the list of feature groups, which moto lacks.

Source: SageMaker's CreateMonitoringSchedule, DescribeMonitoringSchedule, ListMonitoringSchedules and
ListFeatureGroups.
"""
from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.sagemaker.exceptions import ResourceNotFound
from moto.sagemaker.responses import SageMakerResponse
from moto.utilities.utils import get_partition

_KEPT = "guardrails_schedules"
"""Where a backend keeps the schedules."""
_OF_CONFIG = ("MonitoringJobDefinitionName", "MonitoringType")


def apply() -> None:
    """Add the APIs. Once in a process."""
    for operation in (
        create_monitoring_schedule, describe_monitoring_schedule, list_monitoring_schedules, list_feature_groups,
    ):
        setattr(SageMakerResponse, operation.__name__, operation)


def create_monitoring_schedule(request: Any) -> ActionResult:
    """A schedule that waits for its first job."""
    name, config = (request._get_param(key) for key in ("MonitoringScheduleName", "MonitoringScheduleConfig"))
    arn = (f"arn:{get_partition(request.region)}:sagemaker:{request.region}:{request.current_account}"
           f":monitoring-schedule/{name.lower()}")
    _kept(request)[name] = {
        "MonitoringScheduleName": name, "MonitoringScheduleArn": arn, "MonitoringScheduleStatus": "Scheduled",
        "MonitoringScheduleConfig": config, "CreationTime": utcnow(), "LastModifiedTime": utcnow(),
        **({"MonitoringType": config["MonitoringType"]} if "MonitoringType" in config else {}),
    }
    return ActionResult({"MonitoringScheduleArn": arn})


def describe_monitoring_schedule(request: Any) -> ActionResult:
    """All that is known of a schedule."""
    name = request._get_param("MonitoringScheduleName")
    if name not in _kept(request):
        raise ResourceNotFound(message=f"Monitoring schedule {name} does not exist")
    return ActionResult(_kept(request)[name])


def list_monitoring_schedules(request: Any) -> ActionResult:
    """The schedules in short."""
    return ActionResult({"MonitoringScheduleSummaries": [
        {**{key: value for key, value in each.items() if key != "MonitoringScheduleConfig"},
         **{key: value for key, value in each["MonitoringScheduleConfig"].items() if key in _OF_CONFIG}}
        for each in _kept(request).values()]})


def list_feature_groups(request: Any) -> ActionResult:
    """The feature groups in short."""
    return ActionResult({"FeatureGroupSummaries": [
        {"FeatureGroupName": each.feature_group_name, "FeatureGroupArn": each.arn, "CreationTime": each.creation_time,
         "FeatureGroupStatus": "Created"}
        for each in request.sagemaker_backend.feature_groups.values()]})


def _kept(request: Any) -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = request.sagemaker_backend.__dict__.setdefault(_KEPT, {})
    return kept
