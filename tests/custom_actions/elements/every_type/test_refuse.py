"""`refuse`: what matches is not touched by the actions after it, and its receipt says why."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from c7n.exceptions import PolicyValidationError

from custom_actions.fixing.inverses import problem
from tests import engine
from tests.moto_server import Moto

REFUSE = {"type": "refuse", "when": [
    {"reason": "it serves plain HTTP only", "filters": ["serves-website"]},
    {"reason": "kept by name", "filters": [{"Name": "kept"}]},
]}


def policy(*actions: Any) -> dict[str, Any]:
    return {"name": "p", "resource": "aws.s3", "filters": [], "actions": list(actions)}


def encrypted(moto: Moto, bucket: str) -> bool:
    try:
        moto.client("s3").get_bucket_encryption(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ServerSideEncryptionConfigurationNotFoundError":
            raise
        return False
    return True


def buckets(moto: Moto) -> None:
    for name in ("plain", "website", "kept"):
        moto.client("s3").create_bucket(Bucket=name)
    moto.client("s3").put_bucket_website(
        Bucket="website", WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})


def test_what_matches_is_left_and_has_a_receipt_with_the_reason(moto: Moto, tmp_path: Path) -> None:
    buckets(moto)
    engine.pull(policy(REFUSE, {"type": "set-bucket-encryption", "crypto": "AES256"}), tmp_path)
    assert [encrypted(moto, name) for name in ("plain", "website", "kept")] == [True, False, False]
    receipts = json.loads((tmp_path / "p" / "action-refuse").read_text(encoding="utf-8"))
    assert {receipt["resource"]: (receipt["outcome"], receipt["reason"]) for receipt in receipts} == {
        "website": ("refused", "it serves plain HTTP only: the website endpoint of website"),
        "kept": ("refused", "kept by name")}
    assert [problem(receipt) for receipt in receipts] == ["", ""]


def test_without_it_everything_is_touched(moto: Moto, tmp_path: Path) -> None:
    buckets(moto)
    engine.pull(policy({"type": "set-bucket-encryption", "crypto": "AES256"}), tmp_path)
    assert all(encrypted(moto, name) for name in ("plain", "website", "kept"))


def test_when_it_cannot_be_decided_nothing_is_touched(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buckets(moto)

    def denied(*_: Any, **__: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetBucketWebsite")

    monkeypatch.setattr("custom_actions.elements.s3.preconditions.absent", denied)
    with pytest.raises(ClientError, match="AccessDenied"):
        engine.pull(policy(REFUSE, {"type": "set-bucket-encryption", "crypto": "AES256"}), tmp_path)
    assert not any(encrypted(moto, name) for name in ("plain", "website", "kept"))


def test_it_comes_before_what_it_limits(moto: Moto, tmp_path: Path) -> None:
    with pytest.raises(PolicyValidationError, match="must come before"):
        engine.load(policy({"type": "set-bucket-encryption"}, REFUSE), tmp_path)


def test_it_needs_the_permissions_of_its_filters(moto: Moto, tmp_path: Path) -> None:
    loaded = engine.load(policy(REFUSE, "set-bucket-encryption"), tmp_path)
    assert loaded.resource_manager.actions[0].get_permissions() == ("s3:GetBucketWebsite",)
