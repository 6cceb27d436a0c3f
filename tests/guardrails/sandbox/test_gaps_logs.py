"""Metric filters in moto, as CloudWatch Logs has them."""
from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.moto_server import Moto


@pytest.fixture
def logs(moto: Moto) -> Any:
    client = moto.client("logs")
    client.create_log_group(logGroupName="trail")
    return client


def put(logs: Any, name: str, pattern: str = "{ $.a = 1 }", group: str = "trail") -> None:
    logs.put_metric_filter(
        logGroupName=group, filterName=name, filterPattern=pattern,
        metricTransformations=[{"metricName": name, "metricNamespace": "n", "metricValue": "1"}])


def filters(logs: Any, group: str = "trail") -> list[dict[str, Any]]:
    return list(logs.describe_metric_filters(logGroupName=group)["metricFilters"])


def test_a_second_filter_of_a_name_takes_the_place_of_the_first(logs: Any) -> None:
    logs.create_log_group(logGroupName="other")
    put(logs, "f", "{ $.a = 1 }", "other")
    put(logs, "f", "{ $.a = 1 }")
    put(logs, "f", "{ $.a = 2 }")
    [found] = filters(logs)
    assert (found["filterPattern"], found["logGroupName"]) == ("{ $.a = 2 }", "trail")
    assert found["metricTransformations"][0]["metricValue"] == "1"
    assert filters(logs, "other")[0]["filterPattern"] == "{ $.a = 1 }"


def test_a_group_or_a_filter_that_is_not_there_is_an_error(logs: Any) -> None:
    for refused in (
        lambda: put(logs, "f", group="gone"),
        lambda: filters(logs, "gone"),
        lambda: logs.delete_metric_filter(logGroupName="gone", filterName="f"),
        lambda: logs.delete_metric_filter(logGroupName="trail", filterName="f"),
    ):
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            refused()


def test_a_filter_goes_with_its_group_or_alone(logs: Any) -> None:
    put(logs, "one")
    put(logs, "two")
    logs.delete_metric_filter(logGroupName="trail", filterName="one")
    assert [found["filterName"] for found in filters(logs)] == ["two"]
    logs.delete_log_group(logGroupName="trail")
    logs.create_log_group(logGroupName="trail")
    assert filters(logs) == []


def test_filters_come_in_pages_of_fifty(logs: Any) -> None:
    for number in range(51):
        put(logs, f"f{number:02}")
    first = logs.describe_metric_filters(logGroupName="trail")
    assert len(first["metricFilters"]) == 50
    second = logs.describe_metric_filters(logGroupName="trail", nextToken=first["nextToken"])
    assert [found["filterName"] for found in second["metricFilters"]] == ["f50"]
    assert "nextToken" not in second
