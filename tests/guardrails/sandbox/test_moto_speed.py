"""What is made once for all accounts is still each account's own where it must be."""
from __future__ import annotations

import re

import pytest

from tests.moto_server import Moto

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def test_what_a_managed_policy_is_attached_to_is_the_accounts_own(
    moto_server: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.iam.models import IAMBackend

    monkeypatch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    ours, theirs = (IAMBackend("aws", account) for account in ("111111111111", "222222222222"))
    role = ours.create_role("admin", "{}", "/", None, "", [], "3600")
    ours.attach_role_policy(ADMINISTRATOR, role.name)
    mine, other = (backend.managed_policies[ADMINISTRATOR] for backend in (ours, theirs))
    assert (mine.attachment_count, other.attachment_count) == (1, 0)
    assert (mine.account_id, other.account_id) == ("111111111111", "222222222222")
    assert mine.id == other.id and '"Action": "*"' in other.versions[0].document
    mine.versions.clear()
    assert other.versions


def test_ids_of_ec2_are_of_the_length_that_aws_gives_them(moto: Moto) -> None:
    made = moto.client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    assert re.fullmatch("vol-[0-9a-f]{17}", made)
