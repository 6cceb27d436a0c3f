"""Who a session's credentials belong to.

Source: STS's GetCallerIdentity. The identity of a session does not change, so in a function, which handles one event
after the other with the same session, it is asked once.
"""
from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .ahead import Ahead
from .calls import call

_ARN = "_guardrails_caller"
_lock = threading.Lock()


def caller_arn(session: Any) -> str:
    """The ARN of the user or the assumed role of a boto3 session. Raises one of AWS_ERRORS; an error is not kept."""
    kept: dict[str, Any] = session.__dict__ if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else {}
    with _lock:  # who asks while `caller_ahead` does waits for its answer
        if _ARN not in kept:
            kept[_ARN] = str(call(session.client("sts").get_caller_identity)["Arn"])
    found: str = kept[_ARN]
    return found


@contextmanager
def caller_ahead(session: Any) -> Iterator[None]:
    """In a function, ask for the caller of a session while something else is read, unless it is known."""
    if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ or _ARN in session.__dict__:
        yield
        return
    asking = Ahead(lambda: caller_arn(session))
    try:
        yield
    finally:
        # An error is not lost: `caller_arn` asks again.
        asking.settle()
