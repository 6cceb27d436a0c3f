"""SARIF 2.1.0, for code scanning and CI: rules are the policies, results are the findings.

A finding has no line of code: its physical location is that of the policy, its logical location is the resource. A
check that did not complete is a notification of the invocation, which then counts as unsuccessful.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from ...assessment import Assessment, MissingRow, counted
from ...results import Finding, PolicyInfo, Status
from .aws import identity
from .rows import ReportRow
from .stream import object_pieces
from .text import zulu

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "guardrailsFinding/v1"

_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
# GitHub shows these as critical (above 9), high (7 to 9), medium (4 to 7) and low.
_NUMBERS = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "info": "0.0"}
_NOT_SEEN = "not-seen"


def pieces(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[str]:
    """One log with one run."""
    rules = [policy for policy in assessment.policies.values() if policy.audited]
    yield from object_pieces({"$schema": SCHEMA, "version": "2.1.0", "runs": [{
        "tool": {"driver": {
            "name": "aws-guardrails", "version": assessment.version,
            "rules": [_rule(policy) for policy in rules],
            "notifications": [{
                "id": _NOT_SEEN, "shortDescription": {"text": "A check did not complete"},
                "defaultConfiguration": {"level": "error"},
            }],
        }},
        "automationDetails": {"id": f"aws-guardrails/{assessment.verb}/{quote(assessment.run)}"},
        "invocations": [{
            "executionSuccessful": assessment.complete,
            "startTimeUtc": zulu(assessment.started), "endTimeUtc": zulu(assessment.finished),
            "toolExecutionNotifications": map(_notification, assessment.missing()),
        }],
        "results": _results(assessment, rows, {policy.name: index for index, policy in enumerate(rules)}),
        "properties": {"firstLine": assessment.first_line(), "secondLine": assessment.second_line()},
    }]})
    yield "\n"


def _rule(policy: PolicyInfo) -> dict[str, Any]:
    help_text = "\n\n".join(part for part in (policy.rationale, policy.fix and f"Fix: {policy.fix}") if part)
    return {
        "id": policy.name,
        "shortDescription": {"text": policy.title},
        "fullDescription": {"text": policy.rationale or policy.title},
        "help": {"text": help_text or policy.title},
        "defaultConfiguration": {"level": _LEVELS.get(policy.severity, "note")},
        "properties": {
            "security-severity": _NUMBERS.get(policy.severity, "0.0"),
            "tags": ["security", policy.service, *dict.fromkeys(
                f"{framework}/{control}" for framework, ids in policy.controls.items() for control in ids)],
        },
    }


def _results(
    assessment: Assessment, rows: Iterable[ReportRow], rules: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    for row in rows:
        finding, policy, region = row.finding, row.policy, row.region
        yield {
            "ruleId": policy.name, **({"ruleIndex": rules[policy.name]} if policy.name in rules else {}),
            "level": _LEVELS.get(finding.severity, "note"),
            "message": {"text": f"{'Fixed' if finding.status is Status.FIXED else 'Violated'}: {policy.title}: "
                                f"{finding.resource} (account {finding.account_name}, region {finding.region})"},
            "locations": [{
                **_physical(policy.location),
                "logicalLocations": [{
                    "name": finding.resource, "fullyQualifiedName": identity(finding, region), "kind": "resource",
                }],
            }],
            "partialFingerprints": {FINGERPRINT: finding.id},
            **_baseline(finding, assessment),
            # SARIF wants suppressions for all results or for none: a missing list means unknown.
            "suppressions": _suppressions(finding),
            "properties": {
                "account": finding.account, "accountName": finding.account_name, "region": finding.region,
                "status": finding.status.value, "severity": finding.severity, "exposure": finding.exposure,
                "console": row.console, "fixCommand": row.fix_command,
                "firstSeen": finding.first_seen, "lastSeen": finding.last_seen, "evidence": dict(finding.evidence),
            },
        }


@cache
def _physical(location: str) -> dict[str, Any]:
    """`policies/s3.yml:66` as a physical location; empty for a policy without a file."""
    path, _, line = location.rpartition(":")
    if not (path and line.isdigit() and int(line)):
        path, line = location, ""
    if not path:
        return {}
    absolute = PurePosixPath(path).is_absolute()
    return {"physicalLocation": {
        "artifactLocation": {"uri": f"file://{quote(path)}" if absolute else quote(path)},
        **({"region": {"startLine": int(line)}} if line else {}),
    }}


def _baseline(finding: Finding, assessment: Assessment) -> dict[str, str]:
    """The change since earlier runs; empty in a run without a history."""
    if not finding.first_seen:
        return {}
    if finding.status is Status.FIXED:
        return {"baselineState": "absent"}
    new = finding.first_seen == finding.last_seen or finding.id in assessment.reopened
    return {"baselineState": "new" if new else "unchanged"}


def _suppressions(finding: Finding) -> list[dict[str, Any]]:
    if finding.status is not Status.EXCEPTED:
        return []
    exception = finding.exception
    return [{
        "kind": "external", "status": "accepted", "justification": str(exception.get("reason", "")),
        "properties": {key: value for key, value in exception.items() if key != "reason"},
    }]


def _notification(row: MissingRow) -> dict[str, Any]:
    return {
        "descriptor": {"id": _NOT_SEEN, "index": 0},
        "level": "error",
        "message": {"text": f"Did not complete ({row.state}): {counted(len(row.policies), 'policy', 'policies')} in "
                            f"{row.account_name} ({row.account}), {row.region}: {row.reason}"},
        "properties": {
            "account": row.account, "accountName": row.account_name, "region": row.region, "state": row.state,
            "reason": row.reason, "policies": list(row.policies),
        },
    }
