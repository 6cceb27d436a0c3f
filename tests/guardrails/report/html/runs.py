"""Runs made by hand, of the real policies: some accounts with what drifts in real ones, none wrong, and very many."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from custom_actions.exceptions.rules import ExceptionRule
from guardrails.assessment.assessment import Assessment
from guardrails.policies.catalogue import load_catalogues
from guardrails.policies.policy import load
from guardrails.results.exceptions import Exceptions, ExceptionState
from guardrails.results.finding import GLOBAL, Finding, Status
from guardrails.results.history import PastRun, RunChanges
from guardrails.results.judged import JudgedResources
from guardrails.results.store import FILE, AccountInfo, CheckRow, PolicyInfo, RunStore
from guardrails.runs.audit import policy_info

STARTED, FINISHED, BEFORE = "2026-11-24T06:00:04+00:00", "2026-11-24T06:07:41+00:00", "2026-11-23T06:00:03+00:00"
OLD = "2026-08-03T06:00:02+00:00"
REGIONS = ("eu-central-1", "eu-west-1", "us-east-1")
ACCOUNTS = (
    AccountInfo("111111111111", "payments-prod", REGIONS),
    AccountInfo("222222222222", "payments-test", REGIONS),
    AccountInfo("333333333333", "data-lake", REGIONS),
    AccountInfo("444444444444", "web", REGIONS),
    AccountInfo("555555555555", "log-archive", REGIONS),
    AccountInfo("666666666666", "legacy-erp", REGIONS,
                "AccessDenied: not authorized to perform sts:AssumeRole on arn:aws:iam::666666666666:role/audit"),
)
NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
EXCEPTION: dict[str, Any] = {
    "policy": "s3-bucket-public-acl", "account": "444444444444", "resource": "arn:aws:s3:::web-public-*",
    "name": "web-public-*", "tags": {"zone": "dmz", "10": "*"},
    "reason": "The company's web site; nothing but what is published.", "owner": "web-team@example.org",
    "ticket": "SEC-123", "expires": "2027-01-31",
}
# One that is in use, and one of each kind that needs a look.
RULES = (
    ExceptionRule(**{**EXCEPTION, "tags": tuple(EXCEPTION["tags"].items()), "expires": date(2027, 1, 31)}),
    ExceptionRule("security-group-admin-ports", "111111111111", "sg-0*", "A bastion, until it is replaced.",
                  "platform@example.org", date(2026, 9, 30), ticket="SEC-98"),
    ExceptionRule("iam-user-mfa", "222222222222", "robot-*", "Robots have no telephone.", "build@example.org",
                  date(2026, 12, 6)),
    ExceptionRule("ebs-volume-encrypted", "666666666666", "vol-*", "A test that nobody can see.", "erp@example.org",
                  date(2027, 6, 30)),
    ExceptionRule("ebs-volume-encypted", "555555555555", "vol-*", "A name that is misspelt.", "logs@example.org",
                  date(2027, 6, 30), region="eu-*"),
)
# What a stranger might call a bucket, and might put into its tags.
HOSTILE = (
    "<script>window.ran = 1</script>",
    '"><img src=x onerror="window.ran = 2">',
    "</script><script>window.ran = 3</script>",
    "<!--<script>",
    "javascript:window.ran=4",
    "a\u2028b\u202ec\x00d",
    "{{ 7 * 7 }}${7 * 7}",
)
# What is legal somewhere, and is special in a shell, in a glob, in YAML, in an address or in a spreadsheet.
AWKWARD = (
    "a b", "it's", '"; rm -rf / #', "$(id)`id`", "-x", "a*[b]?", "a\nb\tc", "\x1b[31m", "café \U0001f600", "=1+1",
    "@x;=2", "yes", "null", "123", "# no", "{a: b}", "a: b", "100%25&x=y#z", "a/../b", " blank ",
)
EVIDENCE: dict[str, Any] = {
    "security-group": {"c7n:ExposedRules": [
        {"SecurityGroupRuleId": "sgr-0a1b2c3d4e5f60718", "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
         "CidrIpv4": "0.0.0.0/0"}]},
    "iam-user": {"c7n:credential-report": {
        "password_enabled": True, "mfa_active": False, "password_last_used": "2026-11-20T08:11:02+00:00"}},
    "ec2": {"MetadataOptions.HttpTokens": "optional", "State.Name": "running"},
    "s3": {"c7n:PublicGrants": ["READ by AllUsers"], "Versioning.Status": None},
}


@cache
def policies() -> dict[str, PolicyInfo]:
    """The project's own policies, as a run keeps them."""
    return {policy.name: policy_info(policy) for policy in load()}


