"""JSON-OCSF: Compliance Findings (class 2003) of the Open Cybersecurity Schema Framework, with its cloud profile.

One object for each finding, and one for each check that did not complete: its compliance status is Warning, which OCSF
defines for a check without a result because information is missing. A run with evidence has one for each resource that
passed, too: compliance Pass, under the uid of the finding that the resource would have.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from ...accounts import partition_of
from ...assessment import Assessment
from ...results import CheckRow, PassedCheck, PassedResource, PolicyInfo, Status
from ..console import remediation_urls
from .aws import account_arn, identity, identity_of, real_region, regions_of
from .rows import ReportRow
from .stream import array_pieces

VERSION = "1.5.0"
"""The version of OCSF."""

_CLASS = 2003
_SEVERITIES = {
    "info": (1, "Informational"), "low": (2, "Low"), "medium": (3, "Medium"), "high": (4, "High"),
    "critical": (5, "Critical"),
}
_UNKNOWN = (0, "Unknown")
_STATUSES = {Status.OPEN: (1, "New"), Status.EXCEPTED: (3, "Suppressed"), Status.FIXED: (4, "Resolved")}
_CREATE, _UPDATE, _CLOSE = (1, "Create"), (2, "Update"), (3, "Close")
_PASS, _WARNING, _FAIL = (1, "Pass"), (2, "Warning"), (3, "Fail")
_AWS_ACCOUNT = 10


def pieces(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[str]:
    """One list: the findings, the most severe first, then the checks that did not complete, then what passed."""
    yield from array_pieces(objects(assessment, rows))
    yield "\n"


def objects(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[dict[str, Any]]:
    """Every object of the list."""
    regions = regions_of(assessment.accounts)
    for row in rows:
        yield _of_finding(row, assessment)
    for check in assessment.checks(missing=True):
        region = real_region(check.region, regions.get(check.account, ()))
        yield _of_check(check, assessment.policies[check.policy], assessment, region)
    for passed in assessment.passed():
        region = real_region(passed.region, regions.get(passed.account, ()))
        for resource in passed.resources:
            if not resource.fixed:  # that is among the findings
                yield _of_passed(passed, resource, assessment.policies[passed.policy], assessment, region)


def _of_finding(row: ReportRow, assessment: Assessment) -> dict[str, Any]:
    finding, policy, region = row.finding, row.policy, row.region
    fixed, new = finding.status is Status.FIXED, finding.first_seen == finding.last_seen
    first, last = (_milliseconds(time or assessment.started) for time in (finding.first_seen, finding.last_seen))
    exception = finding.exception
    return {
        **_event(
            assessment, policy, finding.account, finding.account_name, region,
            activity=_CLOSE if fixed else _CREATE if new else _UPDATE,
            severity=_SEVERITIES.get(finding.severity, _UNKNOWN),
            # With an exception the resource still violates the policy.
            compliance=_PASS if fixed else _FAIL,
            message=f"{'Fixed' if fixed else 'Violated'}: {finding.title}: {finding.resource}",
        ),
        **_pair("status", _STATUSES[finding.status]),
        **({"status_detail": _because(exception)} if exception else {}),
        "finding_info": {
            "uid": finding.id, "title": finding.title,
            **({"desc": policy.rationale} if policy.rationale else {}),
            "first_seen_time": first, "last_seen_time": last, "created_time": first,
            "types": ["Configuration"], **({"src_url": row.console} if row.console else {}),
        },
        **_remediation(row),
        "resources": [{
            "uid": identity(finding, region), "name": finding.resource, "type": finding.resource_type,
            "region": region, "cloud_partition": partition_of(region),
        }],
        "unmapped": {
            "policy": finding.policy, "response": finding.response, "exposure": finding.exposure,
            "region": finding.region, "evidence": dict(finding.evidence),
            **({"exception": dict(exception)} if exception else {}),
        },
    }


def _of_check(check: CheckRow, policy: PolicyInfo, assessment: Assessment, region: str) -> dict[str, Any]:
    key = (check.account, check.region, check.policy)
    return {
        **_event(
            assessment, policy, check.account, check.account_name, region, activity=_CREATE, severity=_UNKNOWN,
            compliance=_WARNING, message=f"Check did not complete ({check.state}): {policy.title}",
        ),
        **_pair("status", _STATUSES[Status.OPEN]),
        "status_detail": check.reason or check.state,
        "finding_info": {
            "uid": sha256("\0".join(("not-seen", *key)).encode()).hexdigest()[:32],
            "title": f"Check did not complete: {policy.title}", "types": ["Coverage"],
        },
        "resources": [{
            "uid": account_arn(check.account, region), "name": check.account, "type": "aws.account",
            "region": region, "cloud_partition": partition_of(region),
        }],
        "unmapped": {"policy": check.policy, "region": check.region, "state": check.state, "reason": check.reason},
    }


def _of_passed(
    check: PassedCheck, resource: PassedResource, policy: PolicyInfo, assessment: Assessment, region: str
) -> dict[str, Any]:
    return {
        **_event(
            assessment, policy, check.account, check.account_name, region, activity=_CLOSE,
            severity=_SEVERITIES["info"], compliance=_PASS, message=f"Passed: {policy.title}: {resource.resource}",
        ),
        **_pair("status", _STATUSES[Status.FIXED]),
        "finding_info": {
            "uid": resource.id, "title": policy.title, **({"desc": policy.rationale} if policy.rationale else {}),
            "last_seen_time": _milliseconds(assessment.started), "types": ["Configuration"],
        },
        "resources": [{
            "uid": identity_of(check.account, resource.resource, resource.arn, region), "name": resource.resource,
            "type": policy.resource, "region": region, "cloud_partition": partition_of(region),
        }],
        "unmapped": {"policy": check.policy, "region": check.region, "exposure": policy.exposure},
    }


def _event(
    assessment: Assessment, policy: PolicyInfo, account: str, account_name: str, region: str, *,
    activity: tuple[int, str], severity: tuple[int, str], compliance: tuple[int, str], message: str,
) -> dict[str, Any]:
    """The attributes that all objects have."""
    return {
        **_pair("activity", activity, name="activity_name"),
        "category_uid": 2, "category_name": "Findings",
        "class_uid": _CLASS, "class_name": "Compliance Finding",
        "type_uid": _CLASS * 100 + activity[0], "type_name": f"Compliance Finding: {activity[1]}",
        **_pair("severity", severity),
        "time": _milliseconds(assessment.finished),
        "message": message,
        "status_code": compliance[1].upper(),
        "metadata": {
            "version": VERSION, "profiles": ["cloud"], "event_code": policy.name, "correlation_uid": assessment.run,
            "product": {"name": "aws-guardrails", "vendor_name": "aws-guardrails", "version": assessment.version},
        },
        "cloud": {
            "provider": "AWS", "region": region,
            "account": {"uid": account, "name": account_name, "type": "AWS Account", "type_id": _AWS_ACCOUNT},
        },
        "compliance": {
            "control": policy.name, "desc": policy.title,
            "standards": list(policy.controls),
            "requirements": [f"{name} {control}" for name, ids in policy.controls.items() for control in ids],
            **_pair("status", compliance),
        },
    }


def _pair(key: str, value: tuple[int, str], *, name: str = "") -> dict[str, Any]:
    """An enumeration of OCSF: its number and its caption."""
    return {f"{key}_id": value[0], name or key: value[1]}


def _remediation(row: ReportRow) -> dict[str, Any]:
    """What to do: our fix with its command, and AWS's steps by hand."""
    finding = row.finding
    desc = "\n".join(filter(None, [finding.fix, row.fix_command]))
    references = list(remediation_urls(finding.controls).values())
    if not desc and not references:
        return {}
    return {"remediation": {"desc": desc or finding.title, **({"references": references} if references else {})}}


def _because(exception: Mapping[str, Any]) -> str:
    until = f" until {exception['expires']}" if exception.get("expires") else ""
    return f"Excepted{until}: {exception.get('reason', '')}"


def _milliseconds(time: str) -> int:
    """An ISO 8601 time as milliseconds since 1970; UTC if it has no time zone."""
    moment = datetime.fromisoformat(time)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
