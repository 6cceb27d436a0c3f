"""Calling AWS: throttling is waited out, and other errors keep their code."""
from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from c7n.utils import get_retry

THROTTLED = (
    "Client.RequestLimitExceeded", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException",
    "Throttled", "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException",
    "InternalError", "InternalServerException", "ServiceUnavailable", "Unavailable",
)
"""Codes after which the same call may succeed a little later."""

_READ_BACK_DELAYS = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each reading: AWS is eventually consistent, and a first answer may be the old one."""

_Read = TypeVar("_Read")

_retry = get_retry(THROTTLED, max_attempts=6, min_delay=0.5, log_retries=logging.WARNING)


def call(operation: Callable[..., Any], **parameters: Any) -> Any:
    """`operation(**parameters)`, tried again with growing delays while AWS throttles it (about half a minute).

    Raises botocore's ClientError for any other error, and for throttling that does not end.
    """
    return _retry(operation, **parameters)


def readings(read: Callable[[], _Read]) -> Iterator[_Read]:
    """What `read` gives after a change, several times with growing delays; whoever asks stops when it shows.

    Raises what `read` raises.
    """
    for delay in _READ_BACK_DELAYS:
        time.sleep(delay)
        yield read()


def code_of(error: ClientError) -> str:
    """The error's code, for instance `InvalidPermission.NotFound`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def reason_of(error: ClientError) -> str:
    """The error in one line: operation, code and AWS's message."""
    return f"{error.operation_name}: {code_of(error)}: {error.response.get('Error', {}).get('Message', '')}"
