"""The verbs that reach into accounts, against several accounts in two regions with known drift."""
from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response
from moto.s3.exceptions import S3AccessDeniedError
from moto.s3.responses import S3Response

from ..conftest import BLUE, HOME, LOCKED, POLICIES, RED, REGIONS, Cloud, guardrails

EAST, WEST = REGIONS
SWEPT = ("open-ssh", "a-user-mfa", "bucket-versioning", "volume-encryption")


def seed(cloud: Cloud) -> Counter[tuple[str, str, str]]:
    """Drift of every kind; returns how many findings each (account, region, policy) has to have."""
    truth: Counter[tuple[str, str, str]] = Counter()
    for account, region, number in ((RED, EAST, 2), (RED, WEST, 1), (BLUE, WEST, 3)):
        for index in range(number):
            ec2 = cloud.client("ec2", account, region)
            group = ec2.create_security_group(GroupName=f"g{index}", Description="d")["GroupId"]
            ec2.authorize_security_group_ingress(
                GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
            )
        truth[account, region, "open-ssh"] = number
    for account, names in ((RED, ("ann",)), (BLUE, ("bob", "cleo", "dan"))):
        iam = cloud.client("iam", account)
        for name in names:
            iam.create_user(UserName=name)
        truth[account, "global", "a-user-mfa"] = len(names)
    s3 = cloud.client("s3", RED)
    s3.create_bucket(Bucket="red-east")
    s3.create_bucket(Bucket="red-west", CreateBucketConfiguration={"LocationConstraint": WEST})
    s3.create_bucket(Bucket="red-good")
    s3.put_bucket_versioning(Bucket="red-good", VersioningConfiguration={"Status": "Enabled"})
    truth[RED, "global", "bucket-versioning"] = 2
    cloud.client("ec2", BLUE, EAST).enable_ebs_encryption_by_default()
    for account, region in ((RED, EAST), (RED, WEST), (BLUE, WEST)):
        truth[account, region, "volume-encryption"] = 1
    return truth


def counted(report: dict[str, Any]) -> Counter[tuple[str, str, str]]:
    return Counter((f["account"], f["region"], f["policy"]) for f in report["findings"])


def states(report: dict[str, Any]) -> dict[tuple[str, str, str], str]:
    return {(run["account"], run["region"], run["policy"]): run["state"] for run in report["runs"]}


@pytest.fixture
def two_accounts(accounts_yml: Path) -> Path:
    """accounts.yml without the third."""
    accounts_yml.write_text("\n".join(accounts_yml.read_text().splitlines()[:3]) + "\n")
    return accounts_yml


