"""Settings of Systems Manager: what undoes a change, and a region without the setting."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.elements.ssm.setting import plan_setting
from custom_actions.errors import Refusal

SETTING = "/ssm/documents/console/public-sharing-permission"


def undo_of(**found: str) -> tuple[str, dict[str, Any]]:
    [step] = plan_setting(found, SETTING, "Disable").steps
    [undo] = step.undo({})
    return undo.operation, dict(undo.parameters)


def test_a_default_is_reset_and_a_value_is_restored() -> None:
    reset = ("reset_service_setting", {"SettingId": SETTING})
    assert undo_of(SettingValue="Enable", Status="Default") == reset
    # AWS does not accept an empty value.
    assert undo_of(SettingValue="", Status="Customized") == reset
    assert undo_of(Status="Default") == reset
    assert undo_of(SettingValue="Enable", Status="Customized") == (
        "update_service_setting", {"SettingId": SETTING, "SettingValue": "Enable"})


def test_nothing_to_do() -> None:
    assert not plan_setting({"SettingValue": "Disable", "Status": "Customized"}, SETTING, "Disable").steps


def test_a_region_without_the_setting_is_refused() -> None:
    with pytest.raises(Refusal, match="does not have the setting"):
        plan_setting({}, SETTING, "Disable")
