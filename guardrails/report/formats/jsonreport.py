"""JSON: the whole report, for programs. docs/formats.md lists the keys, which keep their meaning."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from ...assessment import Assessment, GroupRow, PolicyRow, ResourceTotals, Score, days_open
from ...policies import FrameworkResult
from ...results import CheckRow, PassedCheck, Status
from .rows import ReportRow
from .stream import object_pieces

SCHEMA = 2
"""The version of the keys: 2 has findings with every status, 1 had open ones only."""


def pieces(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[str]:
    """One object. The long lists, findings, runs and passed, come last."""
    regions = {account.name: account for account in assessment.accounts}
    yield from object_pieces({
        "schema": SCHEMA,
        "verb": assessment.verb,
        "run": assessment.run,
        "version": assessment.version,
        "started": assessment.started,
        "finished": assessment.finished,
        "complete": assessment.complete,
        "checks": assessment.totals,
        "score": _score(assessment.score),
        "findings_by_severity": assessment.open_by_severity,
        "policies_not_audited": assessment.not_audited,
        "changes": asdict(assessment.changes) if assessment.changes is not None else None,
        "riskiest": [asdict(thing) for thing in assessment.riskiest()],
        "accounts": [
            {**_group(row, "id"), "names": [a.name for a in regions.values() if a.id == row.key],
             "regions": sorted({region for a in regions.values() if a.id == row.key for region in a.regions})}
            for row in assessment.by_account
        ],
        "services": [_group(row, "service") for row in assessment.by_service],
        "frameworks": [_framework(result) for result in assessment.frameworks],
        "exceptions": assessment.exceptions.to_dict(),
        "remarks": assessment.remarks,
        "policies": [_policy(row) for row in assessment.by_policy],
        "findings": (_finding(assessment, row) for row in rows),
        "runs": (_check(check) for check in assessment.checks()),
        "passed": (_passed(check) for check in assessment.passed()) if assessment.evidence else None,
        **assessment.extra,
    })
    yield "\n"


def _finding(assessment: Assessment, row: ReportRow) -> dict[str, Any]:
    finding = row.finding
    return {
        **finding.to_dict(), "owner": row.owner,
        "days_open": days_open(finding.first_seen, assessment.started) if finding.status is not Status.FIXED else None,
        "fix_command": row.fix_command, "console": row.console,
    }


def _score(score: Score) -> dict[str, Any]:
    return {**asdict(score), "shown": score.shown}


def _group(row: GroupRow, key: str) -> dict[str, Any]:
    return {
        key: row.key, "score": _score(row.score), "passed": row.passed,
        "nothing_to_judge": row.empty, "seen": row.seen, "asked": row.asked,
        "findings_by_severity": dict(row.open), "excepted": row.excepted, "reason": row.reason,
    }


def _policy(row: PolicyRow) -> dict[str, Any]:
    policy = row.policy
    return {
        "name": policy.name, "title": policy.title, "severity": policy.severity, "exposure": policy.exposure,
        "service": policy.service, "response": policy.response, "controls": policy.controls,
        "location": policy.location, "verdict": row.verdict, "findings": row.open, "excepted": row.excepted,
        "passed": row.passed, "nothing_to_judge": row.empty, "seen": row.seen, "asked": row.asked,
        "resources": _resources(row.resources),
    }


def _framework(result: FrameworkResult) -> dict[str, Any]:
    catalogue = result.catalogue
    return {
        "name": result.name, "title": catalogue.title, "version": catalogue.version, "whole": catalogue.whole,
        "note": catalogue.note, "percentage": result.percentage, "summary": result.summary(), "total": result.total,
        "judged": result.evaluated, "requirements_by_verdict": {key.value: n for key, n in result.counts.items()},
        "requirements": [
            {
                "id": one.requirement.id, "title": one.requirement.title, "section": one.requirement.section,
                "level": one.requirement.level, "verdict": one.verdict.value, "policies": one.policies,
                "seen": one.seen, "asked": one.asked, "findings": one.open, "excepted": one.excepted,
                "resources_in_scope": one.in_scope if one.counted and one.seen else None,
                "resources_passed": one.compliant if one.counted and one.seen else None,
            }
            for one in result.requirements
        ],
    }


def _check(check: CheckRow) -> dict[str, Any]:
    return {
        "account": check.account, "account_name": check.account_name, "region": check.region, "policy": check.policy,
        "state": check.state, "reason": check.reason, "matched": check.matched,
        "unknown": [each._asdict() for each in check.unknown],
        "resources": None if check.judged is None else {
            "listed": check.judged.listed, "in_scope": check.judged.in_scope,
            "out_of_scope": check.judged.out_of_scope, "passed": check.judged.passed},
    }


def _passed(check: PassedCheck) -> dict[str, Any]:
    return {
        "account": check.account, "account_name": check.account_name, "region": check.region, "policy": check.policy,
        "resources": [{"id": one.id, "resource": one.resource, "arn": one.arn} for one in check.resources],
    }


def _resources(totals: ResourceTotals) -> dict[str, int] | None:
    """None if it is not known of all checks how many resources they looked at."""
    if not (totals.counted and totals.checks):
        return None
    return {
        "listed": totals.listed, "in_scope": totals.in_scope, "out_of_scope": totals.out_of_scope,
        "open": totals.open, "excepted": totals.excepted, "passed": totals.passed, "unknown": totals.unknown}
