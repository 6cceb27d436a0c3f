"""CloudWatch: the alarms of a metric are those with exactly its dimensions; moto looks at its name alone.

A statistic, period or unit that is asked for narrows the answer, too.
"""
from __future__ import annotations

from typing import Any

from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult

from ..moto_fixes import replaces


def apply() -> None:
    """Apply the changes, once in the server's process."""

    @replaces(CloudWatchResponse, "describe_alarms_for_metric")
    def describe(call: Any) -> ActionResult:
        alarms = call.filter_alarms(
            call.cloudwatch_backend.describe_alarms(), call._get_param("MetricName"), call._get_param("Namespace"))
        wanted = {(one["Name"], one["Value"]) for one in call._get_param("Dimensions", [])}
        asked = {name: call._get_param(name.capitalize()) for name in ("statistic", "period", "unit")}
        return ActionResult({"MetricAlarms": [
            alarm for alarm in alarms
            if {(one.name, one.value) for one in alarm.dimensions} == wanted
            and all(value is None or str(getattr(alarm, name)) == str(value) for name, value in asked.items())
        ]})
