"""Calling AWS: throttling is waited out, and other errors keep their code."""
from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from c7n.utils import get_retry

THROTTLED = (
    "Client.RequestLimitExceeded", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException",
    "Throttled", "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException",
    "InternalError", "InternalServerException", "ServiceUnavailable", "Unavailable",
)
"""Codes after which the same call may succeed a little later."""

_retry = get_retry(THROTTLED, max_attempts=6, min_delay=0.5, log_retries=logging.WARNING)


def call(operation: Callable[..., Any], **parameters: Any) -> Any:
    """`operation(**parameters)`, tried again with growing delays while AWS throttles it (about half a minute).

    Raises botocore's ClientError for any other error, and for throttling that does not end.
    """
    return _retry(operation, **parameters)


def code_of(error: ClientError) -> str:
    """The error's code, for instance `InvalidPermission.NotFound`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def reason_of(error: ClientError) -> str:
    """The error in one line: operation, code and AWS's message."""
    return f"{error.operation_name}: {code_of(error)}: {error.response.get('Error', {}).get('Message', '')}"
