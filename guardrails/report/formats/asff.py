"""ASFF, the AWS Security Finding Format, for BatchImportFindings of Security Hub.

A provider may update severity and types at any time, under FindingProviderFields. Workflow and note belong to the
customer: an import sets them when it creates a finding, and Security Hub ignores them in later imports, so
`guardrails.report.securityhub` also sets them with BatchUpdateFindings. Texts are cut to the lengths that AWS
documents, because Security Hub rejects a finding with a longer one.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from ...assessment import Assessment
from ...results import Finding, PolicyInfo, Status, controls_text
from ..console import console_url, remediation_urls
from .aws import identity, partition, real_region, regions_of
from .stream import dumps, write_array
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


def write(assessment: Assessment, stream: TextIO) -> None:
    """One list of findings, the most severe first. BatchImportFindings takes up to 100, of one account and region."""
    write_array(stream, findings(assessment))
    stream.write("\n")


def findings(assessment: Assessment) -> Iterator[dict[str, Any]]:
    """Every finding, for the Security Hub of its own account and region."""
    regions = regions_of(assessment.accounts)
    for finding in assessment.findings():
        region = real_region(finding.region, regions.get(finding.account, ()))
        yield asff(finding, assessment.policies[finding.policy], assessment, region)


def asff(finding: Finding, policy: PolicyInfo, assessment: Assessment, region: str) -> dict[str, Any]:
    """One finding for the Security Hub of `region`."""
    first, last = finding.first_seen or assessment.started, finding.last_seen or assessment.started
    fixed = finding.status is Status.FIXED
    result: dict[str, Any] = {
        "SchemaVersion": "2018-10-08",
        "Id": finding_id(finding),
        "ProductArn": product_arn(finding.account, region),
        "ProductName": PROVIDER,
        "CompanyName": PROVIDER,
        "GeneratorId": f"{PROVIDER}/{finding.policy}",
        "AwsAccountId": finding.account,
        "AwsAccountName": _text(finding.account_name, 50),
        "CreatedAt": first,
        # Security Hub ignores an update that is not newer than the finding that it has.
        "UpdatedAt": assessment.finished,
        "FirstObservedAt": first,
        "LastObservedAt": last,
        "Types": [_TYPE],
        "Severity": _severity(finding.severity),
        "FindingProviderFields": {"Types": [_TYPE], "Severity": _severity(finding.severity)},
        "Title": _text(finding.title, 256),
        "Description": _text(f"{finding.resource}: {policy.rationale or finding.title}", 1024),
        "ProductFields": {f"{PROVIDER}/{key}": _text(value, 2048) for key, value in {
            "policy": finding.policy, "status": finding.status.value, "exposure": finding.exposure,
            "controls": controls_text(finding.controls), "evidence": dumps(finding.evidence),
        }.items()},
        "Resources": [{
            "Type": _TYPES.get(finding.resource_type, "Other"),
            "Id": _text(identity(finding, region), 512),
            "Partition": partition(region),
            "Region": region,
        }],
        "Compliance": {
            # With an exception the resource still violates the policy.
            "Status": "PASSED" if fixed else "FAILED",
            "RelatedRequirements": _requirements(finding.controls),
        },
        "RecordState": "ARCHIVED" if fixed else "ACTIVE",
        "Workflow": {"Status": "SUPPRESSED" if finding.status is Status.EXCEPTED else "NEW"},
    }
    if source := console_url(finding):
        result["SourceUrl"] = source
    if finding.fix:
        result["Remediation"] = {"Recommendation": {"Text": _text(finding.fix, 512), **(
            {"Url": urls[0]} if (urls := list(remediation_urls(finding.controls).values())) else {})}}
    if finding.status is Status.EXCEPTED:
        result["Note"] = {"Text": note(finding.exception), "UpdatedBy": PROVIDER, "UpdatedAt": assessment.finished}
    return result


def finding_id(finding: Finding) -> str:
    """The id in Security Hub, the same in every run."""
    return f"{PROVIDER}/{finding.id}"


def product_arn(account: str, region: str) -> str:
    """The ARN of the product that every account has for its own findings."""
    return f"arn:{partition(region)}:securityhub:{region}:{account}:product/{account}/default"


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
