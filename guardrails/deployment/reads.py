"""How a deployment reads AWS: the client's settings, and a resource that is not there as a value."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

CLIENT = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 4})
_ABSENT = frozenset({"ResourceNotFoundException", "NoSuchConfigRuleException"})


def read_or_none(call: Callable[..., Any], **arguments: Any) -> Any:
    """The response of `call(**arguments)`, or None when AWS says that the resource does not exist.

    Raises every other ClientError.
    """
    try:
        return call(**arguments)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _ABSENT:
            return None
        raise
