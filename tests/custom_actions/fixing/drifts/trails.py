"""CloudTrail's trails."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.custom_actions.elements.cloudtrail import records as trails

from ..cloud import Cloud, event, policy
from ..faults import Drift
from .scenarios import ONE_EVENT, drifts


def _trail(
    cloud: Cloud, made: Mapping[str, Any], state: Callable[[Any], Any], wrong: Callable[[Any], set[str]]
) -> Drift:
    client = cloud.client("cloudtrail")
    return Drift(
        policy("cloudtrail", "revert-trail", "cloudtrail", (str(made["eventName"]), "requestParameters.name")),
        [trails.ARN], lambda: {trails.ARN: state(client)}, wrong, event(made), ONE_EVENT)


def _make_trail(cloud: Cloud, **settings: Any) -> Any:
    cloud.client("s3").create_bucket(Bucket="logs")
    client = cloud.client("cloudtrail")
    client.create_trail(Name="audit", S3BucketName="logs", **settings)
    client.start_logging(Name="audit")
    cloud.history = [trails.create(60 * 24)]
    return client


@drifts("cloudtrail", "revert-trail", "stopped")
def stopped_trail(cloud: Cloud) -> Drift:
    _make_trail(cloud).stop_logging(Name="audit")
    return _trail(
        cloud, trails.record("StopLogging", {"Name": "audit"}),
        lambda client: client.get_trail_status(Name="audit")["IsLogging"],
        lambda logging: set() if logging else {"does not log"})


@drifts("cloudtrail", "revert-trail", "updated")
def updated_trail(cloud: Cloud) -> Drift:
    _make_trail(cloud, IsMultiRegionTrail=False, EnableLogFileValidation=False, KmsKeyId=trails.OTHER_KEY)
    request = {"IsMultiRegionTrail": False, "EnableLogFileValidation": False, "KmsKeyId": trails.OTHER_KEY}
    wanted = {"IsMultiRegionTrail": True, "LogFileValidationEnabled": True, "KmsKeyId": trails.KEY}

    def state(client: Any) -> Any:
        [trail] = client.describe_trails(trailNameList=["audit"])["trailList"]
        return trail

    return _trail(
        cloud, trails.update(request, IsMultiRegionTrail=False, LogFileValidationEnabled=False), state,
        lambda trail: {name for name, value in wanted.items() if trail.get(name) != value})


@drifts("cloudtrail", "revert-trail", "selected")
def selected_trail(cloud: Cloud) -> Drift:
    selectors = [{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": False}]
    _make_trail(cloud).put_event_selectors(TrailName="audit", EventSelectors=selectors)
    return _trail(
        cloud, trails.select({"EventSelectors": selectors}),
        # An empty part has no meaning, and moto leaves it out as it was put.
        lambda client: [{key: value for key, value in each.items() if value != []} for each in
                        client.get_event_selectors(TrailName="audit")["EventSelectors"]],
        lambda found: set() if any(
            each["ReadWriteType"] == "All" and each["IncludeManagementEvents"] for each in found
        ) else {"not all management events"})
