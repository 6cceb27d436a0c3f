"""The filters on the bucket of a trail: what they say, and that a bucket that cannot be read is unknown."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from custom_actions.resources import ResourcesUnknown
from tests import engine
from tests.moto_server import ACCOUNT, Moto
from tests.wire import SERVER_ERROR, Wire

FILTERS = ["public-log-bucket", "no-access-log"]
WORLD = (
    '{"Version": "2012-10-17", "Statement": [{'
    '"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "*"}]}')


def run(tmp_path: Path, *filters: str) -> list[dict[str, Any]]:
    return engine.pull(
        {"name": "p", "resource": "aws.cloudtrail", "filters": list(filters)}, tmp_path, dryrun=True)


@pytest.fixture
def wire(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Wire:
    moto.share_clients(monkeypatch)
    monkeypatch.setattr("time.sleep", lambda _: None)
    s3, cloudtrail = moto.client("s3"), moto.client("cloudtrail")
    for name in ("ours", "theirs"):
        s3.create_bucket(Bucket=name)
        s3.put_bucket_policy(Bucket=name, Policy=WORLD)
        cloudtrail.create_trail(Name=f"to-{name}", S3BucketName=name)
    cloudtrail.create_trail(Name="also-to-ours", S3BucketName="ours")
    made = Wire()
    made.install(monkeypatch)
    return made


def test_it_says_what_is_wrong_and_reads_each_bucket_once(wire: Wire, tmp_path: Path) -> None:
    found = {trail["Name"]: trail for trail in run(tmp_path, *FILTERS)}
    assert found.keys() == {"to-ours", "also-to-ours", "to-theirs"}
    assert found["to-ours"]["c7n:NoAccessLog"] == ["the bucket ours has no server access logging"]
    [said] = found["also-to-ours"]["c7n:PublicLogBucket"]
    assert said.startswith("the bucket ours: ") and "write by everyone" in said
    assert [operation for _, operation, strings in wire.called if "ours" in strings].count("GetBucketLogging") == 1


@pytest.mark.parametrize("name", FILTERS)
def test_a_bucket_of_another_account_is_unknown(wire: Wire, tmp_path: Path, name: str) -> None:
    # S3 denies the call because it names an owner that is not the bucket's.
    wire.fail("GetBucketLocation", "theirs")
    with pytest.raises(ResourcesUnknown, match=r"to-theirs: .*the bucket theirs cannot be read, or belongs to another"):
        run(tmp_path, name)
    asked = [strings for _, operation, strings in wire.called if operation == "GetBucketLocation"]
    assert asked and all(ACCOUNT in strings for strings in asked)


@pytest.mark.parametrize(("name", "operation"), [
    ("public-log-bucket", "GetBucketAcl"), ("public-log-bucket", "GetBucketPolicyStatus"),
    ("public-log-bucket", "GetPublicAccessBlock"), ("no-access-log", "GetBucketLogging"),
])
@pytest.mark.parametrize("fault", ["denied", SERVER_ERROR])
def test_so_is_one_whose_setting_is_not_shown(
    wire: Wire, tmp_path: Path, name: str, operation: str, fault: str
) -> None:
    wire.fail(operation, "theirs", fault=fault)
    with pytest.raises(ResourcesUnknown, match=r"to-theirs: .*cannot be read") as caught:
        run(tmp_path, name)
    assert wire.failed and "to-ours" not in str(caught.value)


@pytest.mark.parametrize("name", FILTERS)
def test_a_bucket_that_does_not_exist_can_be_created_by_anyone(
    moto: Moto, wire: Wire, tmp_path: Path, name: str
) -> None:
    moto.client("s3").delete_bucket(Bucket="theirs")
    [gone] = [trail for trail in run(tmp_path, name) if trail["Name"] == "to-theirs"]
    assert ["the bucket theirs does not exist"] in gone.values()
