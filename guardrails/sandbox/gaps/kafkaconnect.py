"""MSK Connect: an account without connectors. moto lacks the service.

Source: Amazon MSK Connect's ListConnectors.
"""
from __future__ import annotations

from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.responses import ActionResult, BaseResponse

from ..moto_fixes import add_service

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
    add_service(_NAME, __name__, KafkaConnectBackend)
