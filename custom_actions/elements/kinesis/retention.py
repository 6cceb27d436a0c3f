"""The action `raise-retention` on `aws.kinesis`.

Kinesis answers at once and changes the stream within seconds to minutes; until then, the stream is UPDATING.

Source: Kinesis's IncreaseStreamRetentionPeriod, DecreaseStreamRetentionPeriod and DescribeStreamSummary.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from c7n.utils import type_schema

from ...aws import call
from ...errors import Refusal
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, fix_by_plan

LONGEST = 365 * 24
"""The longest retention period, in hours."""


def plan_retention(stream: Mapping[str, Any], hours: int, *, again: bool) -> FixPlan:
    """Plan to raise the retention period of a stream of DescribeStreamSummary; a longer one stays.

    `again`: it was planned before, so an update that runs is ours. Raises Refusal during another update.
    """
    name, status, now = stream["StreamName"], stream["StreamStatus"], stream["RetentionPeriodHours"]
    if now >= hours or (again and status == "UPDATING"):
        return FixPlan()
    if status != "ACTIVE":
        raise Refusal(f"the stream is {status}; only an ACTIVE stream can be changed")

    def to(word: str, period: int) -> Call:
        return Call("kinesis", f"{word}_stream_retention_period", {
            "StreamName": name, "RetentionPeriodHours": period})

    return FixPlan([Step(
        f"keep records for {hours} hours", to("increase", hours), to("decrease", now),
        removed={"RetentionPeriodHours": now}, added={"RetentionPeriodHours": hours},
        note="a rollback deletes the records that are older than the earlier period", overwrites=True)])


def _is_before(value: Any, receipt: Mapping[str, Any]) -> bool:
    return type(value) is int and {"RetentionPeriodHours": value} in list(receipt.get("removed") or ())


class RaiseRetention(Fix):
    """Raise the retention period of a data stream to `hours`, and verify the result.

    A longer period stays. Kinesis charges for more than 24 hours. A stream that is being updated is refused.

    Written because c7n has no action for it.

    :example:

    .. code-block:: yaml

        policies:
          - name: kinesis-retention-raise
            resource: aws.kinesis
            filters:
              - {type: value, key: RetentionPeriodHours, op: lt, value: 168}
            actions:
              - type: raise-retention
                hours: 168
    """

    schema = type_schema("raise-retention", required=["hours"], otherwise=OTHERWISE, hours={
        "oneOf": [{"type": "integer", "minimum": 24, "maximum": LONGEST}, {"type": "string"}]})
    inverses = (Inverse("kinesis", "decrease_stream_retention_period", "StreamName", values={
        "RetentionPeriodHours": _is_before}),)
    permissions = ("kinesis:DescribeStreamSummary", "kinesis:IncreaseStreamRetentionPeriod")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Raise the retention period of one stream."""
        client = session.client("kinesis")
        planned: list[FixPlan] = []

        def plan() -> FixPlan:
            found = call(client.describe_stream_summary, StreamName=resource["StreamName"])
            planned.append(plan_retention(
                found["StreamDescriptionSummary"], int(self.data["hours"]), again=bool(planned)))
            return planned[-1]

        yield fix_by_plan(lambda service: client, plan)
