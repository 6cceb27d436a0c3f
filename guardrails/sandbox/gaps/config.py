"""AWS Config's recorder: how often it records each type, and whether its last delivery failed; and its quota of rules.

moto drops `recordingMode`, and its recorder never fails. AWS returns a recording mode for every recorder, and reports a
failure if the bucket of the delivery channel does not exist. moto ends at 150 rules, AWS at 1,000 in a Region.

Source: AWS Config's API reference, ConfigurationRecorder and ConfigurationRecorderStatus; its developer guide, "Service
limits" (1,000 rules in an account and region; moto has the 150 of earlier years).
"""
from __future__ import annotations

from typing import Any

from moto.config.models import ConfigBackend, ConfigRule
from moto.s3.models import s3_backends

from ..moto_fixes import replaces

_CONTINUOUS = {"recordingFrequency": "CONTINUOUS"}


def apply() -> None:
    """Apply the additions, once in a process."""
    ConfigRule.MAX_RULES = 1000
    put = ConfigBackend.put_configuration_recorder
    describe = ConfigBackend.describe_configuration_recorders
    status_of = ConfigBackend.describe_configuration_recorder_status

    @replaces(ConfigBackend, "put_configuration_recorder")
    def put_configuration_recorder(self: ConfigBackend, config_recorder: dict[str, Any]) -> None:
        put(self, config_recorder)
        recorder: Any = self.recorders[config_recorder["name"]]
        recorder.guardrails_mode = config_recorder.get("recordingMode") or _CONTINUOUS

    @replaces(ConfigBackend, "describe_configuration_recorders")
    def describe_configuration_recorders(self: ConfigBackend, recorder_names: list[str] | None) -> list[dict[str, Any]]:
        return [
            {**found, "recordingMode": getattr(self.recorders[found["name"]], "guardrails_mode", _CONTINUOUS)}
            for found in describe(self, recorder_names)]

    @replaces(ConfigBackend, "describe_configuration_recorder_status")
    def describe_configuration_recorder_status(
        self: ConfigBackend, recorder_names: list[str]
    ) -> list[dict[str, Any]]:
        buckets = s3_backends[self.account_id][self.partition].buckets
        failing = any(channel.s3_bucket_name not in buckets for channel in self.delivery_channels.values())
        return [
            {**found, "lastStatus": "FAILURE", "lastErrorCode": "NoSuchBucket"} if found["recording"] and failing
            else found for found in status_of(self, recorder_names)]