def _chance(*key: object) -> int:
    """0 to 255, the same in every run of the tests."""
    return sha256(repr(key).encode()).digest()[0]


def _regions(policy: PolicyInfo, account: AccountInfo) -> tuple[str, ...]:
    return (GLOBAL,) if policy.service.startswith(("iam", "s3", "account")) else account.regions


def finding(
    policy: PolicyInfo, account: AccountInfo, region: str, resource: str, **more: Any
) -> Finding:
    """A finding of the policy on a resource called `resource`."""
    place = "" if region == GLOBAL else region
    service = {"security-group": "ec2", "ebs": "ec2"}.get(policy.service, policy.service.partition("-")[0])
    arn = (
        f"arn:aws:s3:::{resource}" if policy.service == "s3"
        else f"arn:aws:{service}:{place}:{account.id}:{policy.service}/{resource}")
    values: dict[str, Any] = {
        "account": account.id, "account_name": account.name, "region": region, "policy": policy.name,
        "resource_type": policy.resource, "resource": resource, "arn": arn, "severity": policy.severity,
        "title": policy.title, "response": policy.response, "controls": policy.controls,
        "evidence": EVIDENCE.get(policy.service, {"Enabled": False}), "fix": policy.fix, "exposure": policy.exposure,
        "first_seen": OLD, "last_seen": STARTED,
    }
    return Finding(**{**values, **more})


def _drift(policy: PolicyInfo, account: AccountInfo, region: str) -> Iterator[Finding]:
    chance = _chance(policy.name, account.id, region)
    if chance < 70 and _chance(policy.name) < 130:
        for number in range(1 if policy.service == "account" else 1 + chance % 4):
            name = {"iam-user": "user", "s3": "bucket", "ec2": "i", "security-group": "sg"}.get(policy.service, "r")
            # The same few names for all policies of a service, so that a resource has more than one finding.
            resource = f"{name}-{account.name}-{(chance + number) % 6}"
            if policy.service == "account":
                resource = account.id
            status = Status.FIXED if chance % 9 == 8 else Status.OPEN
            first = STARTED if chance % 5 == 4 and status is Status.OPEN else OLD
            yield finding(policy, account, region, resource, status=status, first_seen=first)


def _check(policy: PolicyInfo, account: AccountInfo, region: str) -> CheckRow:
    state, reason = "ran", ""
    if account.reason:
        state, reason = "denied", account.reason
    elif policy.profile:
        state, reason = "skipped", "its conditions do not hold here"
    elif (account.name, region) == ("data-lake", "us-east-1") and policy.service.startswith(("ec2", "eb", "eni")):
        state, reason = "denied", "UnauthorizedOperation: not authorized to perform ec2:DescribeInstances"
    elif (account.name, policy.name) == ("web", "s3-bucket-encryption"):
        state, reason = "throttled", "what it saw is not all: SlowDown: Please reduce your request rate"
    return CheckRow(account.id, account.name, region, policy.name, state, reason, 0)


def _judged(row: CheckRow, found: Sequence[Finding]) -> JudgedResources | None:
    """There is no database, and only a few more resources than those with findings."""
    if not row.seen:
        return None
    more = 0 if row.policy.startswith(("rds", "efs", "dynamodb")) and not found else len(row.policy) % 5 + 1
    return JudgedResources(len(found) + more + len(row.policy) % 2, len(found) + more, more)