def test_an_audit_finds_what_is_there_and_nothing_else(cloud: Cloud, two_accounts: Path, tmp_path: Path) -> None:
    truth = seed(cloud)
    result = guardrails("audit", "-c", two_accounts, "--policies", POLICIES, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("COMPLETE: all 12 checks ran (2 accounts, 2 regions)")
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert counted(report) == truth
    # IAM and S3 once an account, the others in each region.
    assert states(report) == {
        (account, region, policy): "ran"
        for account in (RED, BLUE)
        for policy in SWEPT
        for region in (REGIONS if policy in ("open-ssh", "volume-encryption") else ("global",))
    }
    assert report["complete"]
    assert report["policies_not_audited"] == 2
    assert "2 realtime policies not audited" in result.stdout
    severities = [finding["severity"] for finding in report["findings"]]
    assert severities == sorted(severities, key=("critical", "high", "medium", "low", "info").index)
    assert {f["arn"] for f in report["findings"] if f["policy"] == "bucket-versioning"} == {
        "arn:aws:s3:::red-east", "arn:aws:s3:::red-west",
    }
    # Nothing was changed, and nothing in the files that c7n-org got could have.
    assert "actions" not in (tmp_path / "out/c7n-org/policies-1-1.yml").read_text()
    assert str(tmp_path / "out/report.md") in result.stdout.splitlines()[-1]
    again = guardrails("audit", "-c", two_accounts, "--policies", POLICIES, "-o", tmp_path / "out")
    assert again.exit_code == 1
    assert "is not empty" in again.stderr


def test_the_account_of_the_credentials_is_the_default(cloud: Cloud, tmp_path: Path) -> None:
    cloud.open_group(HOME, EAST)
    cloud.client("iam").create_user(UserName="ann")
    arguments = ("audit", "--policies", POLICIES, "--service", "security-group", "-o")
    assert guardrails(*arguments, tmp_path / "plain").exit_code == 0
    report = json.loads((tmp_path / "plain/report.json").read_text())
    assert counted(report) == {(HOME, EAST, "open-ssh"): 1}
    assert report["findings"][0]["evidence"]["c7n:IngressPlan"]
    assert guardrails(*arguments, tmp_path / "gate", "--fail-on", "high").exit_code == 1


def test_credentials_of_another_account_are_not_used(cloud: Cloud, tmp_path: Path) -> None:
    file = tmp_path / "accounts.yml"
    file.write_text(f"accounts: [{{name: red, account_id: '{RED}', role: {'arn:aws:iam::' + BLUE + ':role/sweep'}}}]\n")
    result = guardrails("audit", "-c", file, "--policies", POLICIES, "-o", tmp_path / "out", "-r", EAST)
    assert result.exit_code == 2
    assert f"its credentials belong to account {BLUE}" in result.stdout


def test_a_policy_that_c7n_refuses_takes_no_other_with_it(cloud: Cloud, tmp_path: Path) -> None:
    policies = tmp_path / "mine"
    policies.mkdir()
    (policies / "a.yml").write_text("policies:\n  - name: bad\n    resource: aws.s3\n    filters: [no-such]\n")
    result = guardrails("audit", "--policies", policies, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "a.yml:2: bad: aws.s3 has no filter 'no-such'" in result.stderr


def test_a_rollback_stops_at_the_first_failure_and_says_where(cloud: Cloud, tmp_path: Path) -> None:
    group = cloud.open_group(HOME, EAST)

    def receipt(resource: str, at: str, *inverse: dict[str, Any]) -> dict[str, Any]:
        return {"account": HOME, "region": EAST, "resource": resource, "resource_type": "aws.security-group",
                "policy": "open-ssh", "outcome": "reverted", "at": f"{at}+00:00", "inverse": list(inverse)}

    def opens(target: str, cidr: str) -> dict[str, Any]:
        return {"service": "ec2", "operation": "authorize_security_group_ingress", "parameters": {
            "GroupId": target, "IpPermissions": [
                {"IpProtocol": "tcp", "FromPort": 23, "ToPort": 23, "IpRanges": [{"CidrIp": cidr}]}
            ]}}

    file = tmp_path / "receipts.json"
    file.write_text(json.dumps([
        receipt("sg-12345678", "2026-01-01T00:00:00", opens("sg-12345678", "10.0.0.0/8")),
        receipt(group, "2026-01-02T00:00:00", opens(group, "10.0.0.0/8")),
        receipt("sg-ok", "2026-01-03T00:00:00"),
        receipt(group, "2025-01-01T00:00:00", opens(group, "10.9.0.0/16")),
    ]))
    refused = guardrails("rollback", file, "--yes")
    assert refused.exit_code == 1
    assert "receipt 1 (sg-12345678): " in refused.stderr
    assert "cannot be read: InvalidGroup.NotFound on DescribeSecurityGroups" in refused.stderr
    assert "done:" not in refused.stdout
    result = guardrails("rollback", file, "--yes", "--force", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "nothing to undo: sg-ok (reverted)" in result.stdout
    assert [line.split()[0] for line in result.stdout.splitlines() if line.startswith(("done", "failed", "not done"))] \
        == ["done:", "failed:", "not"]
    assert "stopped at call 2 of 3: 1 done, 2 not done" in result.stderr
    assert cloud.sources(HOME, EAST, group) == ["0.0.0.0/0", "10.0.0.0/8", "10.1.2.3/32"]


def test_what_was_not_seen_is_named_and_everything_else_is_complete(
    cloud: Cloud, accounts_yml: Path, tmp_path: Path
) -> None:
    truth = Counter({key: number for key, number in seed(cloud).items() if key[0] == BLUE and key[1] != WEST})
    cloud.no_way_in.add(LOCKED)
    cloud.no_users.add(BLUE)
    lines = accounts_yml.read_text().splitlines()
    accounts_yml.write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    result = guardrails(
        "audit", "-c", accounts_yml, "-r", EAST, "--policies", POLICIES, "-o", tmp_path / "out", "--fail-on", "low"
    )
    assert result.exit_code == 2
    # One call denied in blue, and every check of the account that there was no way into.
    assert result.stdout.startswith("INCOMPLETE: 5 of 8 checks did not complete")
    report = json.loads((tmp_path / "out/report.json").read_text())
    del truth[BLUE, "global", "a-user-mfa"]
    assert counted(report) == truth
    # c7n-org gives up on blue at the denied call; what it did not reach is run again.
    assert list((tmp_path / "out/c7n-org").glob("log-2-*.txt"))
    expected = {key: "denied" for key in states(report) if key[0] == LOCKED}
    expected[BLUE, "global", "a-user-mfa"] = "denied"
    assert {key: state for key, state in states(report).items() if state != "ran"} == expected
    reasons = {run["policy"]: run["reason"] for run in report["runs"] if run["account"] == LOCKED}
    assert "could not assume" in reasons["open-ssh"]
    assert "AccessDenied on AssumeRole" in reasons["open-ssh"]
    assert "AccessDenied on ListUsers" in result.stdout
    rows = {row["name"]: row for row in report["policies"]}
    assert (rows["a-user-mfa"]["seen"], rows["a-user-mfa"]["asked"]) == (0, 2)
    assert "INCOMPLETE" in (tmp_path / "out/report.md").read_text().splitlines()[2]


def test_a_bucket_that_may_not_be_read_is_not_compliant(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(self: Any) -> str:
        raise S3AccessDeniedError

    cloud.client("s3").create_bucket(Bucket="secret")
    monkeypatch.setattr(S3Response, "get_bucket_versioning", denied)
    # c7n notes it on the bucket and goes on; a filter that finds no key lets the bucket pass.
    policies = tmp_path / "mine"
    policies.mkdir()
    (policies / "a.yml").write_text(
        "policies:\n- {name: suspended, resource: aws.s3, query: [{augment-keys: [Versioning]}],\n"
        "   filters: [{Versioning.Status: Suspended}]}\n")
    result = guardrails("audit", "--policies", policies, "-o", tmp_path / "out")
    assert result.exit_code == 2
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert states(report) == {(HOME, "global", "suspended"): "partial"}
    assert report["runs"][0]["unknown"] == [{"resource": "secret", "reason": "get_bucket_versioning: AccessDenied"}]


def test_a_heal_fixes_looks_again_and_can_be_taken_back(cloud: Cloud, tmp_path: Path) -> None:
    group = cloud.open_group(HOME, EAST)
    cloud.client("iam").create_user(UserName="ann")  # its policy only tells
    arguments = ("heal", "--policies", POLICIES, "-o", tmp_path / "out")
    refused = guardrails(*arguments)
    assert refused.exit_code == 1
    assert "--yes" in refused.stderr
    assert cloud.sources(HOME, EAST, group) == ["0.0.0.0/0", "10.1.2.3/32"]

    result = guardrails(*arguments, "--yes")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("COMPLETE: 2 of 2 findings fixed")
    assert cloud.sources(HOME, EAST, group) == ["10.1.2.3/32"]
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert {(fix["policy"], fix["outcome"]) for fix in report["fixes"]} == {
        ("open-ssh", "reverted"), ("volume-encryption", "reverted"),
    }
    assert report["complete"]
    receipts = tmp_path / "out/receipts.json"
    of_group = [each for each in json.loads(receipts.read_text()) if each["resource"] == group]
    assert of_group == json.loads(next((tmp_path / "out/fix").rglob("action-revert-ingress")).read_text())
    receipts.write_text(json.dumps(of_group))
    for line in ("done: ec2:authorize_security_group_ingress", "already done: ec2:authorize_security_group_ingress"):
        back = guardrails("rollback", receipts, "--yes", "-o", tmp_path / line.partition(":")[0])
        assert back.exit_code == 0, back.output
        assert line in back.stdout
        assert cloud.sources(HOME, EAST, group) == ["0.0.0.0/0", "10.1.2.3/32"]


@pytest.mark.parametrize("by_name", [False, True])
def test_a_heal_leaves_what_somebody_answers_for(cloud: Cloud, tmp_path: Path, by_name: bool) -> None:
    kept = cloud.open_group(HOME, EAST)
    ec2 = cloud.client("ec2", HOME, EAST)
    [described] = ec2.describe_security_groups(GroupIds=[kept])["SecurityGroups"]
    ec2.create_tags(Resources=[kept], Tags=[{"Key": "cluster", "Value": "blue"}])
    selects = f"name: '{described['GroupName']}*', tags: {{cluster: b*}}" if by_name else f"resource: {kept}"
    other = ec2.create_security_group(GroupName="other", Description="d")["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=other, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    file = tmp_path / "exceptions.yml"
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    file.write_text(
        f"exceptions:\n- {{policy: open-ssh, account: '{HOME}', {selects}, reason: a bastion, "
        f"owner: ops@example.org, expires: {tomorrow}}}\n")
    chosen = ("--policies", POLICIES, "--policy", "open-ssh", "--exceptions", file)
    result = guardrails("heal", *chosen, "-o", tmp_path / "out", "--yes")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("COMPLETE: 1 of 1 findings fixed")
    assert cloud.sources(HOME, EAST, kept) == ["0.0.0.0/0", "10.1.2.3/32"]
    assert cloud.sources(HOME, EAST, other) == []
    audited = guardrails("audit", *chosen, "-o", tmp_path / "after", "--fail-on", "info", "--sweeps", 1, "--workers", 1)
    assert audited.exit_code == 0, audited.output
    report = json.loads((tmp_path / "after/report.json").read_text())
    assert [(f["resource"], f["status"], f["exception"]["owner"]) for f in report["findings"]] == [
        (kept, "excepted", "ops@example.org")]
    assert "1 exception will expire within 30 days" in audited.stdout
    # The report can be had again, in another format.
    again = guardrails("report", tmp_path / "after", "--format", "csv", "--exceptions", file, "-o", tmp_path / "again")
    assert again.exit_code == 0, again.output
    with (tmp_path / "again/findings.csv").open(newline="") as stream:
        [row] = csv.DictReader(stream)
    assert (row["resource"], row["name"], row["status"]) == (kept, described["GroupName"], "excepted")


def test_a_receipt_of_another_account_is_refused_whole(cloud: Cloud, tmp_path: Path) -> None:
    call = {"service": "kms", "operation": "disable_key", "parameters": {"KeyId": "x"}}
    file = tmp_path / "receipts.json"
    file.write_text(json.dumps([
        {"account": account, "region": EAST, "resource": "x", "resource_type": "aws.kms-key", "policy": "p",
         "outcome": "reverted", "at": "2026-01-01T00:00:00+00:00", "inverse": [call]} for account in (HOME, RED)
    ]))
    result = guardrails("rollback", file, "--yes")
    assert result.exit_code == 1
    assert f"the receipts are from account {RED}, but the credentials are for {HOME}" in result.stderr
    assert result.stdout == ""


def test_a_fix_that_is_denied_is_no_success(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Any) -> str:
        raise EC2ClientError("UnauthorizedOperation", "You are not authorized to perform this operation.")

    cloud.open_group(HOME, EAST)
    monkeypatch.setattr(EC2Response, "revoke_security_group_ingress", denied)
    monkeypatch.setattr(EC2Response, "enable_ebs_encryption_by_default", denied)
    result = guardrails("heal", "--policies", POLICIES, "-o", tmp_path / "out", "--yes")
    assert result.exit_code == 2
    assert result.stdout.startswith("INCOMPLETE: 0 of 2 findings fixed, 2 failed")
    assert "UnauthorizedOperation" in result.stdout


def test_a_deployment_is_what_lambda_says_it_is(cloud: Cloud, accounts_yml: Path, tmp_path: Path) -> None:
    # Without the role, in blue, Lambda refuses the function.
    cloud.client("iam", RED).create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
    cloud.no_way_in.add(LOCKED)
    arguments = ("deploy", "-c", accounts_yml, "--policies", POLICIES, "--yes", "-r", WEST, "-o")
    result = guardrails(*arguments, tmp_path / "one", "--mode", "realtime")
    assert result.exit_code == 2
    assert result.stdout.startswith("INCOMPLETE: 2 created, 4 failed")
    made = json.loads((tmp_path / "one/deploy.json").read_text())["functions"]
    # Calls of IAM are recorded in us-east-1 alone; a function elsewhere would never hear of one.
    assert {(f["account"], f["region"], f["policy"]) for f in made if f["outcome"] == "created"} == {
        (RED, EAST, "user-made"), (RED, WEST, "group-made"),
    }
    assert {f["account"] for f in made if f["outcome"] == "failed"} == {BLUE, LOCKED}
    assert all(f["reason"] for f in made if f["outcome"] == "failed")
    for region, name in ((EAST, "custodian-user-made"), (WEST, "custodian-group-made")):
        there = cloud.client("lambda", RED, region).list_functions()["Functions"]
        assert [function["FunctionName"] for function in there] == [name]

    accounts_yml.write_text("\n".join(accounts_yml.read_text().splitlines()[:2]) + "\n")
    again = guardrails(*arguments, tmp_path / "two", "group-made")
    assert (again.exit_code, again.stdout.splitlines()[0]) == (0, "COMPLETE: 1 unchanged")
