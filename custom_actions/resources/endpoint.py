"""Lets the environment's endpoint hold for resource types for which c7n names an address of AWS.

c7n writes out the address of SQS, to get queue URLs that AWS Config knows. So a policy on queues would reach AWS even
from the sandbox, which sets AWS_ENDPOINT_URL.
"""
from __future__ import annotations

import os
from typing import Any

from c7n.utils import local_session

_TYPES = ("sqs",)
_VARIABLES = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS")


def use_endpoint_of_environment(resource_class: Any) -> None:
    """Replace `get_client` of a c7n resource class that names an address of AWS; others stay as they are."""
    if resource_class.type not in _TYPES or hasattr(resource_class.get_client, "names_address"):
        return
    original = resource_class.get_client

    def get_client(self: Any) -> Any:
        if any(os.environ.get(name) for name in _VARIABLES):
            return local_session(self.session_factory).client(resource_class.type)
        return original(self)

    get_client.names_address = original  # type: ignore[attr-defined]
    resource_class.get_client = get_client
