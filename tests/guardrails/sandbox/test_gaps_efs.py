"""What was added to moto's EFS, as AWS has it."""
from __future__ import annotations

from tests.moto_server import Moto


def test_an_encrypted_file_system_has_a_key(moto: Moto) -> None:
    efs = moto.client("efs")
    managed = [efs.create_file_system(CreationToken=token, Encrypted=True)["KmsKeyId"] for token in ("one", "two")]
    [alias] = [alias for alias in moto.client("kms").list_aliases()["Aliases"]
               if alias["AliasName"] == "alias/aws/elasticfilesystem"]
    assert {key.rpartition("/")[2] for key in managed} == {alias["TargetKeyId"]}
    assert managed[0].startswith("arn:aws:kms:us-east-1:123456789012:key/")
    key = moto.client("kms").create_key()["KeyMetadata"]["Arn"]
    assert efs.create_file_system(CreationToken="own", Encrypted=True, KmsKeyId=key)["KmsKeyId"] == key
    assert not efs.create_file_system(CreationToken="plain").get("KmsKeyId")


def test_a_size_is_not_measured_at_every_look(moto: Moto) -> None:
    efs = moto.client("efs")
    efs.create_file_system(CreationToken="one")
    first, second = (efs.describe_file_systems()["FileSystems"][0]["SizeInBytes"] for _ in range(2))
    assert first == second