def run(
    directory: Path, findings: Iterable[Finding] | None = None, checks: Iterable[CheckRow] | None = None,
    accounts: tuple[AccountInfo, ...] = ACCOUNTS, **more: Any,
) -> Assessment:
    """A run of all policies over `accounts`; with drift, and some of it not seen, if nothing else is said."""
    infos = policies()
    rows = list(checks) if checks is not None else [
        _check(policy, account, region)
        for account in accounts for policy in infos.values() if policy.audited for region in _regions(policy, account)]
    by_name = {account.name: account for account in accounts}
    found = list(findings) if findings is not None else [
        one for row in rows if row.seen
        for one in _drift(infos[row.policy], by_name[row.account_name], row.region)] + _excepted(by_name["web"])
    places: dict[tuple[str, str, str], list[Finding]] = {}
    for one in found:
        if one.status is not Status.FIXED:
            places.setdefault((one.account, one.region, one.policy), []).append(one)
    directory.mkdir(parents=True, exist_ok=True)
    store = RunStore.create(directory / FILE)
    store.set_all({
        "caller": "arn:aws:sts::111111111111:assumed-role/audit/ann", "c7n": "0.9.9",
        "question": {"severities": ["high"], "choice": {"names": ["pay*"]}}})
    store.set_accounts(accounts)
    store.set_policies(infos.values())
    store.set_severities({"222222222222": {
        policy.name: "low" if policy.severity == "high" else "high"
        for policy in infos.values() if _chance("severity", policy.name) < 128}})
    store.add((replace(row, matched=len(of), judged=_judged(row, of)), of) for row in rows
              for of in [places.get((row.account, row.region, row.policy), [])])
    store.update(one for one in found if one.status is Status.FIXED)
    given: dict[str, Any] = {
        "store": store, "verb": "audit", "run": "7f3c9a4e21d04b6f8a55c0d2e9b1a637", "version": "0.1.0",
        "started": STARTED, "finished": FINISHED, "policies": infos, "accounts": accounts,
        "catalogues": load_catalogues(),
    }
    made = Assessment(**{**given, **more})
    kept = Exceptions(Path("exceptions.yml"), RULES, tuple(range(3, 3 + len(RULES))), now=NOW)
    made = replace(made, exceptions=kept.state(
        made.findings(Status.EXCEPTED), ((c.account, c.region, c.policy, c.state) for c in made.checks()), infos))
    if "changes" in more:
        return made
    opened = [one for one in found if one.status is Status.OPEN]
    back = frozenset(one.id for one in opened[::40] if one.first_seen != STARTED)
    return replace(
        made, reopened=back, trend=_trend(made),
        changes=RunChanges(
            new=sum(one.first_seen == STARTED for one in opened), reopened=len(back),
            fixed=sum(one.status is Status.FIXED for one in found), previous=BEFORE, score_before=58.4))


def _excepted(account: AccountInfo) -> list[Finding]:
    policy = policies()["s3-bucket-public-acl"]
    return [
        finding(policy, account, GLOBAL, f"web-public-{number}", status=Status.EXCEPTED, exception=EXCEPTION,
                name=f"web-public-{number}", tags={"10": "x", "zone": "dmz"})
        for number in range(3)]


def _trend(made: Assessment) -> tuple[PastRun, ...]:
    """Eleven runs that got better, and this one."""
    now = PastRun(
        made.run, "scope", made.started, made.finished, made.complete, made.asked, made.seen, made.score.value,
        made.count(Status.OPEN), made.count(Status.EXCEPTED), 0, 0)
    before = [
        replace(
            now, id=f"run{day}", started=f"2026-11-{12 + day:02}T06:00:00+00:00", complete=day != 4,
            score=max(0.0, now.score - 24 + 2 * day + 3 * (day % 3)), open=now.open + 140 - 12 * day + 9 * (day % 4))
        for day in range(1, 12)]
    return (*before, now)


def clean(directory: Path) -> Assessment:
    """A complete first run in which nothing is wrong."""
    infos = policies()
    accounts = ACCOUNTS[:2]
    rows = [
        CheckRow(account.id, account.name, region, policy.name, "skipped" if policy.profile else "ran", "", 0)
        for account in accounts for policy in infos.values() if policy.audited for region in _regions(policy, account)]
    made = run(directory, [], rows, accounts, changes=RunChanges())
    return replace(made, trend=_trend(made)[-1:], exceptions=ExceptionState())


