"""Macie's automated discovery of sensitive data."""
from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.moto_server import Moto


def test_discovery_is_turned_on_and_off(moto: Moto) -> None:
    macie = moto.client("macie2")
    assert macie.get_automated_discovery_configuration()["status"] == "DISABLED"
    macie.update_automated_discovery_configuration(status="ENABLED", autoEnableOrganizationMembers="ALL")
    now = macie.get_automated_discovery_configuration()
    assert (now["status"], now["autoEnableOrganizationMembers"]) == ("ENABLED", "ALL")
    macie.update_automated_discovery_configuration(status="DISABLED")
    assert macie.get_automated_discovery_configuration()["status"] == "DISABLED"
    moto.reset()
    assert macie.get_automated_discovery_configuration()["status"] == "DISABLED"


def test_there_is_none_without_macie(moto: Moto) -> None:
    moto.client("macie2").disable_macie()
    with pytest.raises(ClientError, match="not enabled"):
        moto.client("macie2").get_automated_discovery_configuration()
