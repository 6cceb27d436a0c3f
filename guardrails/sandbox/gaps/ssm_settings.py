"""Systems Manager's settings of a region, which moto lacks: read, changed, and set back to their defaults.

Only the settings in `_DEFAULTS` exist here. Source: Systems Manager's GetServiceSetting, UpdateServiceSetting and
ResetServiceSetting.
"""
from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.ssm.exceptions import SSMException
from moto.ssm.responses import SimpleSystemManagerResponse

_DEFAULTS = {
    "/ssm/automation/customer-script-log-destination": "",
    "/ssm/documents/console/public-sharing-permission": "Enable",
}
_KEPT = "guardrails_service_settings"
"""Where a backend keeps the settings that differ from their defaults: by id."""


class _NotFound(SSMException):
    def __init__(self, setting: str) -> None:
        super().__init__("ServiceSettingNotFound", f"The setting {setting} is not known here.")


def apply() -> None:
    """Add the APIs. Once in a process."""
    for operation in (get_service_setting, update_service_setting, reset_service_setting):
        setattr(SimpleSystemManagerResponse, operation.__name__, operation)


def get_service_setting(request: Any) -> ActionResult:
    """The setting, customized or with its default value."""
    setting = _known(request)
    changed = _kept(request)
    return ActionResult({"ServiceSetting": {
        "SettingId": setting,
        "SettingValue": changed.get(setting, _DEFAULTS[setting]),
        "Status": "Customized" if setting in changed else "Default",
        "LastModifiedDate": utcnow(),
        "ARN": f"arn:{request.partition}:ssm:{request.region}:{request.current_account}:servicesetting{setting}",
    }})


def update_service_setting(request: Any) -> EmptyResult:
    """Give the setting a value."""
    _kept(request)[_known(request)] = request._get_param("SettingValue")
    return EmptyResult()


def reset_service_setting(request: Any) -> ActionResult:
    """Give the setting its default value again."""
    _kept(request).pop(_known(request), None)
    return get_service_setting(request)


def _known(request: Any) -> str:
    setting = str(request._get_param("SettingId"))
    if setting not in _DEFAULTS:
        raise _NotFound(setting)
    return setting


def _kept(request: Any) -> dict[str, str]:
    kept: dict[str, str] = request.ssm_backend.__dict__.setdefault(_KEPT, {})
    return kept
