"""The changes that c7n's actions make in Redshift, by operation, where more is to say than `settings_plan` says."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...aws import call
from ..redshift import logging_of
from .change import Attempt, Change, Plan, setting


def _logging(attempt: Attempt) -> Change | None:
    """EnableLogging and DisableLogging."""
    client, cluster = attempt.client, attempt.parameters["ClusterIdentifier"]
    wanted = {name: value for name, value in attempt.parameters.items() if name != "ClusterIdentifier"}

    def read() -> dict[str, Any]:
        return logging_of(call(client.describe_logging_status, ClusterIdentifier=cluster))

    before = read()
    inverse = attempt.undo("enable_logging", ClusterIdentifier=cluster, **before) if before \
        else attempt.undo("disable_logging", ClusterIdentifier=cluster)
    return setting(attempt, "Logging", read, wanted, inverse, before=before)


REDSHIFT: Mapping[str, Plan] = {
    "disable_logging": _logging,
    "enable_logging": _logging,
}
