"""Checks whether a resource is still as a fix left it: reads it, and compares it with the calls that undo the fix.

One module for each group of services has the comparisons, by the call that undoes a fix. Every call that a fix
declares in `inverses` has one.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from custom_actions.errors import Refusal
from custom_actions.fixing import inverse_of

from ...accounts import AWS_ERRORS, reason_of
from .account import ACCOUNT
from .base import AS_FIXED, BACK, Comparison, Observation, Parameters, Read, Receipt, changed, settings_of
from .databases import DATABASES
from .ec2 import EC2
from .iam import IAM
from .monitoring import MONITORING
from .policies import POLICIES
from .recording import RECORDING
from .s3 import S3
from .services import SERVICES
from .streams import STREAMS

__all__ = ["READS", "Comparison", "Observation", "observe", "observe_undone"]

READS: Mapping[tuple[str, str], Read] = {
    **ACCOUNT, **DATABASES, **EC2, **IAM, **MONITORING, **POLICIES, **RECORDING, **S3, **SERVICES, **STREAMS,
}
"""By boto3's names of the service and of the operation that undoes a fix."""


def observe(client: Any, service: str, operation: str, parameters: Parameters, receipt: Receipt) -> Observation:
    """Read the resource of a call, and compare it."""
    read = _read_of(service, operation, receipt)
    if read is None:
        return Observation(
            Comparison.UNKNOWN, f"{service}:{operation}: cannot check whether the resource has changed since the fix")
    try:
        return read(client, parameters, receipt)
    except (*AWS_ERRORS, Refusal) as error:
        return Observation(Comparison.UNREADABLE, f"cannot be read: {reason_of(error)}")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # The comparison uses values of the receipt, which may be invalid because someone edited the file.
        return changed(f"cannot be compared with the receipt: {type(error).__name__}: {error}")


def _read_of(service: str, operation: str, receipt: Receipt) -> Read | None:
    declared = inverse_of(receipt, {"service": service, "operation": operation})
    if declared and declared.settings_call:
        return settings_of(declared.settings_call)
    return READS.get((service, operation))


def observe_undone(
    client: Any, service: str, operation: str, parameters: Parameters, receipt: Receipt
) -> Observation:
    """The same for a call that a rollback made: now the state before the fix is the expected one."""
    found = observe(client, service, operation, parameters, receipt)
    return {AS_FIXED: BACK, BACK: AS_FIXED}.get(found, found)
