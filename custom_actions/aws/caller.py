"""Who a session's credentials belong to.

Source: STS's GetCallerIdentity. The identity of a session does not change, so in a function, which handles one event
after the other with the same session, it is asked once.
"""
from __future__ import annotations

import os
from typing import Any

from .calls import call

_ARN = "_guardrails_caller"


def caller_arn(session: Any) -> str:
    """The ARN of the user or the assumed role of a boto3 session. Raises one of AWS_ERRORS; an error is not kept."""
    kept: dict[str, Any] = session.__dict__ if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else {}
    if _ARN not in kept:
        kept[_ARN] = str(call(session.client("sts").get_caller_identity)["Arn"])
    found: str = kept[_ARN]
    return found
