"""Feature groups and monitoring schedules of SageMaker.

Source: SageMaker API, ListFeatureGroups and DescribeFeatureGroup, ListMonitoringSchedules and
DescribeMonitoringSchedule.
"""
from __future__ import annotations

from c7n.query import DescribeWithResourceTags, QueryResourceManager, TypeInfo

from .registry import resource_type


@resource_type("sagemaker-feature-group")
class SagemakerFeatureGroup(QueryResourceManager):
    """Features of machine learning, in an online store, an offline store, or both.

    .. code-block:: yaml

        policies:
          - name: feature-group-with-offline-store
            resource: aws.sagemaker-feature-group
            filters:
              - OfflineStoreConfig: present
    """

    class resource_type(TypeInfo):  # noqa: N801 - c7n's name
        service = "sagemaker"
        enum_spec = ("list_feature_groups", "FeatureGroupSummaries", None)
        detail_spec = ("describe_feature_group", "FeatureGroupName", "FeatureGroupName", None)
        arn = id = "FeatureGroupArn"
        arn_type = "feature-group"
        name = "FeatureGroupName"
        date = "CreationTime"
        cfn_type = "AWS::SageMaker::FeatureGroup"
        universal_taggable = object()

    source_mapping = {"describe": DescribeWithResourceTags}  # noqa: RUF012 - as c7n has it


@resource_type("sagemaker-monitoring-schedule")
class SagemakerMonitoringSchedule(QueryResourceManager):
    """When a job looks at what a model was asked and what it answered, and which job.

    .. code-block:: yaml

        policies:
          - name: monitoring-that-failed
            resource: aws.sagemaker-monitoring-schedule
            filters:
              - MonitoringScheduleStatus: Failed
    """

    class resource_type(TypeInfo):  # noqa: N801 - c7n's name
        service = "sagemaker"
        enum_spec = ("list_monitoring_schedules", "MonitoringScheduleSummaries", None)
        detail_spec = ("describe_monitoring_schedule", "MonitoringScheduleName", "MonitoringScheduleName", None)
        arn = id = "MonitoringScheduleArn"
        arn_type = "monitoring-schedule"
        name = "MonitoringScheduleName"
        date = "CreationTime"
        cfn_type = "AWS::SageMaker::MonitoringSchedule"
        universal_taggable = object()

    source_mapping = {"describe": DescribeWithResourceTags}  # noqa: RUF012 - as c7n has it
