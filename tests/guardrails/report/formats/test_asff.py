"""ASFF: what BatchImportFindings takes, by AWS's own model and its documented limits."""
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.model import Shape
from botocore.validate import ParamValidator

from guardrails.assessment.assessment import Assessment
from guardrails.policies.policy import load
from guardrails.report.formats.asff import _TYPES, asff, pieces
from guardrails.results.finding import Status
from tests.reporting import BLUE, EAST, EXCEPTION, FINISHED, RED, WEST, finding, rows_of, text_of

MODEL = botocore.session.get_session().get_service_model("securityhub")
INPUT = MODEL.operation_model("BatchImportFindings").input_shape
LONG = "long " * 1000


def wrong(value: Any, shape: Shape, at: str = "") -> Iterator[str]:
    """What botocore does not look at: patterns, enumerations, and fields that the model does not know."""
    if shape.type_name == "structure":
        for key, item in value.items():
            if key not in shape.members:
                yield f"{at}.{key} is unknown"
            else:
                yield from wrong(item, shape.members[key], f"{at}.{key}")
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            yield from wrong(item, shape.member, f"{at}[{index}]")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from wrong(key, shape.key, f"{at}.{key}")
            yield from wrong(item, shape.value, f"{at}.{key}")
    elif shape.type_name == "string":
        if not re.search(shape.metadata.get("pattern", ""), value):
            yield f"{at} is {value!r}"
        if shape.metadata.get("enum") and value not in shape.metadata["enum"]:
            yield f"{at} is {value!r}"


def validate(found: list[dict[str, Any]]) -> None:
    report = ParamValidator().validate({"Findings": found}, INPUT)
    assert not report.has_errors(), report.generate_report()
    assert list(wrong({"Findings": found}, INPUT)) == []
    for one in found:
        texts = {"Id": 512, "Title": 256, "Description": 1024, "GeneratorId": 512, "AwsAccountName": 50}
        assert all(1 <= len(one[key]) <= limit for key, limit in texts.items())
        assert len(one["Compliance"]["RelatedRequirements"]) <= 32
        assert all(len(text) <= 64 for text in one["Compliance"]["RelatedRequirements"])
        assert len(one["ProductFields"]) <= 50
        assert all(len(key) <= 128 and len(value) <= 2048 for key, value in one["ProductFields"].items())
        assert len(one.get("Note", {}).get("Text", "")) <= 512
        assert len(one.get("Remediation", {}).get("Recommendation", {}).get("Text", "")) <= 512
        assert len(json.dumps(one)) < 240_000


def written(assessment: Assessment) -> dict[str, dict[str, Any]]:
    text = text_of(pieces, assessment)
    found = json.loads(text)
    validate(found)
    return {one["Id"].rpartition("/")[2]: one for one in found}


def test_every_finding_is_valid(assessment: Assessment) -> None:
    found = written(assessment)
    assert list(found) == [one.id for one in assessment.findings()]
    by = {one.resource: found[one.id] for one in assessment.findings()}
    bucket, group = by["data"], by["sg-3"]
    assert bucket["ProductArn"] == f"arn:aws:securityhub:{EAST}:{RED}:product/{RED}/default"
    assert group["ProductArn"] == f"arn:aws:securityhub:{WEST}:{BLUE}:product/{BLUE}/default"
    assert bucket["Resources"] == [
        {"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::data", "Partition": "aws", "Region": EAST}]
    assert bucket["FindingProviderFields"]["Severity"]["Label"] == "CRITICAL"
    assert bucket["Compliance"] == {
        "Status": "FAILED", "RelatedRequirements": ["cis-aws-5.0/2.1.4", "pci-dss-4.0/1.3.1", "pci-dss-4.0/1.4.4"]}
    assert {one["UpdatedAt"] for one in found.values()} == {FINISHED}


def test_status_is_record_workflow_and_compliance(assessment: Assessment) -> None:
    found = written(assessment)
    states = {
        status: {(one["RecordState"], one["Workflow"]["Status"], one["Compliance"]["Status"])
                 for one in (found[f.id] for f in assessment.findings(status))} for status in Status}
    assert states == {
        Status.OPEN: {("ACTIVE", "NEW", "FAILED")}, Status.EXCEPTED: {("ACTIVE", "SUPPRESSED", "FAILED")},
        Status.FIXED: {("ARCHIVED", "NEW", "PASSED")},
    }
    [excepted] = (found[f.id] for f in assessment.findings(Status.EXCEPTED))
    assert excepted["Note"]["Text"] == (
        "Excepted (owner web@example.org, ticket SEC-1, expires 2026-12-31): a public web site")


def test_what_passed_is_active_and_passed(evidence: Assessment) -> None:
    found = written(evidence)
    findings = {one.id: one for one in evidence.findings()}
    passed = [one for identity, one in found.items() if identity not in findings]
    assert {one["Resources"][0]["Id"] for one in passed} == {
        "arn:aws:s3:::good", "arn:aws:s3:::=good", f"arn:aws:ec2:{WEST}:{RED}:security-group/sg-9", "volumes"}
    assert {(one["RecordState"], one["Compliance"]["Status"], one["Severity"]["Label"], one["Workflow"]["Status"])
            for one in passed} == {("ACTIVE", "PASSED", "INFORMATIONAL", "RESOLVED")}
    # Still there, so it is not archived.
    [fixed] = (found[one.id] for one in evidence.findings(Status.FIXED))
    assert (fixed["RecordState"], fixed["Compliance"]["Status"]) == ("ACTIVE", "PASSED")
    [one] = [one for one in passed if one["Resources"][0]["Id"] == "arn:aws:s3:::good"]
    assert one["Id"].endswith(finding("public-bucket", "good", region="global", arn="arn:aws:s3:::good").id)


def test_long_and_blank_texts_do_not_lose_a_finding(assessment: Assessment) -> None:
    many = {LONG: [str(number) for number in range(40)]}
    validate([asff(row, assessment) for row in rows_of(assessment, (
        finding("open-ssh", LONG, arn=LONG, account_name=LONG, title=LONG, fix=LONG, controls=many,
                evidence={"A": LONG}, status=Status.EXCEPTED, exception={**EXCEPTION, "reason": LONG}),
        finding("open-ssh", " ", account_name=" ", title="\n", fix=" ", first_seen="", last_seen=""),
    ))])


def test_resource_types_are_of_asff_and_of_our_policies() -> None:
    known = {*MODEL.shape_for("ResourceDetails").members, "AwsAccount"}
    assert set(_TYPES.values()) <= known
    assert set(_TYPES) <= {policy.resource for policy in load()}
