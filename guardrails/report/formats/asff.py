"""ASFF, the AWS Security Finding Format, for BatchImportFindings of Security Hub.

A provider may update severity and types at any time, under FindingProviderFields. Workflow and note belong to the
customer: an import sets them when it creates a finding, and Security Hub ignores them in later imports, so
`guardrails.report.securityhub` also sets them with BatchUpdateFindings. Texts are cut to the lengths that AWS
documents, because Security Hub rejects a finding with a longer one.

A resource that passed has the id of the finding that it would have, so it updates an earlier one. It is ACTIVE and
PASSED, with the severity INFORMATIONAL, as those of Security Hub's own controls. Its workflow begins as RESOLVED;
Security Hub resets that to NEW when PASSED becomes FAILED.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...accounts import partition_of
from ...assessment import Assessment
from ...results import Finding, PassedCheck, Status, controls_text
from ..console import remediation_urls
from .aws import identity, identity_of, real_region, regions_of
from .rows import ReportRow
from .stream import array_pieces
from .text import cut, sound

PROVIDER = "aws-guardrails"
"""The author of notes, and the prefix of every finding's id."""

_SEVERITIES = {"critical": "CRITICAL", "high": "HIGH", "medium": "MEDIUM", "low": "LOW"}
_TYPE = "Software and Configuration Checks/AWS Security Best Practices"
_REQUIREMENTS = 32
_REQUIREMENT = 64
_TYPES = {
    "aws.account": "AwsAccount",
    "aws.app-elb": "AwsElbv2LoadBalancer",
    "aws.cloudtrail": "AwsCloudTrailTrail",
    "aws.dynamodb-table": "AwsDynamoDbTable",
    "aws.ebs": "AwsEc2Volume",
    "aws.ec2": "AwsEc2Instance",
    "aws.eni": "AwsEc2NetworkInterface",
    "aws.iam-group": "AwsIamGroup",
    "aws.iam-policy": "AwsIamPolicy",
    "aws.iam-role": "AwsIamRole",
    "aws.iam-user": "AwsIamUser",
    "aws.kms-key": "AwsKmsKey",
    "aws.rds": "AwsRdsDbInstance",
    "aws.rds-cluster-snapshot": "AwsRdsDbClusterSnapshot",
    "aws.rds-snapshot": "AwsRdsDbSnapshot",
    "aws.rest-api": "AwsApiGatewayRestApi",
    "aws.rest-stage": "AwsApiGatewayStage",
    "aws.route-table": "AwsEc2RouteTable",
    "aws.s3": "AwsS3Bucket",
    "aws.security-group": "AwsEc2SecurityGroup",
    "aws.subnet": "AwsEc2Subnet",
    "aws.vpc": "AwsEc2Vpc",
}
"""The resource types that ASFF defines; the others are `Other`."""


