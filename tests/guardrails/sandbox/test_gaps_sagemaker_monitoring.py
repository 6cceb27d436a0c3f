"""Monitoring schedules. Source: SageMaker's Create-, Describe- and ListMonitoringSchedules."""
from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.moto_server import ACCOUNT, REGION, Moto


def test_a_schedule_is_created_listed_and_described(moto: Moto) -> None:
    client = moto.client("sagemaker")
    assert client.list_monitoring_schedules()["MonitoringScheduleSummaries"] == []
    config = {"MonitoringJobDefinitionName": "job", "MonitoringType": "ModelBias"}
    made = client.create_monitoring_schedule(MonitoringScheduleName="Ours", MonitoringScheduleConfig=config)
    assert made["MonitoringScheduleArn"] == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:monitoring-schedule/ours"
    [listed] = client.list_monitoring_schedules()["MonitoringScheduleSummaries"]
    assert (listed["MonitoringScheduleName"], listed["MonitoringJobDefinitionName"]) == ("Ours", "job")
    found = client.describe_monitoring_schedule(MonitoringScheduleName="Ours")
    assert (found["MonitoringScheduleConfig"], found["MonitoringType"]) == (config, "ModelBias")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        client.describe_monitoring_schedule(MonitoringScheduleName="other")


def test_feature_groups_are_listed(moto: Moto) -> None:
    client = moto.client("sagemaker")
    assert client.list_feature_groups()["FeatureGroupSummaries"] == []
    made = client.create_feature_group(
        FeatureGroupName="ours", RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
        FeatureDefinitions=[{"FeatureName": "id", "FeatureType": "String"}],
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://b"}}, RoleArn="arn:aws:iam::123456789012:role/ml")
    [listed] = client.list_feature_groups()["FeatureGroupSummaries"]
    assert (listed["FeatureGroupName"], listed["FeatureGroupArn"]) == ("ours", made["FeatureGroupArn"])
