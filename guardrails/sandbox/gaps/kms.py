"""KMS: the calls that a key's state allows, the responses for key deletion, and the rotation period."""
from __future__ import annotations

import json
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.kms.models import KmsBackend
from moto.kms.responses import KmsResponse

from ..moto_fixes import replaces

_YEAR = 365


class _InvalidState(JsonRESTError):
    code = 400

    def __init__(self, key: Any) -> None:
        super().__init__("KMSInvalidStateException", f"{key.arn} is {_STATES.get(key.key_state, key.key_state)}.")


_STATES = {"PendingDeletion": "pending deletion", "Disabled": "disabled", "Enabled": "enabled"}


def apply() -> None:
    """Apply the changes, once in the server's process."""
    _fix_states()
    _fix_deletion()
    _fix_rotation()


def _fix_states() -> None:
    """A key that is to be deleted can neither be enabled nor disabled, and only such a key's deletion cancelled.

    moto takes every call in every state. Its own methods also take no ARN, as KMS does.
    Source: KMS's developer guide, "Key states of AWS KMS keys".
    """
    for name, wanted in (
        ("enable_key", ("Enabled", "Disabled")), ("disable_key", ("Enabled", "Disabled")),
        ("schedule_key_deletion", ("Enabled", "Disabled")), ("cancel_key_deletion", ("PendingDeletion",)),
        ("enable_key_rotation", ("Enabled",)), ("disable_key_rotation", ("Enabled",)),
    ):
        _check_state(name, wanted)


def _check_state(name: str, wanted: tuple[str, ...]) -> None:
    original = getattr(KmsBackend, name)

    @replaces(KmsBackend, name)
    def method(backend: Any, key_id: str, *args: Any, **kwargs: Any) -> Any:
        key = backend.keys[backend.get_key_id(key_id)]
        if key.key_state not in wanted:
            raise _InvalidState(key)
        return original(backend, key.id, *args, **kwargs)


def _fix_deletion() -> None:
    """Both answers name the key by its ARN; ScheduleKeyDeletion's has the state and the waiting period too."""
    schedule = KmsResponse.schedule_key_deletion

    @replaces(KmsResponse, "schedule_key_deletion")
    def schedule_key_deletion(call: Any) -> str:
        answer = json.loads(schedule(call))
        key = _key_of(call)
        days = call._get_param("PendingWindowInDays") or 30
        return json.dumps({**answer, "KeyId": key.arn, "KeyState": key.key_state, "PendingWindowInDays": days})

    cancel = KmsResponse.cancel_key_deletion

    @replaces(KmsResponse, "cancel_key_deletion")
    def cancel_key_deletion(call: Any) -> str:
        return json.dumps({**json.loads(cancel(call)), "KeyId": _key_of(call).arn})


def _fix_rotation() -> None:
    """A rotation has a period, a year unless EnableKeyRotation says otherwise; moto forgets it."""
    enable, status = KmsResponse.enable_key_rotation, KmsResponse.get_key_rotation_status

    @replaces(KmsResponse, "enable_key_rotation")
    def enable_key_rotation(call: Any) -> str:
        answer = enable(call)
        _key_of(call).rotation_period = call._get_param("RotationPeriodInDays") or _YEAR
        return str(answer)

    @replaces(KmsResponse, "get_key_rotation_status")
    def get_key_rotation_status(call: Any) -> str:
        answer, key = json.loads(status(call)), _key_of(call)
        if answer["KeyRotationEnabled"]:
            answer["RotationPeriodInDays"] = getattr(key, "rotation_period", _YEAR)
        return json.dumps({"KeyId": key.arn, **answer})


def _key_of(call: Any) -> Any:
    return call.kms_backend.keys[call.kms_backend.get_key_id(call._get_param("KeyId"))]