def pieces(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[str]:
    """One list of findings, the most severe first. BatchImportFindings takes up to 100, of one account and region."""
    yield from array_pieces(findings(assessment, rows))
    yield "\n"


def findings(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[dict[str, Any]]:
    """Every finding, for the Security Hub of its own account and region; then every resource that passed."""
    regions = regions_of(assessment.accounts)
    for row in rows:
        yield asff(row, assessment, exists=row.finding.id in assessment.fixed_and_passed)
    for check in assessment.passed():
        yield from passed(check, assessment, real_region(check.region, regions.get(check.account, ())))


def asff(row: ReportRow, assessment: Assessment, *, exists: bool = False) -> dict[str, Any]:
    """One finding for the Security Hub of its region.

    `exists`: whether the resource of a fixed finding is known to exist, and is sent in later runs, too.
    """
    finding, policy, region = row.finding, row.policy, row.region
    first, last = finding.first_seen or assessment.started, finding.last_seen or assessment.started
    fixed = finding.status is Status.FIXED
    result: dict[str, Any] = {
        **_common(assessment, finding.policy, finding.id, finding.account, finding.account_name, region),
        "CreatedAt": first,
        "FirstObservedAt": first,
        "LastObservedAt": last,
        "Severity": _severity(finding.severity),
        "FindingProviderFields": {"Types": [_TYPE], "Severity": _severity(finding.severity)},
        "Title": _text(finding.title, 256),
        "Description": _text(f"{finding.resource}: {policy.rationale or finding.title}", 1024),
        "ProductFields": _product_fields({
            "policy": finding.policy, "status": finding.status.value, "exposure": finding.exposure,
            "controls": controls_text(finding.controls), "evidence": row.evidence}),
        "Resources": [_resource(finding.resource_type, identity(finding, region), region)],
        "Compliance": {
            # With an exception the resource still violates the policy.
            "Status": "PASSED" if fixed else "FAILED",
            "RelatedRequirements": _requirements(finding.controls),
        },
        "RecordState": "ARCHIVED" if fixed and not exists else "ACTIVE",
        "Workflow": {"Status": "SUPPRESSED" if finding.status is Status.EXCEPTED else "NEW"},
    }
    if row.console:
        result["SourceUrl"] = row.console
    if finding.fix:
        result["Remediation"] = {"Recommendation": {"Text": _text(finding.fix, 512), **(
            {"Url": urls[0]} if (urls := list(remediation_urls(finding.controls).values())) else {})}}
    if finding.status is Status.EXCEPTED:
        result["Note"] = {"Text": note(finding.exception), "UpdatedBy": PROVIDER, "UpdatedAt": assessment.finished}
    return result


def passed(check: PassedCheck, assessment: Assessment, region: str) -> Iterator[dict[str, Any]]:
    """The resources that a check found compliant, for the Security Hub of `region`; without those with a fixed finding.
    """
    policy = assessment.policies[check.policy]
    severity = _severity("info")
    for one in check.resources:
        if one.fixed:
            continue
        name = identity_of(check.account, one.resource, one.arn, region)
        yield {
            **_common(assessment, policy.name, one.id, check.account, check.account_name, region),
            "CreatedAt": assessment.started,
            "LastObservedAt": assessment.started,
            "Severity": severity,
            "FindingProviderFields": {"Types": [_TYPE], "Severity": severity},
            "Title": _text(policy.title, 256),
            "Description": _text(f"{one.resource}: passed", 1024),
            "ProductFields": _product_fields({
                "policy": policy.name, "status": "passed", "exposure": policy.exposure,
                "controls": controls_text(policy.controls)}),
            "Resources": [_resource(policy.resource, name, region)],
            "Compliance": {"Status": "PASSED", "RelatedRequirements": _requirements(policy.controls)},
            "RecordState": "ACTIVE",
            "Workflow": {"Status": "RESOLVED"},
        }


def _common(
    assessment: Assessment, policy: str, identifier: str, account: str, account_name: str, region: str
) -> dict[str, Any]:
    """The attributes that do not depend on whether the resource passed."""
    return {
        "SchemaVersion": "2018-10-08",
        "Id": f"{PROVIDER}/{identifier}",
        "ProductArn": product_arn(account, region),
        "ProductName": PROVIDER,
        "CompanyName": PROVIDER,
        "GeneratorId": f"{PROVIDER}/{policy}",
        "AwsAccountId": account,
        "AwsAccountName": _text(account_name, 50),
        # Security Hub ignores an update that is not newer than the finding that it has.
        "UpdatedAt": assessment.finished,
        "Types": [_TYPE],
    }


def _product_fields(values: Mapping[str, str]) -> dict[str, str]:
    return {f"{PROVIDER}/{key}": _text(value, 2048) for key, value in values.items()}


def _resource(resource_type: str, name: str, region: str) -> dict[str, str]:
    return {
        "Type": _TYPES.get(resource_type, "Other"), "Id": _text(name, 512), "Partition": partition_of(region),
        "Region": region}


def finding_id(finding: Finding) -> str:
    """The id in Security Hub, the same in every run."""
    return f"{PROVIDER}/{finding.id}"


def product_arn(account: str, region: str) -> str:
    """The ARN of the product that every account has for its own findings."""
    return f"arn:{partition_of(region)}:securityhub:{region}:{account}:product/{account}/default"


def note(exception: Mapping[str, Any]) -> str:
    """The note of a suppressed finding: reason, owner, ticket and expiry date of its exception."""
    known = [f"{name} {exception[name]}" for name in ("owner", "ticket", "expires") if exception.get(name)]
    return _text(f"Excepted ({', '.join(known)}): {exception.get('reason', '')}", 512)


def _severity(severity: str) -> dict[str, str]:
    return {"Label": _SEVERITIES.get(severity, "INFORMATIONAL"), "Original": severity}


def _requirements(of: Mapping[str, Sequence[str]]) -> list[str]:
    named = [_text(f"{framework}/{control}", _REQUIREMENT) for framework, ids in of.items() for control in ids]
    return named[:_REQUIREMENTS]


def _text(value: object, limit: int) -> str:
    """The value as text that is neither blank nor too long: Security Hub rejects both."""
    found = cut(sound(str(value)), limit)
    return found if found.strip() else "-"
