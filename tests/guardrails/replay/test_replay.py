"""`replay`: an event through the project's policies, with what each says of it, and nothing changed."""
from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response

from guardrails.cli.main import main
from tests.custom_actions.functions.messages import group, ingress, item
from tests.moto_server import ACCOUNT, REGION, Moto


def record(source: str, name: str, **content: Any) -> dict[str, Any]:
    return {
        "eventSource": f"{source}.amazonaws.com", "eventName": name, "awsRegion": REGION,
        "recipientAccountId": ACCOUNT, "userIdentity": {"arn": f"arn:aws:iam::{ACCOUNT}:user/eve"}, **content,
    }


def replay(tmp_path: Path, event: Any, *arguments: object) -> Result:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event))
    result = CliRunner().invoke(main, ["replay", str(file), *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def answers(result: Result) -> dict[str, dict[str, Any]]:
    """Policy name to its answer, of the only event."""
    [told] = json.loads(result.stdout)
    return {each["policy"]: each for each in told["policies"]}


def opened(group_id: str) -> dict[str, Any]:
    return record("ec2", "AuthorizeSecurityGroupIngress", requestParameters={"groupId": group_id})


def test_an_open_port_is_matched_and_the_plan_is_shown(moto: Moto, tmp_path: Path) -> None:
    group_id = group(moto, "open", "0.0.0.0/0", "192.0.2.0/24")
    before = ingress(moto, group_id)
    result = replay(tmp_path, opened(group_id), "--policy", "security-group-*")
    assert result.exit_code == 0, result.output
    said = [line.strip() for line in result.stdout.splitlines()]
    assert said[1] == "reaches 2 of 16 policies"
    assert f"started by AuthorizeSecurityGroupIngress, which names {group_id}" in said
    assert said[said.index("would run revert-ingress") + 1] == "revoke tcp 22 from 0.0.0.0/0"
    assert f"{group_id}: does not match: filter 1 of 1 excludes it: {{'tag:guardrails-ingress': locked}}" in said
    assert "security-group-admin-ports: not subscribed: AWS Config starts it, not EventBridge" in said
    assert ingress(moto, group_id) == before


def test_a_wide_rule_is_narrowed_in_the_plan_though_no_call_is_answered(moto: Moto, tmp_path: Path) -> None:
    group_id = group(moto, "wide")
    moto.client("ec2").authorize_security_group_ingress(
        GroupId=group_id, IpProtocol="tcp", FromPort=20, ToPort=25, CidrIp="0.0.0.0/0")
    planned = answers(replay(tmp_path, opened(group_id), "--json"))["security-group-admin-ports-revert"]["planned"]
    assert planned[0]["lines"] == ["narrow tcp 20-25 from 0.0.0.0/0 to tcp 24-25 from 0.0.0.0/0"]


def test_a_fix_that_waits_for_the_history_shows_its_plan_for_an_old_event_too(moto: Moto, tmp_path: Path) -> None:
    key = moto.client("kms").create_key()["KeyMetadata"]["KeyId"]
    moto.client("kms").disable_key(KeyId=key)
    event = record("kms", "DisableKey", requestParameters={"keyId": key}, eventID="e-1",
                   eventTime=(datetime.now(UTC) - timedelta(days=30)).isoformat())
    planned = answers(replay(tmp_path, event, "--json", "--policy", "kms-key-revert"))["kms-key-revert"]["planned"][0]
    assert [call["operation"] for call in planned["calls"]] == ["EnableKey"]
    assert planned["note"] == "what opens or restores is first confirmed by CloudTrail's event history"


def test_a_fix_of_steps_tells_its_steps_and_a_profile_is_off_until_it_is_chosen(moto: Moto, tmp_path: Path) -> None:
    iam = moto.client("iam")
    iam.create_user(UserName="eve")
    key = iam.create_access_key(UserName="eve")["AccessKey"]["AccessKeyId"]
    event = record("iam", "CreateAccessKey", responseElements={"accessKey": {"userName": "eve", "accessKeyId": key}})
    name = "iam-access-key-created-disable"
    off = answers(replay(tmp_path, event, "--policy", name, "--json"))[name]
    assert (off["answer"], off["why"]) == (
        "off", "its conditions do not hold here: the profile iam-access-key-disable is not chosen")
    (tmp_path / "vars.yml").write_text("vars: {profiles: [iam-access-key-disable]}")
    on = answers(replay(tmp_path, event, "--policy", name, "--json", "--vars-file", tmp_path / "vars.yml"))[name]
    assert on["planned"][0]["lines"] == [f"disable {key}"]
    [call] = on["planned"][0]["calls"]
    assert (call["operation"], call["parameters"]["Status"]) == ("UpdateAccessKey", "Inactive")
    assert iam.list_access_keys(UserName="eve")["AccessKeyMetadata"][0]["Status"] == "Active"


def test_what_is_gone_and_what_aws_refuses_is_told_apart(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "security-group-admin-ports-revert"
    gone = answers(replay(tmp_path, opened("sg-00000000000000001"), "--policy", name, "--json"))[name]
    assert gone["answer"] == "no-resource"
    assert "this aws.security-group does not exist now" in gone["why"]

    def denied(self: Any) -> str:
        raise EC2ClientError("UnauthorizedOperation", "You are not authorized to perform this operation.")

    monkeypatch.setattr(EC2Response, "describe_security_groups", denied)
    result = replay(tmp_path, opened(group(moto, "open")), "--policy", name)
    assert result.exit_code == 2
    assert "ec2:DescribeSecurityGroups: UnauthorizedOperation" in result.stdout
    assert f"{name} (" in result.stdout
    assert "): unknown" in result.stdout


def test_an_item_of_config_is_judged_offline_and_what_needs_aws_is_unknown(moto: Moto, tmp_path: Path) -> None:
    # No account of the world would answer: the endpoint is not even asked.
    result = replay(tmp_path, item("sg-1", "0.0.0.0/0"), "--offline", "--json")
    found = answers(result)
    assert result.exit_code == 0
    assert found["security-group-admin-ports"]["resources"][0]["verdict"] == "NON_COMPLIANT"
    assert found["security-group-no-all-traffic"]["resources"][0]["verdict"] == "COMPLIANT"
    assert found["security-group-web-exact"]["resources"][0]["verdict"] == "NOT_APPLICABLE"
    event = opened("sg-1")
    result = replay(tmp_path, event, "--offline", "--policy", "security-group-locked-revert")
    assert result.exit_code == 2
    assert "unknown, because it could not be read: ec2:DescribeSecurityGroups was not called" in result.stdout


def test_an_exception_is_named(moto: Moto, tmp_path: Path) -> None:
    group_id = group(moto, "open", "0.0.0.0/0")
    end = datetime.now(UTC).date() + timedelta(days=9)
    (tmp_path / "exceptions.yml").write_text(
        "exceptions:\n- {policy: security-group-admin-ports-revert, "
        f"account: '{ACCOUNT}', resource: '*', reason: a honeypot, owner: a@example.org, expires: '{end}'}}\n")
    name = "security-group-admin-ports-revert"
    result = replay(
        tmp_path, opened(group_id), "--json", "--policy", name, "--exceptions", tmp_path / "exceptions.yml")
    judged = answers(result)[name]["resources"]
    assert [(each["matches"], each["why"]) for each in judged] == [(False, f"Excepted until {end}: a honeypot")]


def test_another_accounts_event_is_not_judged_by_this_account(moto: Moto, tmp_path: Path) -> None:
    event = {**opened("sg-1"), "recipientAccountId": "999999999999"}
    result = replay(tmp_path, event)
    assert result.exit_code == 1
    assert "the event is of account 999999999999, but the current credentials are of 123456789012" in result.stderr


def test_what_refuse_keeps_from_the_fix_is_not_in_its_plan(moto: Moto, tmp_path: Path) -> None:
    kept, closed = (group(moto, name, "0.0.0.0/0") for name in ("kept", "closed"))
    folder = tmp_path / "policies" / "realtime"
    folder.mkdir(parents=True)
    (folder / "groups.yml").write_text(json.dumps({"policies": [{
        "name": "close", "resource": "aws.security-group", "description": "d",
        "metadata": {"title": "t", "severity": "high", "response": "revert", "controls": {}, "rationale": "r",
                     "fix": "f", "replaces": []},
        "mode": {"type": "cloudtrail", "role": "arn:aws:iam::{account_id}:role/guardrails",
                 "packages": ["custom_actions"], "handler": "custom_actions.lambda_entry.run", "events": [
                     {"source": "ec2.amazonaws.com", "event": "AuthorizeSecurityGroupIngress",
                      "ids": "requestParameters.groupId"}]},
        "filters": [{"type": "ingress-drift", "forbidden": ["tcp 22 from world"]}],
        "actions": [{"type": "refuse", "when": [{"reason": "kept by name", "filters": [{"GroupName": "kept"}]}]},
                    "revert-ingress"]}]}))
    plans = {}
    for group_id in (kept, closed):
        told = answers(replay(tmp_path, opened(group_id), "--policies", folder.parent, "--json"))["close"]
        plans[group_id] = [" ".join(each["lines"]) for each in told["planned"]]
    assert "kept by name" in plans[kept][0]
    assert plans[kept][1] == ""
    assert plans[closed] == ["", "revoke tcp 22 from 0.0.0.0/0"]
