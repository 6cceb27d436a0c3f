"""`missing-s3-origin`: which domain names are of buckets, and what S3's answers mean."""
from __future__ import annotations

from pathlib import Path

import pytest

from custom_actions.elements.cloudfront.s3_origins import bucket_of
from custom_actions.resources import ResourcesUnknown
from tests import engine
from tests.moto_server import Moto
from tests.wire import DENIED, SERVER_ERROR, Wire


@pytest.mark.parametrize(("domain", "bucket"), [
    ("b.s3.amazonaws.com", "b"),
    ("my.s3.data.s3.eu-west-1.amazonaws.com", "my.s3.data"),
    ("b.s3-us-gov-west-1.amazonaws.com", "b"),
    ("b.s3.dualstack.us-east-1.amazonaws.com", "b"),
    ("b.s3.cn-north-1.amazonaws.com.cn", "b"),
    ("b.s3-website-us-east-1.amazonaws.com", ""),
    ("b.s3-website.eu-central-1.amazonaws.com", ""),
    ("p-111111111111.s3-accesspoint.us-east-1.amazonaws.com", ""),
    ("m.accesspoint.s3-global.amazonaws.com", ""),
    ("www.example.com", ""),
])
def test_the_bucket_of_a_domain_name(domain: str, bucket: str) -> None:
    assert bucket_of(domain) == bucket


def test_what_s3_answers(moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moto.share_clients(monkeypatch)
    distribute(moto, "bucket")
    wire = Wire()
    wire.install(monkeypatch)
    policy = {"name": "p", "resource": "aws.distribution", "filters": ["missing-s3-origin"]}
    [found] = engine.pull(policy, tmp_path)
    assert found["c7n:MissingS3Origin"] == ["bucket"]
    # It is there, and somebody else's.
    wire.code = "403"
    wire.fail("HeadBucket", "bucket", fault=DENIED)
    assert engine.pull(policy, tmp_path) == []
    wire.fail("HeadBucket", "bucket", fault=SERVER_ERROR)
    with pytest.raises(ResourcesUnknown):
        engine.pull(policy, tmp_path)


def distribute(moto: Moto, bucket: str) -> None:
    origin = {"Id": "o", "DomainName": f"{bucket}.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    moto.client("cloudfront").create_distribution(DistributionConfig={
        "CallerReference": bucket, "Comment": "", "Enabled": True, "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only"},
    })
