"""Calls to AWS. A throttled call is retried; every way in which a call can fail is in one tuple of errors."""
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
"""The errors that a call may raise: an error response from AWS; a network error, missing credentials, or a parameter
that this version of botocore does not know; and a response that is not from AWS (a proxy's page), whose error class has
no common base."""

THROTTLED = (
    "Client.RequestLimitExceeded", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException",
    "Throttled", "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException",
    "InternalError", "InternalServerException", "ServiceUnavailable", "Unavailable",
)
"""Error codes after which the same call may succeed a little later."""
_NEVER_SENT = (
    ParamValidationError, NoCredentialsError, PartialCredentialsError, NoRegionError, EndpointConnectionError,
    ConnectTimeoutError,
)

_READ_BACK_DELAYS = (0.0, 0.5, 1.0, 2.0)
"""Seconds to wait before each read: AWS is eventually consistent, so the first response may show the old state."""

_Read = TypeVar("_Read")

_retry = get_retry(THROTTLED, max_attempts=6, min_delay=0.5, log_retries=logging.WARNING)


def call(operation: Callable[..., Any], **parameters: Any) -> Any:
    """Call `operation(**parameters)`; retry with growing delays while AWS throttles it (for about half a minute).

    Raises one of AWS_ERRORS for any other error, and when the throttling does not end.
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


def absent(operation: Callable[..., Any], code: str, **parameters: Any) -> Any:
    """The response, or None if AWS returns the error `code`. Raises ClientError for any other error."""
    try:
        return call(operation, **parameters)
    except ClientError as error:
        if code_of(error) == code:
            return None
        raise


def may_have_happened(error: Exception) -> bool:
    """Whether AWS may have carried out a call although it ended with one of AWS_ERRORS.

    This is possible when the connection breaks after the request was sent, when the response has a status of 5xx, and
    when a retry fails: the first attempt may have succeeded.
    """
    if isinstance(error, ClientError):
        metadata = error.response.get("ResponseMetadata", {})
        return metadata.get("HTTPStatusCode", 0) >= 500 or metadata.get("RetryAttempts", 0) > 0
    return not isinstance(error, _NEVER_SENT)


def readings(read: Callable[[], _Read]) -> Iterator[_Read]:
    """The results of repeated calls of `read`, with growing delays. The caller stops when it sees its change.

    Raises what `read` raises.
    """
    for delay in _READ_BACK_DELAYS:
        time.sleep(delay)
        yield read()


def code_of(error: Exception) -> str:
    """The error code, for instance `InvalidPermission.NotFound`; empty for an error that is not a response from AWS."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def reason_of(error: Exception) -> str:
    """An error in one line: operation, code and message of a response from AWS, or the text of any other error."""
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {code_of(error)}: {error.response.get('Error', {}).get('Message', '')}"
    return " ".join(str(error).split())[:500] or type(error).__name__


# AWS has many codes for what does not exist: InvalidGroup.NotFound, NoSuchEntity, DBInstanceNotFoundFault, …
_ABSENT = ("NotFound", "NoSuch", "DoesNotExist")


def does_not_exist(error: Exception) -> bool:
    """Whether AWS says that what was asked for does not exist (or does not show yet)."""
    return any(word in code_of(error) for word in _ABSENT)
