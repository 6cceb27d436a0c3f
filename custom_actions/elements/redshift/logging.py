"""The audit logging of a cluster, as EnableLogging takes it.

Source: Redshift's EnableLogging and DescribeLoggingStatus.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LOGGING_SETTINGS = ("BucketName", "S3KeyPrefix", "LogDestinationType", "LogExports")
"""The parameters of EnableLogging besides the cluster."""


def logging_of(status: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in DescribeLoggingStatus; empty if the cluster has no audit logging."""
    return {name: status[name] for name in LOGGING_SETTINGS if status.get(name)} if status.get("LoggingEnabled") else {}