def unseen(directory: Path) -> Assessment:
    """A run that saw nothing, and keeps no history."""
    account = ACCOUNTS[5]
    rows = [CheckRow(account.id, account.name, GLOBAL, "s3-bucket-encryption", "denied", account.reason, 0)]
    return replace(run(directory, [], rows, (account,), changes=None), exceptions=ExceptionState())


def hostile(directory: Path) -> Assessment:
    """A run whose names, tags, reasons and exceptions try to be code."""
    infos = policies()
    account = replace(ACCOUNTS[0], name=HOSTILE[0])
    policy = infos["s3-bucket-encryption"]
    found = [
        finding(policy, account, GLOBAL, text, evidence={text: text, "tag:Name": [text], "nested": {"a": {text: text}}},
                first_seen=STARTED)
        for text in HOSTILE]
    found.append(finding(policy, account, GLOBAL, "half \ud800".encode("utf-16", "replace").decode("utf-16"),
                         status=Status.EXCEPTED, exception={**EXCEPTION, "reason": HOSTILE[1], "owner": HOSTILE[2]}))
    rows = [
        CheckRow(account.id, account.name, GLOBAL, policy.name, "ran", "", 0),
        CheckRow(account.id, account.name, GLOBAL, "iam-user-mfa", "denied", HOSTILE[2], 0)]
    return run(directory, found, rows, (account,), run=HOSTILE[2])


def awkward(directory: Path) -> Assessment:
    """A run with its options, and with names that need care in a shell, in YAML, in an address and in a spreadsheet."""
    infos = policies()
    account = ACCOUNTS[0]
    places = (("security-group-admin-ports", REGIONS[0]), ("s3-bucket-public-acl", GLOBAL), ("iam-user-mfa", GLOBAL),
              ("ebs-encryption-by-default", REGIONS[0]), ("ebs-encryption-by-default", REGIONS[1]))
    found = []
    for policy, region in places:
        if policy == "ebs-encryption-by-default":
            root = f"arn:aws:iam::{account.id}:root"
            found.append(finding(infos[policy], account, region, account.id, arn=root))
            continue
        for number, name in enumerate((*HOSTILE, *AWKWARD)):
            arn = {} if number % 2 else {"arn": ""}
            found.append(finding(infos[policy], account, region, name, tags={"Owner": name, name: "x"}, **arn))
    made = run(directory, found, accounts=(account,))
    made.store.set_all({name: getattr(made, name) for name in ("verb", "run", "version", "started", "finished")})
    made.store["question"] = {
        "config": "/etc/my accounts.yml", "regions": ["eu-central-1", "eu-west-1"], "directory": "/srv/policies",
        "controls": ["/srv/it's"], "exceptions": "/srv/exceptions.yml"}
    return made


def large(directory: Path, number: int = 50_000, many: int = 40) -> Assessment:
    """A complete run of forty accounts (or as `many`) with `number` findings."""
    infos = [policy for policy in policies().values() if policy.audited and not policy.profile]
    accounts = tuple(
        AccountInfo(f"{100000000000 + n}", f"account-{n:02}", REGIONS) for n in range(many))
    places = [(policy, account, region) for account in accounts for policy in infos
              for region in _regions(policy, account)]
    rows = [CheckRow(account.id, account.name, region, policy.name, "ran", "", 0) for policy, account, region in places]

    def found() -> Iterator[Finding]:
        for n in range(number):
            policy, account, region = places[n % len(places)]
            yield finding(
                policy, account, region, f"resource-{n:05}", status=(Status.EXCEPTED if n % 50 == 7 else Status.OPEN),
                exception=EXCEPTION if n % 50 == 7 else {}, first_seen=STARTED if n % 11 == 0 else OLD,
                evidence={"Name": f"resource-{n:05}", "Rules": [{"From": n % 1000, "To": 65535, "Cidr": "0.0.0.0/0"}]})

    return run(directory, found(), rows, accounts)
