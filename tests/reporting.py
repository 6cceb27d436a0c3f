"""A finished run, made by hand: some policies, three accounts, every kind of check and of finding."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from custom_actions.resources import PassedResources, ResourceList, ResourceName, list_file
from guardrails.assessment.assessment import Assessment
from guardrails.report.formats.rows import ReportRow, ReportRows
from guardrails.report.formats.side_by_side import Pieces
from guardrails.results.finding import Finding, Status
from guardrails.results.history import RunChanges
from guardrails.results.judged import JudgedResources
from guardrails.results.passed import PassedOutput
from guardrails.results.store import FILE, AccountInfo, CheckRow, PolicyInfo, RunStore

RED, BLUE, LOCKED = "111111111111", "222222222222", "333333333333"
EAST, WEST = "us-east-1", "eu-west-1"
BEFORE, STARTED, FINISHED = "2026-01-01T08:00:00+00:00", "2026-02-01T08:00:00+00:00", "2026-02-01T08:05:00+00:00"
EXCEPTION = {
    "policy": "public-bucket", "account": RED, "resource": "arn:aws:s3:::web-*", "reason": "a public web site",
    "owner": "web@example.org", "ticket": "SEC-1", "expires": "2026-12-31",
}


def _policy(name: str, severity: str, resource: str, **more: Any) -> PolicyInfo:
    values: dict[str, Any] = {
        "name": name, "title": f"About {name}", "severity": severity, "exposure": "internal", "resource": resource,
        "kind": "config-rule", "response": "alert", "profile": "", "controls": {}, "rationale": f"Why {name} matters.",
        "fix": f"Fix {name}.", "yaml": f"name: {name}\n", "location": f"policies/config-rule/{name}.yml:7",
        "audited": True,
    }
    return PolicyInfo(**{**values, **more})


POLICIES = {policy.name: policy for policy in (
    _policy("public-bucket", "critical", "aws.s3", exposure="internet",
            controls={"cis-aws-5.0": ["2.1.4"], "pci-dss-4.0": ["1.3.1", "1.4.4"]}),
    _policy("open-ssh", "high", "aws.security-group", exposure="internet", response="revert",
            controls={"cis-aws-5.0": ["5.3"]}),
    _policy("user-mfa", "medium", "aws.iam-user", kind="periodic", controls={"cis-aws-5.0": ["1.9"]}),
    _policy("volume-encryption", "low", "aws.account", rationale="", fix=""),
    _policy("root-login", "critical", "aws.account", kind="realtime", audited=False),
)}
ACCOUNTS = (
    AccountInfo(RED, "red", (EAST, WEST)), AccountInfo(BLUE, "blue", (EAST, WEST)),
    AccountInfo(LOCKED, "locked", (EAST,), "could not assume arn:aws:iam::333333333333:role/sweep: AccessDenied"),
)
NAMES = {account.id: account.name for account in ACCOUNTS}


def finding(
    policy: str, resource: str, *, account: str = RED, region: str = EAST, arn: str = "", **more: Any
) -> Finding:
    """A finding of one of the policies; open, and as old as the history, if nothing else is said."""
    of = POLICIES[policy]
    values: dict[str, Any] = {
        "account": account, "account_name": NAMES[account], "region": region, "policy": policy,
        "resource_type": of.resource, "resource": resource, "arn": arn, "severity": of.severity, "title": of.title,
        "response": of.response, "controls": of.controls, "evidence": {"Public": True}, "fix": of.fix,
        "exposure": of.exposure, "first_seen": BEFORE, "last_seen": STARTED,
    }
    return Finding(**{**values, **more})


def group(name: str, account: str, region: str, **more: Any) -> Finding:
    """A security group that is open to the world."""
    return finding("open-ssh", name, account=account, region=region,
                   arn=f"arn:aws:ec2:{region}:{account}:security-group/{name}", **more)


FINDINGS = (
    finding("public-bucket", "data", region="global", arn="arn:aws:s3:::data", first_seen=STARTED),
    finding("public-bucket", "web-1", region="global", arn="arn:aws:s3:::web-1", status=Status.EXCEPTED,
            exception=EXCEPTION),
    finding("public-bucket", "gone", region="global", arn="arn:aws:s3:::gone", status=Status.FIXED),
    group("sg-1", RED, EAST), group("sg-2", RED, EAST), group("sg-3", BLUE, WEST),
    finding("user-mfa", "ann", region="global", arn=f"arn:aws:iam::{RED}:user/ann"),
    # Its type and id tell no ARN.
    finding("volume-encryption", "eu-west-1", region=WEST),
)


def checks() -> list[CheckRow]:
    """All checks: of `blue` one is denied, and nothing is known of `locked`."""
    made = []
    for account in ACCOUNTS:
        for policy in POLICIES.values():
            regions = ("global",) if policy.resource in ("aws.s3", "aws.iam-user") else account.regions
            for region in regions if policy.audited else ():
                state, reason = "ran", ""
                if account.reason:
                    state, reason = "denied", account.reason
                elif (account.id, policy.name) == (BLUE, "user-mfa"):
                    state, reason = "denied", "AccessDenied on ListUsers"
                elif (account.id, policy.name, region) == (BLUE, "volume-encryption", EAST):
                    state, reason = "skipped", "its conditions do not hold here"
                made.append(CheckRow(account.id, account.name, region, policy.name, state, reason, 0))
    return made


Passed = Mapping[tuple[str, str, str], Sequence[tuple[str, str]]]
"""Policy, account and region to the ids and ARNs of what passed."""


def with_passed(row: CheckRow, passed: Passed, directory: Path) -> CheckRow:
    """The check with what passed; the list of resources is written into the directory."""
    names = [ResourceName(*each) for each in passed.get((row.policy, row.account, row.region), ())]
    listed = ResourceList.of(names)
    if not names or listed is None:
        return row
    file = list_file(directory, listed.digest)
    file.write_bytes(listed.packed())
    number = len(listed.names)
    return replace(row, judged=JudgedResources(number, number, number),
                   passed=PassedOutput(PassedResources.of(listed, set(names)), file))


def assess(
    directory: Path, findings: Iterable[Finding] = FINDINGS, rows: Iterable[CheckRow] | None = None,
    passed: Passed | None = None, **more: Any
) -> Assessment:
    """The assessment of a run with these findings and checks, in a new file under `directory`.

    With `passed`, it is a run with evidence.
    """
    directory.mkdir(parents=True, exist_ok=True)
    findings = list(findings)
    found = [one for one in findings if one.status is not Status.FIXED]
    store = RunStore.create(directory / FILE)
    store.set_accounts(ACCOUNTS)
    store.set_policies(POLICIES.values())
    store.add(
        (replace(with_passed(row, passed or {}, directory), matched=len(of)), of)
        for row in (checks() if rows is None else rows)
        for of in [[one for one in found if (one.account, one.region, one.policy)
                    == (row.account, row.region, row.policy)]])
    store.update(one for one in findings if one.status is Status.FIXED)
    store["evidence"] = passed is not None
    given: dict[str, Any] = {
        "store": store, "verb": "audit", "run": "20260201T080000Z", "version": "0.1.0", "started": STARTED,
        "finished": FINISHED, "policies": POLICIES, "accounts": ACCOUNTS, "catalogues": {},
        "changes": RunChanges(new=1, fixed=1, previous=BEFORE, score_before=40.0),
    }
    return Assessment(**{**given, **more})


def text_of(pieces: Pieces, assessment: Assessment) -> str:
    """The text of a report file."""
    [rows] = ReportRows(assessment).readers(1)
    return "".join(pieces(assessment, rows))


def rows_of(assessment: Assessment, findings: Iterable[Finding]) -> list[ReportRow]:
    """The findings as a format gets them, in the region us-east-1."""
    report = ReportRows(assessment)
    return [ReportRow(one, assessment.policies[one.policy], EAST, report) for one in findings]
