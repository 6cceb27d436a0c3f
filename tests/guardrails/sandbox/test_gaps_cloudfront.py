"""What was added to moto's CloudFront, as AWS has it: API reference, Origin."""
from __future__ import annotations

from tests.moto_server import Moto


def test_an_origin_keeps_its_kind_and_its_access_control(moto: Moto) -> None:
    client = moto.client("cloudfront")
    given = [
        {"Id": "signed", "DomainName": "b.s3.amazonaws.com", "OriginAccessControlId": "E1",
         "S3OriginConfig": {"OriginAccessIdentity": ""}},
        {"Id": "custom", "DomainName": "www.example.com", "CustomOriginConfig": {
            "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}},
    ]
    client.create_distribution(DistributionConfig={
        "CallerReference": "1", "Comment": "", "Enabled": True, "Origins": {"Quantity": 2, "Items": given},
        "DefaultCacheBehavior": {"TargetOriginId": "custom", "ViewerProtocolPolicy": "https-only"},
    })
    [listed] = client.list_distributions()["DistributionList"]["Items"]
    seen = [[origin["Id"], origin["OriginAccessControlId"], origin.get("S3OriginConfig")]
            for origin in listed["Origins"]["Items"]]
    assert seen == [["signed", "E1", {"OriginAccessIdentity": ""}], ["custom", "", None]]
