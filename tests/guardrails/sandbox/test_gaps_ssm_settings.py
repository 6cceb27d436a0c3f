"""Systems Manager's settings, which moto lacks."""
from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.moto_server import Moto

SHARING = "/ssm/documents/console/public-sharing-permission"


def test_a_setting_is_changed_and_set_back(moto: Moto) -> None:
    ssm = moto.client("ssm")

    def now() -> tuple[str, str]:
        setting = ssm.get_service_setting(SettingId=SHARING)["ServiceSetting"]
        return setting["SettingValue"], setting["Status"]

    assert now() == ("Enable", "Default")
    ssm.update_service_setting(SettingId=SHARING, SettingValue="Disable")
    assert now() == ("Disable", "Customized")
    assert ssm.reset_service_setting(SettingId=SHARING)["ServiceSetting"]["SettingValue"] == "Enable"
    ssm.update_service_setting(SettingId=SHARING, SettingValue="Disable")
    moto.reset()
    assert now() == ("Enable", "Default")


def test_what_does_not_exist_is_refused(moto: Moto) -> None:
    with pytest.raises(ClientError, match="ServiceSettingNotFound"):
        moto.client("ssm").get_service_setting(SettingId="/ssm/colour")
