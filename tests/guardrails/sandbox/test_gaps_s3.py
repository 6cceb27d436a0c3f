"""What was added to moto's S3, as AWS has it."""
from __future__ import annotations

import json
from typing import Any

import pytest

from tests.moto_server import Moto

FIXED = {"StringEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}}


@pytest.mark.parametrize(("condition", "public"), [
    ({}, True),
    ({"Bool": {"aws:SecureTransport": "true"}}, True),
    (FIXED, False),
    ({"StringNotEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}}, True),
    ({"StringEquals": {"aws:SourceAccount": "123456789012"}}, False),
    ({"StringLike": {"aws:SourceVpce": "vpce-*"}}, True),
    ({"ArnLike": {"aws:SourceArn": ["arn:aws:sns:us-east-1:123456789012:a", "arn:aws:sns:*"]}}, True),
    ({"StringEquals": {"aws:userid": "${aws:userid}"}}, True),
    ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, False),
    ({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "0.0.0.0/1"]}}, True),
    ({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, True),
    ({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, True),
    ({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}, False),
])
def test_a_policy_is_public_unless_it_holds_to_fixed_values(moto: Moto, condition: Any, public: bool) -> None:
    assert status(moto, {"Principal": "*", **({"Condition": condition} if condition else {})}) is public


@pytest.mark.parametrize(("principal", "public"), [
    ({"Principal": {"AWS": ["*"]}}, True),
    ({"Principal": {"AWS": "123456789012"}}, False),
    ({"Principal": {"Service": "cloudtrail.amazonaws.com"}}, False),
    ({"NotPrincipal": {"AWS": "123456789012"}}, True),
    ({"Principal": "*", "Effect": "Deny"}, False),
])
def test_whom_it_speaks_of(moto: Moto, principal: Any, public: bool) -> None:
    assert status(moto, principal) is public


def status(moto: Moto, statement: dict[str, Any]) -> bool:
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="bucket")
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*", **statement}
    s3.put_bucket_policy(Bucket="bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    return bool(s3.get_bucket_policy_status(Bucket="bucket")["PolicyStatus"]["IsPublic"])


def test_an_acl_shows_every_grant(moto: Moto) -> None:
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="bucket", ACL="public-read-write")
    grants = s3.get_bucket_acl(Bucket="bucket")["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL", "READ", "WRITE"]
    s3.put_bucket_acl(Bucket="bucket", AccessControlPolicy={
        "Grants": grants[:2], "Owner": s3.get_bucket_acl(Bucket="bucket")["Owner"]})
    assert [grant["Permission"] for grant in s3.get_bucket_acl(Bucket="bucket")["Grants"]] == ["FULL_CONTROL", "READ"]


def test_mfa_delete_is_kept(moto: Moto) -> None:
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="bucket")
    assert "MFADelete" not in s3.get_bucket_versioning(Bucket="bucket")
    s3.put_bucket_versioning(
        Bucket="bucket", MFA="arn:aws:iam::123456789012:mfa/root 123456",
        VersioningConfiguration={"Status": "Enabled", "MFADelete": "Enabled"})
    assert s3.get_bucket_versioning(Bucket="bucket")["MFADelete"] == "Enabled"
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Suspended"})
    shown = s3.get_bucket_versioning(Bucket="bucket")
    assert (shown["Status"], shown["MFADelete"]) == ("Suspended", "Enabled")


def test_a_list_of_buckets_has_regions_and_pages_if_it_is_asked_for_them(moto: Moto) -> None:
    s3 = moto.client("s3")
    for name, region in (("c", "eu-west-1"), ("b", "eu-west-1"), ("a", "")):
        s3.create_bucket(Bucket=f"bucket-{name}", **(
            {"CreateBucketConfiguration": {"LocationConstraint": region}} if region else {}))
    assert not any("BucketRegion" in bucket for bucket in s3.list_buckets()["Buckets"])
    pages = [[(bucket["Name"], bucket["BucketRegion"]) for bucket in page["Buckets"]]
             for page in s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 2})]
    assert pages == [[("bucket-a", "us-east-1"), ("bucket-b", "eu-west-1")], [("bucket-c", "eu-west-1")]]
    assert [bucket["Name"] for bucket in s3.list_buckets(BucketRegion="eu-west-1", Prefix="bucket-b")["Buckets"]] == [
        "bucket-b"]


def test_a_bucket_says_that_its_events_go_to_eventbridge(moto: Moto) -> None:
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="events")
    assert "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket="events")
    s3.put_bucket_notification_configuration(
        Bucket="events", NotificationConfiguration={"EventBridgeConfiguration": {}})
    assert s3.get_bucket_notification_configuration(Bucket="events")["EventBridgeConfiguration"] == {}
