"""The calls of a rollback: their order and account, what it refuses, where it stops, and how it continues."""
from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.client import BaseClient
from click.testing import Result

from guardrails.errors import GuardrailsError
from guardrails.runs import account_lock
from guardrails.runs.account_lock import locked_accounts
from guardrails.runs.receipt_sources import SourcedReceipt, read_receipts
from guardrails.runs.rollback_plan import RollbackPlan

from ..conftest import HOME, RED, REGIONS, Cloud, guardrails

EAST = REGIONS[0]
ROGUE = Path(__file__).parent / "receipts" / "rogue.json"


def opens(group: str, *cidrs: str, port: int = 22) -> dict[str, Any]:
    """The call that opens a port of a group to each of the ranges."""
    return {"service": "ec2", "operation": "authorize_security_group_ingress", "parameters": {
        "GroupId": group, "IpPermissions": [
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]} for cidr in cidrs]}}


def receipt(
    group: str, *inverse: Mapping[str, Any], at: str = "2026-01-01T00:00:00+00:00", **more: Any
) -> dict[str, Any]:
    return {
        "account": HOME, "region": EAST, "resource": group, "resource_type": "aws.security-group", "policy": "open-ssh",
        "action": "revert-ingress", "outcome": "reverted", "at": at, "removed": [], "added": [],
        "inverse": list(inverse), **more}


def planned(*receipts: Any) -> RollbackPlan:
    return RollbackPlan.of([SourcedReceipt(each, "r.json", n) for n, each in enumerate(receipts, 1)])


def written(path: Path, *receipts: Mapping[str, Any]) -> Path:
    path.write_text(json.dumps(receipts))
    return path


