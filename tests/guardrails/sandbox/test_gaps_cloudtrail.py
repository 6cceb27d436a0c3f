"""What was repaired in moto's CloudTrail, as AWS does it."""
from __future__ import annotations

from tests.moto_server import Moto

DATA = {"Name": "objects", "FieldSelectors": [
    {"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}]}


def test_a_trail_has_selectors_of_one_kind(moto: Moto) -> None:
    moto.client("s3").create_bucket(Bucket="logs")
    trails = moto.client("cloudtrail")
    trails.create_trail(Name="trail", S3BucketName="logs")

    def selectors(kind: str) -> list[dict]:
        return trails.get_event_selectors(TrailName="trail").get(kind) or []

    [default] = selectors("EventSelectors")
    assert (default["ReadWriteType"], default["IncludeManagementEvents"]) == ("All", True)
    trails.put_event_selectors(TrailName="trail", AdvancedEventSelectors=[DATA])
    assert (len(selectors("EventSelectors")), len(selectors("AdvancedEventSelectors"))) == (0, 1)
    trails.put_event_selectors(TrailName="trail", EventSelectors=[{"ReadWriteType": "WriteOnly"}])
    assert (len(selectors("EventSelectors")), len(selectors("AdvancedEventSelectors"))) == (1, 0)
