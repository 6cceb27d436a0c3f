"""What the sandbox adds to moto's GuardDuty."""
from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.moto_server import Moto


def test_a_region_has_one_detector(moto: Moto) -> None:
    guardduty = moto.client("guardduty")
    detector = guardduty.create_detector(Enable=True)["DetectorId"]
    with pytest.raises(ClientError, match="already exists"):
        guardduty.create_detector(Enable=True)
    guardduty.delete_detector(DetectorId=detector)
    assert guardduty.create_detector(Enable=True)["DetectorId"] != detector
