"""The filter `service-setting` on the account: a setting of Systems Manager.

Source: Systems Manager's GetServiceSetting and UpdateServiceSetting.
"""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import absent


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
        answer = absent(client.get_service_setting, "ServiceSettingNotFound", SettingId=self.data["setting"])
        value = answer["ServiceSetting"].get("SettingValue", "") if answer else ""
        if value == self.data["value"]:
            return []
        state = f"{self.data['setting']}: {value or 'no value'}"
        return [{**account, self.annotation_key: state} for account in resources]