def rollback(file: Path, out: Path, *more: str) -> Result:
    return guardrails("rollback", file, "--yes", "-o", out, *more)


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Every call of this process that changes something."""
    found: list[tuple[str, Any]] = []
    original = BaseClient._make_api_call

    def make(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if not operation.startswith(("Get", "Describe", "List")):
            found.append((operation, parameters))
        return original(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", make)
    return found


def group_of(cloud: Cloud) -> str:
    """A security group without rules."""
    return str(cloud.client("ec2").create_security_group(GroupName="g", Description="d")["GroupId"])


# -- the plan ---------------------------------------------------------------------------------------------------


def test_the_last_fix_is_undone_first_and_each_in_its_own_order() -> None:
    plan = planned(
        receipt("sg-1", opens("sg-1", "10.0.0.1/32"), opens("sg-1", "10.0.0.2/32")),
        # The same instant as the last one, in another time zone: the file's order decides.
        receipt("sg-2", opens("sg-2", "10.0.0.3/32"), at="2026-01-02T01:00:00+01:00"),
        receipt("sg-3", opens("sg-3", "10.0.0.4/32"), at="2026-01-02T00:00:00+00:00"),
        receipt("sg-4", outcome="refused"))
    assert [each.parameters["IpPermissions"][0]["IpRanges"][0]["CidrIp"][-4] for each in plan.calls] == list("4312")
    assert plan.empty == ("sg-4 (refused)",)


def test_a_receipt_that_is_given_twice_is_undone_once() -> None:
    one = receipt("sg-1", opens("sg-1", "10.0.0.1/32"))
    assert len(planned(one, one).calls) == 1


CREATE_USER = {"service": "iam", "operation": "create_user", "parameters": {"UserName": "backdoor"}}


@pytest.mark.parametrize(("change", "problem"), [
    ({"inverse": [CREATE_USER]}, "iam:create_user does not undo the fix revert-ingress of aws.security-group"),
    ({"inverse": [CREATE_USER], "action": ""}, "iam:create_user does not undo a fix of aws.security-group"),
    ({"inverse": [opens("sg-2", "10.0.0.0/8")]}, "GroupId: 'sg-2' is not the receipt's resource 'sg-1'"),
    ({"action": "no-such-fix"}, "does not undo the fix no-such-fix"),
    ({"action": 1}, "action: must be a string, got int"),
    ({"resource_type": "aws.iam-user"}, "does not undo the fix revert-ingress of aws.iam-user"),
    ({"inverse": [{**opens("sg-1", "10.0.0.0/8"), "region": "eu-west-1"}]}, "is not a call"),
    ({"inverse": [{"service": "ec2"}]}, "is not a call"),
    ({"inverse": [{**opens("sg-1"), "parameters": []}]}, "is not a call"),
    ({"inverse": ["ec2:x"]}, "is not a call"),
    ({"inverse": {}}, "inverse: must be a list, got dict"),
    ({"inverse": [{**opens("sg-1"), "parameters": {"GroupId": "sg-1", "DryRun": True}}]}, "the parameter DryRun"),
    ({"inverse": [{**opens("sg-1"), "parameters": {}}]}, "the parameter GroupId is missing"),
    ({"account": "1"}, "account: '1' is not an account id"),
    ({"account": 123456789012}, "account: must be a string, got int"),
    ({"region": ""}, "region: '' is not a region"),
    ({"region": "us-east-1.evil.example"}, "is not a region"),
    ({"at": "yesterday"}, "at: 'yesterday' is not a time"),
    ({"at": "2026-01-01T00:00:00"}, "is not a time with a time zone"),
    ({"outcome": "splendid"}, "outcome: 'splendid' is not one of"),
    ({"removed": "all"}, "removed: must be a list"),
])
def test_what_does_not_undo_the_fix_is_refused(change: dict[str, Any], problem: str) -> None:
    good = receipt("sg-1", opens("sg-1", "10.0.0.0/8"))
    with pytest.raises(GuardrailsError) as refused:
        planned(good, {**good, "at": "2026-01-03T00:00:00+00:00", **change})
    assert refused.value.problem.startswith("no call was made")
    assert "r.json: receipt 2 (sg-1): " in refused.value.problem
    assert problem in refused.value.problem
    assert "receipt 1" not in refused.value.problem
    assert refused.value.fix


@pytest.mark.parametrize(
    "name", ["account", "region", "resource", "resource_type", "policy", "outcome", "at", "inverse"])
def test_a_missing_field_is_named(name: str) -> None:
    short = receipt("sg-1")
    del short[name]
    with pytest.raises(GuardrailsError, match=f"receipt 1.*: the field {name} is missing"):
        planned(short)
    with pytest.raises(GuardrailsError, match="must be a JSON object, got str"):
        planned("receipt")


KEY_ID = "AKIAIOSFODNN7EXAMPLE"
KEY = {"service": "iam", "operation": "update_access_key", "parameters": {
    "UserName": "ann", "AccessKeyId": KEY_ID, "Status": "Active"}}
DATABASE = {"service": "rds", "operation": "modify_db_instance", "parameters": {
    "DBInstanceIdentifier": "db", "PubliclyAccessible": True}}


@pytest.mark.parametrize(("base", "call", "more", "problem"), [
    # Another key than the one that the fix disabled; a call that does something else besides.
    ({"resource": f"arn:aws:iam::{HOME}:user/ann", "resource_type": "aws.iam-user", "action": "disable-keys",
      "removed": [{"AccessKeyId": KEY_ID}]}, KEY, {"AccessKeyId": "AKIA2"}, "AccessKeyId: 'AKIA2'"),
    ({"resource": f"arn:aws:iam::{HOME}:user/bob", "resource_type": "aws.iam-user", "action": "disable-keys",
      "removed": [{"AccessKeyId": KEY_ID}]}, KEY, {}, "UserName: 'ann' is not the receipt's resource"),
    ({"resource": f"arn:aws:iam::{RED}:user/ann", "resource_type": "aws.iam-user", "action": "disable-keys",
      "removed": [{"AccessKeyId": KEY_ID}]}, KEY, {}, "is not in the receipt's account and region"),
    ({"resource": "db", "resource_type": "aws.rds", "action": "revert-public-access"}, DATABASE,
     {"MasterUserPassword": "x"}, "the parameter MasterUserPassword does not belong"),
    ({"resource": "db", "resource_type": "aws.rds", "action": "revert-public-access"}, DATABASE,
     {"PubliclyAccessible": 1}, "PubliclyAccessible: 1 is not a value that undoes this fix"),
])
def test_values_that_do_not_undo_the_fix_are_refused(
    base: dict[str, Any], call: dict[str, Any], more: dict[str, Any], problem: str
) -> None:
    changed = {**call, "parameters": {**call["parameters"], **more}}
    with pytest.raises(GuardrailsError) as refused:
        planned(receipt("x", changed, **base))
    assert problem in refused.value.problem


def test_calls_of_another_account_are_refused() -> None:
    plan = planned(receipt("sg-1", opens("sg-1")), receipt("sg-2", opens("sg-2"), account=RED))
    with pytest.raises(GuardrailsError, match=RED):
        plan.refuse_other_accounts(HOME)
    planned(receipt("sg-1", opens("sg-1"))).refuse_other_accounts(HOME)


@pytest.mark.parametrize(("content", "problem"), [
    ("{", "has no receipts"), ("{}", "has no receipts"), ("[" * 100_000, "has no receipts"),
    ("revert-ingress receipt {", "line 1: a receipt that is cut off"),
])
def test_a_file_without_receipts_is_named(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "receipts.json"
    file.write_text(content)
    with pytest.raises(GuardrailsError, match=f"{file}: {problem}"):
        read_receipts([file])


def test_the_journal_of_a_killed_fix_is_undone(cloud: Cloud, tmp_path: Path) -> None:
    group = group_of(cloud)
    head = {key: value for key, value in receipt(group).items()
            if key not in ("outcome", "removed", "added", "inverse")}
    removed = opens(group, "10.0.0.1/32"), opens(group, "10.0.0.2/32")
    cloud.client("ec2").authorize_security_group_ingress(**removed[1]["parameters"])  # its removal was never made
    journal = tmp_path / "fixes.jsonl"
    journal.write_text("".join(
        json.dumps({**head, "begins": "remove", "call": {}, "inverse": [call]}) + "\n" for call in removed)
        + '{"resource": "cut in the mid')
    assert rollback(journal, tmp_path / "out").exit_code == 0
    rules, = cloud.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert sorted(each["CidrIp"] for each in rules["IpRanges"]) == ["10.0.0.1/32", "10.0.0.2/32"]


# -- the verb ---------------------------------------------------------------------------------------------------


def test_a_rogue_receipt_makes_no_user(cloud: Cloud, tmp_path: Path, changes: list[tuple[str, Any]]) -> None:
    group = group_of(cloud)
    changes.clear()
    file = written(
        tmp_path / "receipts.json", receipt(group, opens(group, "10.0.0.0/8")), *json.loads(ROGUE.read_text()))
    result = rollback(file, tmp_path / "out")
    assert result.exit_code == 1
    assert "iam:create_user does not undo a fix of aws.security-group" in result.stderr
    assert changes == []
    assert cloud.client("iam").list_users()["Users"] == []
    assert not (tmp_path / "out").exists()


def test_a_parameter_that_boto3_does_not_know_ends_it_before_the_first_call(
    cloud: Cloud, tmp_path: Path, changes: list[tuple[str, Any]]
) -> None:
    group = group_of(cloud)
    changes.clear()
    bad = {**opens(group), "parameters": {"GroupId": group, "IpPermissions": [{"Port": 22}]}}
    file = written(tmp_path / "receipts.json", receipt(group, opens(group, "10.0.0.0/8"), bad))
    result = rollback(file, tmp_path / "out")
    assert result.exit_code == 1
    assert "Unknown parameter" in result.stderr
    assert changes == []


def test_a_changed_resource_is_shown_and_refused_and_forced_rule_by_rule(
    cloud: Cloud, tmp_path: Path, changes: list[tuple[str, Any]]
) -> None:
    """One rule of the call is back: EC2 refuses the whole call, and the other rule comes back all the same."""
    group = group_of(cloud)
    back = opens(group, "10.0.0.1/32")["parameters"]
    cloud.client("ec2").authorize_security_group_ingress(**back)
    changes.clear()
    file = written(tmp_path / "receipts.json", receipt(group, opens(group, "10.0.0.1/32", "10.0.0.2/32")))
    result = rollback(file, tmp_path / "out")
    assert result.exit_code == 1
    assert "resources that have changed since the fix: 1" in result.stderr
    assert "existing: tcp 22 from 10.0.0.1/32; missing: tcp 22 from 10.0.0.2/32" in result.stderr
    assert changes == []
    result = rollback(file, tmp_path / "out", "--force")
    assert result.exit_code == 0, result.output
    assert cloud.sources(HOME, EAST, group) == ["10.0.0.1/32", "10.0.0.2/32"]
    [record] = json.loads((tmp_path / "out/receipts.json").read_text())
    # Only what the rollback opened is closed again when it is rolled back itself.
    assert [each["operation"] for each in record["inverse"]] == ["revoke_security_group_ingress"]
    assert "10.0.0.1/32" not in json.dumps(record["inverse"])


def test_several_sources_in_one_permission_are_divided_too(cloud: Cloud, tmp_path: Path) -> None:
    group = group_of(cloud)
    cloud.client("ec2").authorize_security_group_ingress(**opens(group, "10.0.0.1/32")["parameters"])
    call = opens(group, "10.0.0.1/32")
    call["parameters"]["IpPermissions"][0]["IpRanges"].append({"CidrIp": "10.0.0.2/32"})
    result = rollback(written(tmp_path / "receipts.json", receipt(group, call)), tmp_path / "out", "--force")
    assert result.exit_code == 0, result.output
    assert cloud.sources(HOME, EAST, group) == ["10.0.0.1/32", "10.0.0.2/32"]


def test_twice_is_harmless_and_the_rollback_can_be_rolled_back(
    cloud: Cloud, tmp_path: Path, changes: list[tuple[str, Any]]
) -> None:
    group = group_of(cloud)
    file = written(tmp_path / "receipts.json", receipt(group, opens(group, "10.0.0.1/32", "10.0.0.2/32")))
    assert rollback(file, tmp_path / "one").exit_code == 0
    both = ["10.0.0.1/32", "10.0.0.2/32"]
    assert cloud.sources(HOME, EAST, group) == both
    changes.clear()
    again = rollback(file, tmp_path / "two")
    assert again.exit_code == 0, again.output
    assert "already done: ec2:authorize_security_group_ingress" in again.stdout
    assert changes == []
    record = tmp_path / "one/receipts.json"
    [made] = json.loads(record.read_text())
    assert (made["outcome"], made["policy"], made["resource"]) == ("rolled-back", "open-ssh", group)
    for expected, number in (([], 1), (both, 2), ([], 3)):
        result = rollback(record, tmp_path / f"back{number}")
        assert result.exit_code == 0, result.output
        assert cloud.sources(HOME, EAST, group) == expected
        record = tmp_path / f"back{number}/receipts.json"


def test_a_narrowed_rule_is_widened_and_narrowed_again(
    cloud: Cloud, tmp_path: Path, changes: list[tuple[str, Any]]
) -> None:
    ec2, group = cloud.client("ec2"), group_of(cloud)
    wide = {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "CidrIp": "0.0.0.0/0"}
    [rule] = ec2.authorize_security_group_ingress(GroupId=group, **wide)["SecurityGroupRules"]
    kept = {**wide, "FromPort": 23, "SecurityGroupRuleId": rule["SecurityGroupRuleId"]}

    def modify(start: int) -> dict[str, Any]:
        return {"GroupId": group, "SecurityGroupRules": [{
            "SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": {
                "IpProtocol": "tcp", "FromPort": start, "ToPort": 65535, "CidrIpv4": "0.0.0.0/0"}}]}

    def start() -> int:
        [now] = [each for each in ec2.describe_security_group_rules()["SecurityGroupRules"]
                 if each["SecurityGroupRuleId"] == rule["SecurityGroupRuleId"]]
        return int(now["FromPort"])

    ec2.modify_security_group_rules(**modify(23))
    widen = {"service": "ec2", "operation": "modify_security_group_rules", "parameters": modify(0)}
    file = written(tmp_path / "receipts.json", receipt(
        group, widen, removed=[{**kept, "FromPort": 0}], added=[kept]))
    assert rollback(file, tmp_path / "one").exit_code == 0
    assert start() == 0
    changes.clear()
    assert "already done: ec2:modify" in rollback(file, tmp_path / "two").stdout
    assert changes == []
    assert rollback(tmp_path / "one/receipts.json", tmp_path / "back").exit_code == 0
    assert start() == 23
    ec2.modify_security_group_rules(**modify(24))
    other = receipt(group, widen, at="2026-01-02T00:00:00+00:00", removed=[{**kept, "FromPort": 0}], added=[kept])
    refused = rollback(written(tmp_path / "other.json", other), tmp_path / "three")
    assert (refused.exit_code, start()) == (1, 24)
    assert f"{rule['SecurityGroupRuleId']} is now tcp 24-65535 from 0.0.0.0/0" in refused.output


def test_a_changed_record_of_a_rollback_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    group = group_of(cloud)
    file = written(tmp_path / "receipts.json", receipt(group, opens(group, "10.0.0.1/32")))
    assert rollback(file, tmp_path / "one").exit_code == 0
    [made] = json.loads((tmp_path / "one/receipts.json").read_text())
    planned(made)
    for change, problem in (
        ({"inverse": [opens(group, "0.0.0.0/0")]}, "inverse: must be the calls that repeat the changes of the fix"),
        ({"undid": [CREATE_USER]}, "undid: iam:create_user does not undo"),
        ({"undid": None}, "undid: must be the list"),
        ({"resource": "sg-2"}, "resource must be the same as in the receipt"),
        ({"rolls_back": made}, "this receipt is also one of a rollback"),
        ({"rolls_back": {}}, "rolls_back: the field account"),
    ):
        with pytest.raises(GuardrailsError) as refused:
            planned({**made, **change})
        assert problem in refused.value.problem


def test_receipts_and_journal_are_private(cloud: Cloud, tmp_path: Path) -> None:
    group = group_of(cloud)
    file = written(tmp_path / "receipts.json", receipt(group, opens(group, "10.0.0.1/32")))
    assert rollback(file, tmp_path / "out").exit_code == 0
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (
        tmp_path / "out", tmp_path / "out/receipts.json", tmp_path / "out/fixes.jsonl",
        tmp_path / f"output/rollbacks/{HOME}.jsonl")}
    assert list(modes.values()) == [0o700, 0o600, 0o600, 0o600]


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
def test_a_killed_rollback_continues(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """Killed around the second of three calls, of three kinds; the next run makes what is missing, and only that."""
    group, iam, s3 = group_of(cloud), cloud.client("iam"), cloud.client("s3")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    iam.update_access_key(UserName="ann", AccessKeyId=key, Status="Inactive")
    block = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.create_bucket(Bucket="shop")
    s3.put_public_access_block(Bucket="shop", PublicAccessBlockConfiguration=block)
    file = written(
        tmp_path / "receipts.json",
        receipt("shop", {"service": "s3", "operation": "delete_public_access_block", "parameters": {"Bucket": "shop"}},
                resource_type="aws.s3", action="close-bucket", added=[{"PublicAccessBlock": block}]),
        receipt(f"arn:aws:iam::{HOME}:user/ann", {"service": "iam", "operation": "update_access_key", "parameters": {
            "UserName": "ann", "AccessKeyId": key, "Status": "Active"}}, resource_type="aws.iam-user",
            action="disable-keys", removed=[{"AccessKeyId": key, "Status": "Active"}]),
        receipt(group, opens(group, "10.0.0.1/32")))
    original = BaseClient._make_api_call

    def kill(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "UpdateAccessKey":
            if after:
                original(client, operation, parameters)
            raise KeyboardInterrupt
        return original(client, operation, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", kill)
        assert rollback(file, tmp_path / "killed").exit_code == 1
    assert cloud.sources(HOME, EAST, group) == ["10.0.0.1/32"]
    assert s3.get_public_access_block(Bucket="shop")["PublicAccessBlockConfiguration"] == block
    done, begun = json.loads((tmp_path / "killed/receipts.json").read_text())
    assert (done["resource"], done["outcome"]) == (group, "rolled-back")
    assert (begun["resource"], begun["outcome"]) == (f"arn:aws:iam::{HOME}:user/ann", "interrupted")
    # After kill -9 there is only the journal, and it has the same receipts.
    left = read_receipts([tmp_path / "killed/fixes.jsonl"])
    assert [each.receipt for each in left] == [done, begun]
    assert [each.problem for each in left] == ["", ""]

    result = rollback(file, tmp_path / "out")
    assert result.exit_code == 0, result.output
    [found] = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]
    assert found["Status"] == "Active"
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchPublicAccessBlockConfiguration"):
        s3.get_public_access_block(Bucket="shop")
    records = json.loads((tmp_path / "out/receipts.json").read_text())
    assert [each["outcome"] for each in records] == ["rolled-back"] * 3
    # All three can be taken back, also the call that was made before the kill.
    again = rollback(tmp_path / "out/receipts.json", tmp_path / "again")
    assert again.exit_code == 0, again.output
    [found] = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]
    assert found["Status"] == "Inactive"
    assert s3.get_public_access_block(Bucket="shop")["PublicAccessBlockConfiguration"] == block


def test_names_cannot_control_the_terminal(cloud: Cloud, tmp_path: Path) -> None:
    evil = "x\x1b[2J\r\nreverted: all is well\u202e"
    file = written(tmp_path / "receipts.json", receipt(evil), receipt(evil, opens("sg-1", "10.0.0.0/8")))
    result = rollback(file, tmp_path / "out")
    assert result.exit_code == 1
    for character in ("\x1b", "\r", "\u202e"):
        assert character not in result.output
    assert not any(line.startswith("reverted:") for line in result.output.splitlines())
    shown = rollback(written(tmp_path / "empty.json", receipt(evil)), tmp_path / "out")
    assert shown.output == "nothing to undo: x\\x1b[2J\\r\\nreverted: all is well\\u202e (reverted)\n"


# -- comparing with AWS -----------------------------------------------------------------------------------------


def test_an_attached_policy_is_compared(cloud: Cloud, tmp_path: Path) -> None:
    iam = cloud.client("iam")
    arn = iam.create_policy(PolicyName="all", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"}]}))["Policy"]["Arn"]
    iam.create_role(RoleName="app", AssumeRolePolicyDocument="{}")
    call = {"service": "iam", "operation": "attach_role_policy", "parameters": {"RoleName": "app", "PolicyArn": arn}}
    made = receipt(f"arn:aws:iam::{HOME}:role/app", call, resource_type="aws.iam-role", action="revoke-full-star",
                   removed=[{"PolicyArn": arn}])
    file = written(tmp_path / "receipts.json", made)
    assert rollback(file, tmp_path / "one").exit_code == 0
    assert [each["PolicyArn"] for each in iam.list_attached_role_policies(RoleName="app")["AttachedPolicies"]] == [arn]
    # Somebody attached it before the rollback: there is nothing to do.
    other = written(tmp_path / "other.json", {**made, "at": "2026-02-01T00:00:00+00:00"})
    result = rollback(other, tmp_path / "two")
    assert result.exit_code == 0, result.output
    assert "already done: iam:attach_role_policy" in result.stdout
    iam.detach_role_policy(RoleName="app", PolicyArn=arn)
    iam.delete_role(RoleName="app")
    gone = rollback(
        written(tmp_path / "gone.json", {**made, "at": "2026-03-01T00:00:00+00:00"}), tmp_path / "three")
    assert gone.exit_code == 1
    assert "cannot be read: NoSuchEntity on ListAttachedRolePolicies" in gone.stderr


def test_a_deleted_key_and_a_changed_block_are_differences(cloud: Cloud, tmp_path: Path) -> None:
    iam, s3 = cloud.client("iam"), cloud.client("s3")
    iam.create_user(UserName="ann")
    s3.create_bucket(Bucket="shop")
    block = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(
        Bucket="shop", PublicAccessBlockConfiguration={**block, "BlockPublicPolicy": False})
    before = {**block, "BlockPublicAcls": False}
    file = written(
        tmp_path / "receipts.json",
        receipt("ann", KEY, resource_type="aws.iam-user", action="disable-created-key", removed=[{KEY_ID: "Active"}]),
        receipt("shop", {"service": "s3", "operation": "put_public_access_block", "parameters": {
            "Bucket": "shop", "PublicAccessBlockConfiguration": before}}, resource_type="aws.s3",
            action="close-bucket", added=[{"PublicAccessBlock": block}]))
    result = rollback(file, tmp_path / "out")
    assert result.exit_code == 1
    assert "resources that have changed since the fix: 2" in result.stderr
    assert f"the access key {KEY_ID} no longer exists" in result.stderr
    assert "the public access block is {" in result.stderr


def test_sharing_is_compared(cloud: Cloud, tmp_path: Path) -> None:
    ec2 = cloud.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.modify_snapshot_attribute(
        SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", UserIds=[RED])
    call = {"service": "ec2", "operation": "modify_snapshot_attribute", "parameters": {
        "SnapshotId": snapshot, "Attribute": "createVolumePermission",
        "CreateVolumePermission": {"Add": [{"UserId": RED}, {"Group": "all"}]}}}
    file = written(tmp_path / "receipts.json", receipt(
        snapshot, call, resource_type="aws.ebs-snapshot", action="revert-sharing",
        removed=[{"shared-with": [RED, "all"]}]))
    result = rollback(file, tmp_path / "out")
    assert result.exit_code == 1
    assert f"existing: shared with {RED}; missing: shared with all" in result.stderr


def test_a_flow_log_of_another_resource_is_refused_even_with_force(cloud: Cloud, tmp_path: Path) -> None:
    ec2 = cloud.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    cloud.client("logs").create_log_group(logGroupName="flow")
    [flow_log] = ec2.create_flow_logs(
        ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName="flow",
        DeliverLogsPermissionArn=f"arn:aws:iam::{HOME}:role/flow")["FlowLogIds"]
    call = {"service": "ec2", "operation": "delete_flow_logs", "parameters": {"FlowLogIds": [flow_log]}}
    made = receipt("fl-old", call, resource_type="aws.flow-log", action="recreate-flow-log",
                   added=[{"ResourceIds": ["vpc-another"]}])
    result = rollback(written(tmp_path / "receipts.json", made), tmp_path / "out", "--force")
    assert result.exit_code == 1
    assert f"{flow_log} is the flow log of {vpc}" in result.stderr
    assert ec2.describe_flow_logs()["FlowLogs"]
    right = written(tmp_path / "right.json", {**made, "added": [{"ResourceIds": [vpc]}]})
    assert rollback(right, tmp_path / "out").exit_code == 0
    assert ec2.describe_flow_logs()["FlowLogs"] == []


def test_a_resource_that_cannot_be_compared_is_reported(cloud: Cloud, tmp_path: Path) -> None:
    """CloudTrail shows a key's ARN, so whether the trail still has the key of an alias is not known."""
    trails, key = cloud.client("cloudtrail"), f"arn:aws:kms:{EAST}:{HOME}:key/1"
    cloud.client("s3").create_bucket(Bucket="trails")
    arn = trails.create_trail(Name="audit", S3BucketName="trails", KmsKeyId=key)["TrailARN"]
    call = {"service": "cloudtrail", "operation": "update_trail", "parameters": {"Name": arn, "KmsKeyId": ""}}
    file = written(tmp_path / "receipts.json", receipt(
        arn, call, resource_type="aws.cloudtrail", action="update-trail",
        added=[{"Settings": {"KmsKeyId": "alias/audit"}}]))
    result = rollback(file, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "Cannot be compared" in result.stderr
    assert f"the trail's key is {key}, and the fix set it by the alias alias/audit" in " ".join(result.stderr.split())
    assert f"as before the fix: {arn}" in " ".join(result.stdout.split())
    assert not trails.get_trail(Name=arn)["Trail"].get("KmsKeyId")


def test_a_rollback_and_a_heal_of_an_account_exclude_each_other(cloud: Cloud, tmp_path: Path) -> None:
    group = group_of(cloud)
    file = written(tmp_path / "receipts.json", receipt(group, opens(group, "10.0.0.1/32")))
    with locked_accounts([HOME], Path("/the/heal")):
        result = rollback(file, tmp_path / "out")
        assert (result.exit_code, cloud.sources(HOME, EAST, group)) == (1, [])
        assert f"another heal or rollback works on account {HOME}: process {os.getpid()}, since 2" in result.stderr
        assert "into /the/heal" in result.stderr
        assert not (tmp_path / "out").exists()
        # The lock of another account does not matter.
    with locked_accounts([RED], Path("/the/heal")):
        assert rollback(file, tmp_path / "out").exit_code == 0


def test_a_rollback_can_wait_for_a_heal(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = group_of(cloud)
    file = written(tmp_path / "receipts.json", receipt(group, opens(group, "10.0.0.1/32")))
    with ExitStack() as heal:
        heal.enter_context(locked_accounts([HOME], Path("/the/heal")))
        # The heal ends when the rollback begins to wait for it.
        monkeypatch.setattr(account_lock, "time", SimpleNamespace(sleep=lambda seconds: heal.close()))
        result = rollback(file, tmp_path / "out", "--wait")
    assert result.exit_code == 0, result.output
    assert f"another heal or rollback works on account {HOME}: " in result.stderr
    assert "into /the/heal: waiting" in result.stderr
    assert cloud.sources(HOME, EAST, group) == ["10.0.0.1/32"]
