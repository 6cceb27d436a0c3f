"""JSON-OCSF: valid for the schema's model, and nothing that we write is unknown to it."""
from __future__ import annotations

import json
from typing import Any

import pytest
from py_ocsf_models import OCSF_VERSION
from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding
from py_ocsf_models.objects.cloud import Cloud
from py_ocsf_models.objects.compliance import Compliance

from guardrails.assessment.assessment import Assessment
from guardrails.report.formats.ocsf import VERSION, pieces
from guardrails.results.finding import Status
from tests.reporting import BLUE, EAST, LOCKED, RED, WEST, finding, text_of


class WithStatus(Compliance):
    """The schema's compliance object has a caption beside `status_id`; the model leaves it out."""

    status: str


class CloudCompliance(ComplianceFinding):
    """The class with the schema's cloud profile, which the model has for other classes only."""

    cloud: Cloud
    compliance: WithStatus


def written(assessment: Assessment) -> list[dict[str, Any]]:
    text = text_of(pieces, assessment)
    found: list[dict[str, Any]] = json.loads(text)
    return found


@pytest.mark.parametrize("run", ["assessment", "evidence"])
def test_every_object_is_valid_and_the_model_drops_nothing(run: str, request: pytest.FixtureRequest) -> None:
    assert VERSION == OCSF_VERSION
    found = written(request.getfixturevalue(run))
    for one in found:
        assert CloudCompliance.model_validate(one).model_dump(mode="json", by_alias=True, exclude_unset=True) == one
    uids = [one["finding_info"]["uid"] for one in found]
    assert len(set(uids)) == len(uids)


def test_status_and_place_of_each_finding(assessment: Assessment) -> None:
    found = {one["resources"][0]["name"]: one for one in written(assessment) if "evidence" in one["unmapped"]}
    assert len(found) == 8
    assert {name: (one["status"], one["compliance"]["status"], one["activity_name"]) for name, one in found.items()
            if name in ("data", "web-1", "gone", "sg-1")} == {
        "data": ("New", "Fail", "Create"), "web-1": ("Suppressed", "Fail", "Update"),
        "gone": ("Resolved", "Pass", "Close"), "sg-1": ("New", "Fail", "Update"),
    }
    assert found["web-1"]["status_detail"] == "Excepted until 2026-12-31: a public web site"
    bucket, group = found["data"], found["sg-3"]
    # What belongs to the whole account is where AWS has it.
    assert (bucket["cloud"]["region"], bucket["cloud"]["account"]["uid"]) == (EAST, RED)
    assert (group["cloud"]["region"], group["cloud"]["account"]["uid"]) == (WEST, BLUE)
    assert group["resources"][0]["uid"] == f"arn:aws:ec2:{WEST}:{BLUE}:security-group/sg-3"
    assert bucket["compliance"]["requirements"] == ["cis-aws-5.0 2.1.4", "pci-dss-4.0 1.3.1", "pci-dss-4.0 1.4.4"]
    # 1 January 2026, 8:00 UTC.
    assert group["finding_info"]["first_seen_time"] == 1767254400000
    assert group["finding_info"]["uid"] in {one.id for one in assessment.findings(Status.OPEN)}


def test_what_was_not_seen_is_a_warning_and_never_a_pass(assessment: Assessment) -> None:
    found = [one for one in written(assessment) if "state" in one["unmapped"]]
    keys = {(one["cloud"]["account"]["uid"], one["unmapped"]["region"], one["unmapped"]["policy"]) for one in found}
    assert keys == {
        (check.account, check.region, check.policy) for check in assessment.checks(missing=True)}
    assert {one["compliance"]["status"] for one in found} == {"Warning"}
    assert {one["severity"] for one in found} == {"Unknown"}
    assert all(one["status_detail"] for one in found)
    assert LOCKED in {one["resources"][0]["name"] for one in found}


def test_what_passed_is_a_pass_under_the_uid_of_its_finding(assessment: Assessment, evidence: Assessment) -> None:
    before = {one["finding_info"]["uid"] for one in written(assessment)}
    found = {one["finding_info"]["uid"]: one for one in written(evidence)}
    added = [one for uid, one in found.items() if uid not in before]
    assert sorted((one["resources"][0]["name"], one["cloud"]["region"]) for one in added) == [
        ("=good", EAST), ("good", EAST), ("sg-9", WEST), ("volumes", WEST), ("volumes", EAST)]
    for one in added:
        assert (one["status_code"], one["compliance"]["status"], one["severity"], one["status"]) == (
            "PASS", "Pass", "Informational", "Resolved")
    [good] = [one for one in added if one["resources"][0]["name"] == "good"]
    as_finding = finding("public-bucket", "good", region="global", arn="arn:aws:s3:::good")
    assert good["finding_info"]["uid"] == as_finding.id
    assert good["resources"][0]["uid"] == "arn:aws:s3:::good"
    codes = {one["resources"][0]["name"]: one["status_code"] for one in found.values()}
    assert (codes["data"], codes["web-1"], codes["gone"], codes[LOCKED]) == ("FAIL", "FAIL", "PASS", "WARNING")
