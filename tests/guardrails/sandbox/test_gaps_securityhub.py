"""What the sandbox adds to moto's Security Hub."""
from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.moto_server import ACCOUNT, REGION, Moto

PRODUCT = f"arn:aws:securityhub:{REGION}:{ACCOUNT}:product/{ACCOUNT}/default"


def finding(identity: str, at: str = "2026-01-01T00:00:00Z", **more: Any) -> dict[str, Any]:
    return {
        "SchemaVersion": "2018-10-08", "Id": identity, "ProductArn": PRODUCT, "GeneratorId": "g",
        "AwsAccountId": ACCOUNT, "CreatedAt": at, "UpdatedAt": at, "Title": "t", "Description": "d",
        "Resources": [{"Type": "Other", "Id": "r"}], **more,
    }


def ids(hub: Any, **filters: str) -> list[str]:
    wanted = {name: [{"Value": value, "Comparison": "EQUALS"}] for name, value in filters.items()}
    return [one["Id"] for one in hub.get_findings(Filters=wanted)["Findings"]]


def test_a_hub_that_is_off_takes_and_tells_nothing(moto: Moto) -> None:
    hub = moto.client("securityhub")
    for call in (
        lambda: hub.batch_import_findings(Findings=[finding("a")]), hub.get_findings,
        lambda: hub.batch_update_findings(FindingIdentifiers=[{"Id": "a", "ProductArn": PRODUCT}]),
    ):
        with pytest.raises(ClientError, match="not subscribed"):
            call()


def test_an_import_leaves_alone_what_is_the_customers(moto: Moto) -> None:
    hub = moto.client("securityhub")
    hub.enable_security_hub()
    hub.batch_import_findings(Findings=[finding("a", Workflow={"Status": "NOTIFIED"}), finding("b")])
    hub.batch_import_findings(Findings=[
        finding("a", "2026-01-02T00:00:00Z", Workflow={"Status": "NEW"}, Title="later"),
        finding("b", "2025-01-01T00:00:00Z", Title="older")])
    found = {one["Id"]: one for one in hub.get_findings()["Findings"]}
    assert (found["a"]["Title"], found["a"]["Workflow"]["Status"]) == ("later", "NOTIFIED")
    assert found["b"]["Title"] == "t"


def test_a_finding_of_another_account_is_refused_and_the_others_are_taken(moto: Moto) -> None:
    hub = moto.client("securityhub")
    hub.enable_security_hub()
    answer = hub.batch_import_findings(Findings=[finding("a"), finding("b", AwsAccountId="111111111111")])
    assert (answer["SuccessCount"], [one["Id"] for one in answer["FailedFindings"]]) == (1, ["b"])
    with pytest.raises(ClientError, match="InvalidInput"):
        hub.batch_import_findings(Findings=[finding(str(number)) for number in range(101)])


def test_what_comes_back_from_the_archive_is_new_unless_it_is_suppressed(moto: Moto) -> None:
    hub = moto.client("securityhub")
    hub.enable_security_hub()
    for day, record in ((1, "ACTIVE"), (2, "ARCHIVED"), (3, "ACTIVE")):
        hub.batch_import_findings(Findings=[
            finding(status, f"2026-01-0{day}T00:00:00Z", Workflow={"Status": status}, RecordState=record)
            for status in ("RESOLVED", "SUPPRESSED")])
    assert ids(hub, WorkflowStatus="NEW") == ["RESOLVED"]
    assert ids(hub, WorkflowStatus="SUPPRESSED") == ["SUPPRESSED"]


def test_updates_are_of_what_is_there_and_can_be_asked_for(moto: Moto) -> None:
    hub = moto.client("securityhub")
    hub.enable_security_hub()
    hub.batch_import_findings(Findings=[finding("a"), finding("b")])
    answer = hub.batch_update_findings(
        FindingIdentifiers=[{"Id": name, "ProductArn": PRODUCT} for name in ("a", "c")],
        Workflow={"Status": "SUPPRESSED"}, Note={"Text": "t", "UpdatedBy": "me"})
    assert [one["Id"] for one in answer["ProcessedFindings"]] == ["a"]
    assert [one["ErrorCode"] for one in answer["UnprocessedFindings"]] == ["FindingNotFound"]
    assert ids(hub, WorkflowStatus="SUPPRESSED", NoteUpdatedBy="me", ProductArn=PRODUCT) == ["a"]
    assert ids(hub, WorkflowStatus="SUPPRESSED", NoteUpdatedBy="you") == []
    with pytest.raises(ClientError, match="cannot filter"):
        ids(hub, Title="t")
