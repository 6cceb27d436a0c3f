"""MSK Connect: an account without connectors. moto lacks the service.

Source: Amazon MSK Connect's ListConnectors.
"""
from __future__ import annotations

import re
import sys

from moto import backend_index
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.responses import ActionResult, BaseResponse

_NAME = "kafkaconnect"


class KafkaConnectBackend(BaseBackend):
    """An account in a region."""


class KafkaConnectResponse(BaseResponse):
    """Answers requests."""

    def __init__(self) -> None:
        super().__init__(service_name=_NAME)

    def list_connectors(self) -> ActionResult:
        """ListConnectors."""
        return ActionResult({"connectors": []})


# What moto looks for in a service's modules.
kafkaconnect_backends = BackendDict(KafkaConnectBackend, _NAME)
url_bases = [r"https?://kafkaconnect\.(.+)\.amazonaws\.com"]
url_paths = {"{0}/v1/connectors$": KafkaConnectResponse.dispatch}


def apply() -> None:
    """Make the service known to moto, once in a process."""
    for module in (f"moto.{_NAME}", f"moto.{_NAME}.urls"):
        sys.modules[module] = sys.modules[__name__]
    KafkaConnectBackend.__module__ = f"moto.{_NAME}.models"
    backend_index.backend_url_patterns.append((_NAME, re.compile(url_bases[0])))
