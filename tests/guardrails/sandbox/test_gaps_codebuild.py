"""Report groups. Source: CodeBuild's CreateReportGroup, ListReportGroups and BatchGetReportGroups."""
from __future__ import annotations

from tests.moto_server import ACCOUNT, REGION, Moto


def test_a_report_group_is_created_listed_and_read(moto: Moto) -> None:
    client = moto.client("codebuild")
    assert client.list_report_groups()["reportGroups"] == []
    made = client.create_report_group(name="ours", type="TEST", exportConfig={"exportConfigType": "NO_EXPORT"})
    arn = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:report-group/ours"
    assert made["reportGroup"]["arn"] == arn
    assert client.list_report_groups()["reportGroups"] == [arn]
    found = client.batch_get_report_groups(reportGroupArns=[arn, f"{arn}-2"])
    assert [each["name"] for each in found["reportGroups"]] == ["ours"]
    assert found["reportGroupsNotFound"] == [f"{arn}-2"]
