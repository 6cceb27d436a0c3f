"""What the filters on buckets ask AWS, and what they do when it does not answer."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from c7n.exceptions import PolicyValidationError
from moto.s3.exceptions import S3AccessDeniedError
from moto.s3.models import S3Backend
from moto.s3control.models import S3ControlBackend

from custom_actions.resources import ResourcesUnknown
from tests import engine
from tests.moto_server import Moto

OPEN = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::open/*"}]})


def run(tmp_path: Path, *filters: Any, **policy: Any) -> list[dict[str, Any]]:
    return engine.pull({"name": "p", "resource": "aws.s3", "filters": list(filters), **policy}, tmp_path, dryrun=True)


def denied(*_: Any, **__: Any) -> None:
    raise S3AccessDeniedError


@pytest.fixture
def opened(moto: Moto) -> Any:
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="open", ACL="public-read")
    s3.put_bucket_policy(Bucket="open", Policy=OPEN)
    return s3


def test_it_says_by_which_way_and_for_what(opened: Any, tmp_path: Path) -> None:
    [bucket] = run(tmp_path, "public-access")
    assert bucket["c7n:PublicAccess"] == [
        "read by everyone, ACL grant READ", "read by everyone, policy statement number 1"]


def test_it_needs_no_more_of_c7n_than_the_name(opened: Any, tmp_path: Path) -> None:
    [bucket] = run(tmp_path, "public-access", query=[{"augment-keys": "none"}])
    assert len(bucket["c7n:PublicAccess"]) == 2


@pytest.mark.parametrize("call", ["get_bucket_acl", "get_bucket_policy", "get_public_access_block"])
def test_a_bucket_that_nobody_may_look_at_is_not_private(
    opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(S3Backend, call, denied)
    with pytest.raises(ResourcesUnknown, match=r"open: .*AccessDenied"):
        run(tmp_path, "public-access")


def test_nor_is_one_of_an_account_whose_block_is_not_shown(
    opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(S3ControlBackend, "get_public_access_block", denied)
    with pytest.raises(ResourcesUnknown, match=r"open: .*AccessDenied"):
        run(tmp_path, "public-access")


def test_private_buckets_cost_no_call_and_the_accounts_block_is_read_once(
    opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        opened.create_bucket(Bucket=f"private-{number}")
        opened.create_bucket(Bucket=f"open-{number}", ACL="public-read")
    calls: list[str] = []

    def counted(backend: type, name: str) -> None:
        original = getattr(backend, name)

        def count(self: Any, *args: Any, **kwargs: Any) -> Any:
            calls.append(f"{backend.__name__} {args or kwargs}")
            return original(self, *args, **kwargs)

        monkeypatch.setattr(backend, name, count)

    counted(S3Backend, "get_public_access_block")
    counted(S3ControlBackend, "get_public_access_block")
    assert len(run(tmp_path, "public-access")) == 6
    assert len([call for call in calls if "Control" in call]) == 1
    assert not [call for call in calls if "private" in call]


@pytest.mark.parametrize("element", ["check-secure-transport", "has-policy"])
def test_a_denied_policy_is_an_error(
    opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, element: str
) -> None:
    monkeypatch.setattr(S3Backend, "get_bucket_policy", denied)
    with pytest.raises(ResourcesUnknown, match=r"open: .*AccessDenied"):
        run(tmp_path, element)


def test_a_policy_is_shown_by_its_statements(opened: Any, tmp_path: Path) -> None:
    opened.create_bucket(Bucket="without")
    for query in ({}, {"query": [{"augment-keys": "none"}]}):
        [bucket] = run(tmp_path, "has-policy", **query)
        assert (bucket["Name"], bucket["c7n:BucketPolicy"]) == ("open", ["statement number 1"])


def test_what_set_statements_writes_back_is_the_policy_of_now(opened: Any, tmp_path: Path) -> None:
    policy = engine.load({
        "name": "p", "resource": "aws.s3", "filters": ["check-secure-transport"],
    }, tmp_path)
    # As an AWS Config item has it that was recorded before somebody put a policy.
    [bucket] = policy.resource_manager.filter_resources([{"Name": "open", "Location": {}, "Policy": None}])
    assert json.loads(bucket["Policy"]) == json.loads(OPEN)
    assert bucket["c7n:OpenWithoutTLS"] == ["the bucket", "its objects"]


def test_denied_encryption_is_no_encryption_seen(
    opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(S3Backend, "get_bucket_encryption", denied)
    with pytest.raises(ResourcesUnknown, match=r"open: .*AccessDenied"):
        run(tmp_path, "default-encryption")


def test_a_key_by_its_alias_is_looked_up(opened: Any, moto: Moto, tmp_path: Path) -> None:
    kms = moto.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/ours", TargetKeyId=key["KeyId"])
    opened.put_bucket_encryption(Bucket="open", ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/ours"}}]})
    other = kms.create_key()["KeyMetadata"]["Arn"]
    assert run(tmp_path, {"type": "default-encryption", "keys": [key["Arn"]]}) == []
    [bucket] = run(tmp_path, {"type": "default-encryption", "keys": [other]})
    assert bucket["c7n:DefaultEncryption"] == ["encrypts with the key alias/ours"]


@pytest.mark.parametrize("filters", [
    {"type": "public-access", "access": "reed"},
    {"type": "default-encryption", "keys": ["alias/ours"]},
    {"type": "default-encryption", "keys": "alias/ours"},
])
def test_settings_that_mean_nothing_are_refused(moto: Moto, tmp_path: Path, filters: dict[str, Any]) -> None:
    with pytest.raises(PolicyValidationError):
        run(tmp_path, filters)
