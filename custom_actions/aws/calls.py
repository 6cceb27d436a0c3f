"""Calling AWS: throttling is waited out, and every way in which a call can fail is one tuple of errors."""
from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError
from c7n.utils import get_retry

AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
"""What a call may end with: AWS's own errors; a network error, missing credentials or a parameter that this botocore
does not know; and an answer that is not AWS's (a proxy's page), whose error has no base."""

THROTTLED = (
    "Client.RequestLimitExceeded", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException",
    "Throttled", "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException",
    "InternalError", "InternalServerException", "ServiceUnavailable", "Unavailable",
)
"""Codes after which the same call may succeed a little later."""
_NEVER_SENT = (
    ParamValidationError, NoCredentialsError, PartialCredentialsError, NoRegionError, EndpointConnectionError,
    ConnectTimeoutError,
)

_READ_BACK_DELAYS = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each reading: AWS is eventually consistent, and a first answer may be the old one."""

_Read = TypeVar("_Read")

_retry = get_retry(THROTTLED, max_attempts=6, min_delay=0.5, log_retries=logging.WARNING)


def call(operation: Callable[..., Any], **parameters: Any) -> Any:
    """`operation(**parameters)`, tried again with growing delays while AWS throttles it (about half a minute).

    Raises one of AWS_ERRORS for any other error, and for throttling that does not end.
    """
    attempts = 0

    def once() -> Any:
        nonlocal attempts
        attempts += 1
        return operation(**parameters)

    try:
        return _retry(once)
    except ClientError as error:
        # botocore counts its own attempts here; `may_have_happened` needs to know of ours too.
        metadata = error.response.setdefault("ResponseMetadata", {})
        metadata["RetryAttempts"] = metadata.get("RetryAttempts", 0) + attempts - 1
        raise


def may_have_happened(error: Exception) -> bool:
    """Whether a call that ended with one of AWS_ERRORS may have done its work all the same.

    A connection that breaks after the request, an answer of 5xx, and an error to a second attempt leave that open: the
    first attempt may have been carried out.
    """
    if isinstance(error, ClientError):
        metadata = error.response.get("ResponseMetadata", {})
        return metadata.get("HTTPStatusCode", 0) >= 500 or metadata.get("RetryAttempts", 0) > 0
    return not isinstance(error, _NEVER_SENT)


def readings(read: Callable[[], _Read]) -> Iterator[_Read]:
    """What `read` returns after a change, several times with growing delays; the caller stops when the change shows.

    Raises what `read` raises.
    """
    for delay in _READ_BACK_DELAYS:
        time.sleep(delay)
        yield read()


def code_of(error: Exception) -> str:
    """The error's code, for instance `InvalidPermission.NotFound`; empty for an error that is not AWS's own."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def reason_of(error: Exception) -> str:
    """An error in one line: operation, code and message of AWS's own, and the text of any other."""
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {code_of(error)}: {error.response.get('Error', {}).get('Message', '')}"
    return " ".join(str(error).split())[:500] or type(error).__name__


# AWS has many codes for what does not exist: InvalidGroup.NotFound, NoSuchEntity, DBInstanceNotFoundFault, …
_ABSENT = ("NotFound", "NoSuch", "DoesNotExist")


def does_not_exist(error: Exception) -> bool:
    """Whether AWS says that what was asked for does not exist (or does not show yet)."""
    return any(word in code_of(error) for word in _ABSENT)
