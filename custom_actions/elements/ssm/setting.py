"""The filter `service-setting` and the action `set-service-setting` on the account: a setting of Systems Manager.

Source: Systems Manager's GetServiceSetting, UpdateServiceSetting and ResetServiceSetting.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import absent
from ...errors import Refusal
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, fix_by_plan, is_removed

CHANGEABLE = ("/ssm/automation/customer-script-log-destination", "/ssm/documents/console/public-sharing-permission")
"""The settings that the action may change."""
_DEFAULT = "Default"


class ServiceSetting(Filter):
    """The account, when a setting of Systems Manager does not have a certain value in this region.

    `setting` is its id, and `value` the one that it must have. A setting that was never changed has its default
    value; one that does not exist has none. The value is kept on the account as `c7n:ServiceSetting`.

    Written because c7n has no filter for Systems Manager's settings.

    :example:

    .. code-block:: yaml

        policies:
          - name: ssm-block-public-sharing
            resource: aws.account
            filters:
              - type: service-setting
                setting: /ssm/documents/console/public-sharing-permission
                value: Disable
    """

    schema = type_schema(
        "service-setting", required=["setting", "value"],
        setting={"type": "string", "pattern": "^/ssm/"}, value={"type": "string"})
    permissions = ("ssm:GetServiceSetting",)
    annotation_key = "c7n:ServiceSetting"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("ssm")
        value = setting_of(client, self.data["setting"]).get("SettingValue", "")
        if value == self.data["value"]:
            return []
        state = f"{self.data['setting']}: {value or 'no value'}"
        return [{**account, self.annotation_key: state} for account in resources]


def setting_of(client: Any, setting: str) -> Mapping[str, Any]:
    """The setting as GetServiceSetting has it; empty if the region does not have it."""
    answer = absent(client.get_service_setting, "ServiceSettingNotFound", SettingId=setting)
    return answer["ServiceSetting"] if answer else {}


def plan_setting(found: Mapping[str, Any], setting: str, value: str) -> FixPlan:
    """Give a setting its value.

    Args:
        found: from GetServiceSetting; empty if the region does not have the setting.

    A setting with its default value is reset in a rollback: AWS may change the default.
    """
    if not found:
        raise Refusal(f"the region does not have the setting {setting}")
    before = found.get("SettingValue", "")
    if before == value:
        return FixPlan()
    inverse = Call("ssm", "reset_service_setting", {"SettingId": setting})
    if before and found.get("Status") != _DEFAULT:
        inverse = Call("ssm", "update_service_setting", {"SettingId": setting, "SettingValue": before})
    return FixPlan([Step(
        f"set {setting}", Call("ssm", "update_service_setting", {"SettingId": setting, "SettingValue": value}), inverse,
        removed={setting: before}, added={setting: value}, overwrites=True)])


def _is_changed(value: Any, receipt: Mapping[str, Any]) -> bool:
    """Whether the value is the id of a setting that the fix changed. Only the account's receipts have one."""
    return receipt["resource"] == receipt["account"] and value in CHANGEABLE and any(
        value in each for each in receipt.get("removed") or ())


class SetServiceSetting(Fix):
    """Give a setting of Systems Manager a value in this region, and verify the result.

    `setting` is its id: one of those that our policies check. A region that does not have the setting is refused.

    Written because c7n has no action for Systems Manager's settings.

    :example:

    .. code-block:: yaml

        policies:
          - name: ssm-block-public-sharing
            resource: aws.account
            filters:
              - type: service-setting
                setting: /ssm/documents/console/public-sharing-permission
                value: Disable
            actions:
              - type: set-service-setting
                setting: /ssm/documents/console/public-sharing-permission
                value: Disable
    """

    schema = type_schema(
        "set-service-setting", required=["setting", "value"], otherwise=OTHERWISE,
        setting={"enum": list(CHANGEABLE)}, value={"type": "string"})
    inverses = (
        Inverse("ssm", "reset_service_setting", "SettingId", _is_changed),
        Inverse("ssm", "update_service_setting", "SettingId", _is_changed, {"SettingValue": is_removed}),
    )
    permissions = ("ssm:GetServiceSetting", "ssm:UpdateServiceSetting")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Set the setting in the session's region."""
        client, setting, value = session.client("ssm"), self.data["setting"], self.data["value"]
        yield fix_by_plan(
            lambda service: client, lambda: plan_setting(setting_of(client, setting), setting, value))
