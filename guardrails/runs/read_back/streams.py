"""Compares the encryption of data streams and delivery streams, and the retention period of data streams.

Source: Kinesis's DescribeStreamSummary and Firehose's DescribeDeliveryStream.
"""
from __future__ import annotations

from typing import Any

from custom_actions.aws import call

from .base import Observation, Parameters, Reads, Receipt, setting, two_states


def _data_stream(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    found = call(client.describe_stream_summary, StreamName=parameters["StreamName"])["StreamDescriptionSummary"]
    return two_states(back=found.get("EncryptionType") != "KMS")


def _delivery_stream(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    found = call(client.describe_delivery_stream, **parameters)["DeliveryStreamDescription"]
    status = (found.get("DeliveryStreamEncryptionConfiguration") or {}).get("Status")
    return two_states(back=status not in ("ENABLED", "ENABLING"))


def _retention(client: Any, parameters: Parameters) -> int:
    found = call(client.describe_stream_summary, StreamName=parameters["StreamName"])["StreamDescriptionSummary"]
    return int(found["RetentionPeriodHours"])


STREAMS: Reads = {
    ("kinesis", "decrease_stream_retention_period"): setting(
        _retention, lambda given: given["RetentionPeriodHours"], "RetentionPeriodHours"),
    ("kinesis", "stop_stream_encryption"): _data_stream,
    ("firehose", "stop_delivery_stream_encryption"): _delivery_stream,
}
