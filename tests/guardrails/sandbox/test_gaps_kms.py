"""What the sandbox adds to moto's KMS."""
from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.moto_server import Moto


def test_a_keys_state_says_which_calls_it_takes(moto: Moto) -> None:
    kms = moto.client("kms")
    key = kms.create_key()["KeyMetadata"]
    with pytest.raises(ClientError, match="KMSInvalidStateException"):
        kms.cancel_key_deletion(KeyId=key["KeyId"])
    answer = kms.schedule_key_deletion(KeyId=key["Arn"], PendingWindowInDays=7)
    assert (answer["KeyId"], answer["KeyState"], answer["PendingWindowInDays"]) == (key["Arn"], "PendingDeletion", 7)
    for refused in (kms.enable_key, kms.disable_key, kms.enable_key_rotation, kms.schedule_key_deletion):
        with pytest.raises(ClientError, match=f"{key['Arn']} is pending deletion"):
            refused(KeyId=key["KeyId"])
    assert kms.cancel_key_deletion(KeyId=key["KeyId"])["KeyId"] == key["Arn"]
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"
    kms.enable_key(KeyId=key["Arn"])
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Enabled"


def test_rotation_has_a_period(moto: Moto) -> None:
    kms = moto.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert "RotationPeriodInDays" not in kms.get_key_rotation_status(KeyId=key)
    kms.enable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 365
    kms.disable_key_rotation(KeyId=key)
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    assert kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 90
