"""The alarms of a metric in moto, as CloudWatch has them."""
from __future__ import annotations

from typing import Any

from tests.moto_server import Moto


def put(client: Any, name: str, **settings: Any) -> None:
    client.put_metric_alarm(**{
        "AlarmName": name, "MetricName": "m", "Namespace": "n", "Statistic": "Sum", "Period": 300, "Threshold": 1,
        "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold", **settings,
    })


def names(client: Any, **asked: Any) -> set[str]:
    found = client.describe_alarms_for_metric(MetricName="m", Namespace="n", **asked)["MetricAlarms"]
    return {alarm["AlarmName"] for alarm in found}


def test_the_alarms_of_a_metric_are_those_with_its_dimensions(moto: Moto) -> None:
    client = moto.client("cloudwatch")
    dimensions = [{"Name": "d", "Value": "1"}]
    put(client, "plain")
    put(client, "split", Dimensions=dimensions)
    put(client, "maximum", Statistic="Maximum", Period=60)
    put(client, "other", MetricName="o")
    assert names(client) == {"plain", "maximum"}
    assert names(client, Dimensions=dimensions) == {"split"}
    assert names(client, Dimensions=[{"Name": "d", "Value": "2"}]) == set()
    assert names(client, Statistic="Sum") == {"plain"}
    assert names(client, Period=60) == {"maximum"}
