"""GuardDuty: a region has one detector, and an update of features keeps the others.

Source: GuardDuty's CreateDetector, and UpdateDetector: Features has "the features that will be updated".
"""
from __future__ import annotations

from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.guardduty.models import Detector, GuardDutyBackend

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

    update = Detector.update

    @replaces(Detector, "update")
    def update_detector(
        detector: Any, enable: Any, frequency: Any, data_sources: Any, features: list[dict[str, Any]] | None
    ) -> None:
        given = {each["name"]: each for each in features or ()}
        kept = [given.pop(each["name"], each) for each in detector.features]
        update(detector, enable, frequency, data_sources, [*kept, *given.values()])
