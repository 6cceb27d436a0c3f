"""The changes of KMS that c7n's actions make.

Source: KMS's EnableKeyRotation, DisableKeyRotation and GetKeyRotationStatus.
"""
from __future__ import annotations

from collections.abc import Mapping

from ...aws import call
from .change import Attempt, Change, Plan, setting


def _rotation(attempt: Attempt) -> Change | None:
    client, key = attempt.client, attempt.parameters["KeyId"]

    def read() -> bool:
        return bool(call(client.get_key_rotation_status, KeyId=key)["KeyRotationEnabled"])

    return setting(
        attempt, "rotation", read, True, attempt.undo("disable_key_rotation", KeyId=key), before=read())


KMS: Mapping[str, Plan] = {"enable_key_rotation": _rotation}
"""By boto3's name of the operation."""
