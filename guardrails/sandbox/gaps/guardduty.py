"""GuardDuty: a region has one detector."""
from __future__ import annotations

from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.guardduty.models import GuardDutyBackend

from ..moto_fixes import replaces


class _OneOnly(JsonRESTError):
    code = 400

    def __init__(self) -> None:
        super().__init__(
            "BadRequestException", "The request is rejected because a detector already exists for the current account."
        )


def apply() -> None:
    """Apply the changes, once in the server's process."""
    original = GuardDutyBackend.create_detector

    @replaces(GuardDutyBackend, "create_detector")
    def create_detector(backend: Any, *args: Any, **kwargs: Any) -> str:
        if backend.detectors:
            raise _OneOnly
        return str(original(backend, *args, **kwargs))
