"""The filter `job-definition` on `aws.sagemaker-monitoring-schedule`.

Source: SageMaker's DescribeMonitoringSchedule: `MonitoringScheduleConfig` contains the job's definition, or its name
and its `MonitoringType`; and the Describe… call of each type.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from c7n.filters import ValueFilter
from c7n.utils import local_session, type_schema

from ...aws import absent

_CALLS: Mapping[str, str] = {
    "DataQuality": "describe_data_quality_job_definition",
    "ModelQuality": "describe_model_quality_job_definition",
    "ModelBias": "describe_model_bias_job_definition",
    "ModelExplainability": "describe_model_explainability_job_definition",
}


class JobDefinition(ValueFilter):
    """A value of the job that a monitoring schedule runs. The schedule contains its definition, or names it.

    The definition is kept on the schedule as `c7n:JobDefinition`. It is empty if the schedule names one that does not
    exist.

    Written because c7n's `value` filter sees only what is in the schedule itself.

    :example:

    .. code-block:: yaml

        policies:
          - name: monitoring-with-network-access
            resource: aws.sagemaker-monitoring-schedule
            filters:
              - type: job-definition
                key: NetworkConfig.EnableNetworkIsolation
                op: ne
                value: true
    """

    schema = type_schema("job-definition", rinherit=ValueFilter.schema)
    schema_alias = False
    annotate = False
    permissions = (
        "sagemaker:DescribeDataQualityJobDefinition", "sagemaker:DescribeModelQualityJobDefinition",
        "sagemaker:DescribeModelBiasJobDefinition", "sagemaker:DescribeModelExplainabilityJobDefinition",
    )
    annotation_key = "c7n:JobDefinition"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("sagemaker")
        for schedule in resources:
            if self.annotation_key not in schedule:
                schedule[self.annotation_key] = _definition(client, schedule["MonitoringScheduleConfig"])
        found: list[dict[str, Any]] = super().process(resources, event)
        return found

    def __call__(self, schedule: dict[str, Any]) -> bool:
        return bool(self.match(schedule[self.annotation_key]))


def _definition(client: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """The definition of a schedule's job; empty if there is none. Raises KeyError for a type that is not known."""
    if own := config.get("MonitoringJobDefinition"):
        return dict(own)
    name = config.get("MonitoringJobDefinitionName")
    if not name:
        return {}
    operation = getattr(client, _CALLS[config["MonitoringType"]])
    return dict(absent(operation, "ResourceNotFound", JobDefinitionName=name) or {})
