"""`revert-ingress` and `ingress-drift` through c7n, against moto: what is done, what is told, what can go wrong."""
from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from c7n.credentials import SessionFactory
from c7n.exceptions import PolicyValidationError
from c7n.utils import local_session

from custom_actions.fixing.receipt import FixIncomplete
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto

FORBIDDEN = {"type": "ingress-drift", "forbidden": ["tcp 22 from world"], "narrow": True}


def policy(*filters: Any, action: Any = "revert-ingress", **more: Any) -> dict[str, Any]:
    return {"name": "p", "resource": "aws.security-group", "filters": list(filters), "actions": [action], **more}


class Group:
    """A security group in moto, and its ingress as `protocol from-to source` texts."""

    def __init__(self, moto: Moto, name: str, *permissions: tuple[str, int, int, str], **tags: str) -> None:
        self.ec2 = moto.client("ec2")
        self.id = self.ec2.create_security_group(GroupName=name, Description=name)["GroupId"]
        if tags:
            self.ec2.create_tags(
                Resources=[self.id], Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
        for permission in permissions:
            self.open(*permission)

    def open(self, protocol: str, start: int, end: int, peer: str, description: str = "") -> dict[str, Any]:
        key, listed = ("CidrIpv6", "Ipv6Ranges") if ":" in peer else ("CidrIp", "IpRanges")
        if peer.startswith("sg-"):
            key, listed = "GroupId", "UserIdGroupPairs"
        source = {key: peer, **({"Description": description} if description else {})}
        return self.ec2.authorize_security_group_ingress(GroupId=self.id, IpPermissions=[
            {"IpProtocol": protocol, "FromPort": start, "ToPort": end, listed: [source]}])

    def rules(self) -> list[dict[str, Any]]:
        found = self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [self.id]}])
        return [rule for rule in found["SecurityGroupRules"] if not rule["IsEgress"]]

    def ingress(self) -> set[str]:
        return {
            f"{rule['IpProtocol']} {rule['FromPort']}-{rule['ToPort']} "
            f"{rule.get('CidrIpv4') or rule.get('CidrIpv6') or rule['ReferencedGroupInfo']['GroupId']}"
            for rule in self.rules()
        }


def receipts(output: Path) -> dict[str, dict[str, Any]]:
    return {
        receipt["resource"]: receipt
        for receipt in json.loads((output / "p" / "action-revert-ingress").read_text(encoding="utf-8"))
    }


@contextmanager
def answering(operation: str, answer: Callable[[dict[str, Any]], ClientError | None]) -> Iterator[list[dict[str, Any]]]:
    """Let `answer` refuse calls of an operation of c7n's own EC2 client; what it was asked is in the list."""
    asked: list[dict[str, Any]] = []

    def before_call(params: dict[str, Any], **_: Any) -> None:
        asked.append(params)
        error = answer(params["body"])
        if error:
            raise error

    events = local_session(SessionFactory(REGION)).events  # the session that c7n keeps for this region
    events.register(f"before-call.ec2.{operation}", before_call)
    try:
        yield asked
    finally:
        events.unregister(f"before-call.ec2.{operation}", before_call)


def refused(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"no {operation} today"}}, operation)


def event(name: str = "AuthorizeSecurityGroupIngress", role: str = "somebody", **detail: Any) -> dict[str, Any]:
    return {"detail-type": "AWS API Call via CloudTrail", "detail": {
        "eventName": name, "eventSource": "ec2.amazonaws.com", "eventID": "e-1",
        "eventTime": "2026-11-23T12:00:00Z", "sourceIPAddress": "192.0.2.1",
        "userIdentity": {
            "type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{ACCOUNT}:role/{role}"}},
        }, **detail,
    }}


MODE = {
    "type": "cloudtrail", "role": "arn:aws:iam::123456789012:role/guardrails",
    "events": [{"source": "ec2.amazonaws.com", "event": "AuthorizeSecurityGroupIngress",
                "ids": "requestParameters.groupId"}],
}


def test_of_ten_rules_exactly_the_two_offending_go(moto: Moto, tmp_path: Path) -> None:
    other = Group(moto, "other")
    innocent = [
        ("tcp", 22, 22, "10.0.0.0/8"), ("tcp", 22, 22, "192.0.2.7/32"), ("tcp", 22, 22, "2001:db8::/32"),
        ("tcp", 22, 22, other.id), ("tcp", 443, 443, "0.0.0.0/0"), ("tcp", 80, 80, "0.0.0.0/0"),
        ("udp", 22, 22, "0.0.0.0/0"), ("icmp", -1, -1, "0.0.0.0/0"),
    ]
    group = Group(moto, "ten", *innocent, ("tcp", 22, 22, "0.0.0.0/0"), ("tcp", 22, 22, "::/0"))
    before = {rule["SecurityGroupRuleId"]: rule for rule in group.rules()}
    assert len(before) == 10

    engine.pull(policy(FORBIDDEN), tmp_path)

    after = {rule["SecurityGroupRuleId"]: rule for rule in group.rules()}
    gone = [rule for rule_id, rule in before.items() if rule_id not in after]
    assert {rule.get("CidrIpv4") or rule.get("CidrIpv6") for rule in gone} == {"0.0.0.0/0", "::/0"}
    assert all(rule["FromPort"] == 22 for rule in gone)
    assert after == {rule_id: before[rule_id] for rule_id in after}, "an innocent rule was made anew"
    receipt = receipts(tmp_path)[group.id]
    assert receipt["outcome"] == "reverted"
    assert (len(receipt["removed"]), receipt["added"]) == (2, [])
    assert other.id not in receipts(tmp_path)


def test_the_receipt_takes_it_back_to_the_letter(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "wide")
    group.open("tcp", 0, 65535, "0.0.0.0/0", description="made in a hurry")
    before = [{k: v for k, v in rule.items() if k != "SecurityGroupRuleId"} for rule in group.rules()]

    engine.pull(policy(FORBIDDEN), tmp_path)
    assert group.ingress() == {"tcp 0-21 0.0.0.0/0", "tcp 23-65535 0.0.0.0/0"}

    for call in receipts(tmp_path)[group.id]["inverse"]:
        getattr(moto.client(call["service"]), call["operation"])(**call["parameters"])
    assert [{k: v for k, v in rule.items() if k != "SecurityGroupRuleId"} for rule in group.rules()] == before


def _opened(group: Group) -> set[tuple[int, int, str, tuple[tuple[str, str], ...]]]:
    return {
        (rule["FromPort"], rule["ToPort"], rule.get("Description", ""),
         tuple(sorted((tag["Key"], tag["Value"]) for tag in rule.get("Tags") or ())))
        for rule in group.rules()}


def test_a_narrowed_rule_keeps_its_tags_and_its_description_and_gets_them_back(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "tagged")
    group.open("tcp", 20, 30, "0.0.0.0/0", "from the office")
    [wide] = group.rules()
    group.ec2.create_tags(Resources=[wide["SecurityGroupRuleId"]], Tags=[{"Key": "Owner", "Value": "web"}])
    before, tags = _opened(group), (("Owner", "web"),)
    assert before == {(20, 30, "from the office", tags)}
    engine.pull(policy(FORBIDDEN), tmp_path)
    assert _opened(group) == {(20, 21, "from the office", tags), (23, 30, "from the office", tags)}
    receipt = receipts(tmp_path)[group.id]
    assert [rule["Tags"] for rule in receipt["added"]] == [{"Owner": "web"}] * 2
    for call in receipt["inverse"]:
        getattr(group.ec2, call["operation"])(**call["parameters"])
    assert _opened(group) == before


def test_without_the_permission_to_tag_the_port_is_closed_all_the_same(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "tagged")
    group.open("tcp", 20, 30, "0.0.0.0/0")
    group.ec2.create_tags(
        Resources=[group.rules()[0]["SecurityGroupRuleId"]], Tags=[{"Key": "Owner", "Value": "web"}])

    def no_tags(body: dict[str, Any]) -> ClientError | None:
        if not any(key.startswith("TagSpecification") for key in body):
            return None
        return ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "ec2:CreateTags"}}, "Authorize")

    with answering("AuthorizeSecurityGroupIngress", no_tags):
        engine.pull(policy(FORBIDDEN), tmp_path)
    # The rule that was narrowed in place keeps its tags.
    assert _opened(group) == {(20, 21, "", ()), (23, 30, "", (("Owner", "web"),))}
    receipt = receipts(tmp_path)[group.id]
    assert receipt["outcome"] == "reverted"
    assert ["Tags" in rule for rule in receipt["added"]] == [True, False]
    assert "without its tags" in " ".join(receipt["notes"])


def test_a_second_run_finds_nothing(moto: Moto, tmp_path: Path) -> None:
    Group(moto, "bad", ("-1", -1, -1, "0.0.0.0/0"))
    assert len(engine.pull(policy(FORBIDDEN), tmp_path)) == 1
    assert engine.pull(policy(FORBIDDEN), tmp_path) == []


def test_the_dry_run_prints_the_plan_and_changes_nothing(
    moto: Moto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    group = Group(moto, "bad", ("tcp", 22, 22, "0.0.0.0/0"))
    caplog.set_level(logging.INFO)
    [found] = engine.pull(policy(FORBIDDEN), tmp_path, dryrun=True)
    assert found["c7n:IngressPlan"] == ["revoke tcp 22 from 0.0.0.0/0"]
    assert f"{group.id}: revoke tcp 22 from 0.0.0.0/0" in caplog.text
    assert group.ingress() == {"tcp 22-22 0.0.0.0/0"}


def test_required_adds_what_is_missing_and_spares_a_default_group(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "web", ("tcp", 80, 80, "0.0.0.0/0"), ("tcp", 8080, 8080, "0.0.0.0/0"))
    [kept] = [rule["SecurityGroupRuleId"] for rule in group.rules() if rule["FromPort"] == 80]
    data = policy({"type": "ingress-drift", "required": ["tcp 80,443 from 0.0.0.0/0", "tcp 5000 from self"]})
    engine.pull(data, tmp_path)
    assert group.ingress() == {"tcp 80-80 0.0.0.0/0", "tcp 443-443 0.0.0.0/0", f"tcp 5000-5000 {group.id}"}
    assert kept in {rule["SecurityGroupRuleId"] for rule in group.rules()}
    refusals = {receipt["reason"] for receipt in receipts(tmp_path).values() if receipt["outcome"] == "refused"}
    assert refusals == {"an exact ingress on a default group needs include-default: true in the policy"}


def test_allowed_closes_and_never_opens(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "g", ("tcp", 443, 443, "10.1.0.0/16"), ("tcp", 1, 442, "10.0.0.0/8"))
    engine.pull(policy({"type": "ingress-drift", "allowed": ["tcp 443,8443 from 10.0.0.0/8"]}), tmp_path)
    assert group.ingress() == {"tcp 443-443 10.1.0.0/16"}


@pytest.mark.parametrize("protect", [
    {"cidrs": ["192.0.2.0/24"]}, {"descriptions": ["^break.glass"]}, {"tags": {"keep": ""}},
])
def test_a_group_with_a_protected_rule_is_refused_as_a_whole(
    moto: Moto, tmp_path: Path, protect: dict[str, Any]
) -> None:
    group = Group(moto, "g", ("tcp", 22, 22, "0.0.0.0/0"))
    rule = group.open("tcp", 22, 22, "192.0.2.7/32", description="break-glass")["SecurityGroupRules"][0]
    group.ec2.create_tags(Resources=[rule["SecurityGroupRuleId"]], Tags=[{"Key": "keep", "Value": "yes"}])
    before = group.ingress()
    engine.pull(policy(action={"type": "revert-ingress", "allowed": ["tcp 443 from world"], "protect": protect}),
                tmp_path)
    receipt = receipts(tmp_path)[group.id]
    assert receipt["outcome"] == "refused"
    assert "is protected" in receipt["reason"]
    assert group.ingress() == before


def test_one_failing_group_does_not_stop_the_others(moto: Moto, tmp_path: Path) -> None:
    groups = [Group(moto, f"g{n}", ("tcp", 22, 22, "0.0.0.0/0")) for n in range(3)]
    engine.pull(policy(FORBIDDEN), tmp_path, dryrun=True)
    denied = groups[1].id
    with answering("RevokeSecurityGroupIngress", lambda body: (
        refused("UnauthorizedOperation", "RevokeSecurityGroupIngress") if body["GroupId"] == denied else None
    )), pytest.raises(FixIncomplete, match=f"1 of 3 resources still drift: {denied} failed: .*UnauthorizedOperation"):
        engine.pull(policy(FORBIDDEN), tmp_path)
    assert [group.ingress() for group in groups] == [set(), {"tcp 22-22 0.0.0.0/0"}, set()]
    assert {receipt["resource"]: receipt["outcome"] for receipt in receipts(tmp_path).values()} == {
        groups[0].id: "reverted", denied: "failed", groups[2].id: "reverted",
    }


def test_half_a_fix_is_partial_and_says_what_is_left(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "g", ("tcp", 22, 22, "0.0.0.0/0"))
    data = policy({"GroupName": "g"}, {"type": "ingress-drift", "required": ["tcp 443 from 0.0.0.0/0"]})
    engine.pull(data, tmp_path, dryrun=True)
    with answering(
        "AuthorizeSecurityGroupIngress", lambda _: refused("UnauthorizedOperation", "AuthorizeSecurityGroupIngress")
    ), pytest.raises(FixIncomplete):
        engine.pull(data, tmp_path)
    receipt = receipts(tmp_path)[group.id]
    assert receipt["outcome"] == "partial"
    assert "still to do: authorise tcp 443 from 0.0.0.0/0" in receipt["reason"]
    assert len(receipt["removed"]) == 1


def test_a_wide_rule_stays_when_its_replacement_cannot_be_opened(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "g", ("tcp", 0, 65535, "0.0.0.0/0"))
    engine.pull(policy(FORBIDDEN), tmp_path, dryrun=True)
    with answering("AuthorizeSecurityGroupIngress", lambda _: refused(
        "UnauthorizedOperation", "AuthorizeSecurityGroupIngress",
    )), pytest.raises(FixIncomplete, match=r"change tcp all from .*: not tried, because a step before it failed"):
        engine.pull(policy(FORBIDDEN), tmp_path)
    assert group.ingress() == {"tcp 0-65535 0.0.0.0/0"}


def test_a_full_group_is_emptied_of_the_extra_rules_first(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "g", ("tcp", 22, 22, "0.0.0.0/0"))
    data = policy({"GroupName": "g"}, {"type": "ingress-drift", "required": ["tcp 80,443 from 0.0.0.0/0"]})
    engine.pull(data, tmp_path, dryrun=True)
    with answering("AuthorizeSecurityGroupIngress", lambda _: (
        refused("RulesPerSecurityGroupLimitExceeded", "AuthorizeSecurityGroupIngress")
        if "tcp 22-22 0.0.0.0/0" in group.ingress() else None
    )):
        engine.pull(data, tmp_path)
    assert group.ingress() == {"tcp 80-80 0.0.0.0/0", "tcp 443-443 0.0.0.0/0"}
    assert receipts(tmp_path)[group.id]["outcome"] == "reverted"


def test_a_rule_that_goes_or_comes_meanwhile_counts_as_done(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "g", ("tcp", 22, 22, "0.0.0.0/0"), ("tcp", 23, 23, "0.0.0.0/0"))
    data = policy({"GroupName": "g"}, {"type": "ingress-drift", "required": ["tcp 80,443 from 0.0.0.0/0"]})
    engine.pull(data, tmp_path, dryrun=True)
    raced: list[str] = []

    def race(_: dict[str, Any]) -> None:
        if not raced:
            raced.append("once")
            [rule] = [rule for rule in group.rules() if rule["FromPort"] == 22]
            group.ec2.revoke_security_group_ingress(
                GroupId=group.id, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
            group.open("tcp", 443, 443, "0.0.0.0/0")

    with answering("AuthorizeSecurityGroupIngress", race):
        engine.pull(data, tmp_path)
    assert raced
    assert group.ingress() == {"tcp 80-80 0.0.0.0/0", "tcp 443-443 0.0.0.0/0"}
    receipt = receipts(tmp_path)[group.id]
    assert receipt["outcome"] == "reverted"
    assert [rule["FromPort"] for rule in receipt["added"]] == [80], "what somebody else did is not ours to take back"
    assert [rule["FromPort"] for rule in receipt["removed"]] == [23]


def test_a_rule_opened_again_meanwhile_is_closed_again(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "g", ("tcp", 22, 22, "0.0.0.0/0"))
    engine.pull(policy(FORBIDDEN), tmp_path, dryrun=True)
    readings: list[int] = []

    def race(_: dict[str, Any]) -> None:
        readings.append(1)
        if len(readings) == 3:  # the plan, the same directly before the call, and the proof
            group.open("tcp", 22, 22, "0.0.0.0/0")

    with answering("DescribeSecurityGroupRules", race):
        engine.pull(policy(FORBIDDEN), tmp_path)
    assert group.ingress() == set()
    receipt = receipts(tmp_path)[group.id]
    assert (receipt["outcome"], len(receipt["removed"])) == ("reverted", 2)


def test_a_rule_opened_again_and_again_ends_as_partial(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "g", ("tcp", 22, 22, "0.0.0.0/0"))
    engine.pull(policy(FORBIDDEN), tmp_path, dryrun=True)

    def race(_: dict[str, Any]) -> None:
        if not group.ingress():
            group.open("tcp", 22, 22, "0.0.0.0/0")

    left = "partial: still to do: revoke"
    with answering("DescribeSecurityGroupRules", race), pytest.raises(FixIncomplete, match=left):
        engine.pull(policy(FORBIDDEN), tmp_path)
    assert len(receipts(tmp_path)[group.id]["removed"]) == 3


def test_throttling_is_waited_out(moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("c7n.utils.time.sleep", lambda _: None)
    group = Group(moto, "g", ("tcp", 22, 22, "0.0.0.0/0"))
    engine.pull(policy(FORBIDDEN), tmp_path, dryrun=True)
    answers = [refused("RequestLimitExceeded", "RevokeSecurityGroupIngress")] * 3
    with answering("RevokeSecurityGroupIngress", lambda _: answers.pop() if answers else None) as asked:
        engine.pull(policy(FORBIDDEN), tmp_path)
    assert len(asked) == 4
    assert group.ingress() == set()
    assert receipts(tmp_path)[group.id]["outcome"] == "reverted"


def test_an_event_is_undone_and_its_author_is_named(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "g", ("tcp", 22, 22, "10.0.0.0/8"))
    opened = group.open("tcp", 22, 22, "0.0.0.0/0")["SecurityGroupRules"][0]
    happened = event(requestParameters={"groupId": group.id}, responseElements={"securityGroupRuleSet": {"items": [{
        "securityGroupRuleId": opened["SecurityGroupRuleId"], "isEgress": False, "ipProtocol": "tcp",
        "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0",
    }]}})
    data = policy(action={"type": "revert-ingress", "baseline": "event"}, mode=MODE)
    engine.push(data, tmp_path, happened)
    assert group.ingress() == {"tcp 22-22 10.0.0.0/8"}
    receipt = receipts(tmp_path)[group.id]
    assert receipt["caused_by"] == {
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/somebody/session", "event": "AuthorizeSecurityGroupIngress",
        "event_id": "e-1", "time": "2026-11-23T12:00:00Z", "source_ip": "192.0.2.1",
    }
    engine.push(data, tmp_path, happened)
    assert receipts(tmp_path)[group.id]["outcome"] == "already-ok"


def test_an_event_of_our_own_role_is_left_alone(moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moto.client("iam").create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
    session = moto.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/guardrails", RoleSessionName="a-function")["Credentials"]
    for name, key in (("ACCESS_KEY_ID", "AccessKeyId"), ("SECRET_ACCESS_KEY", "SecretAccessKey"),
                      ("SESSION_TOKEN", "SessionToken")):
        monkeypatch.setenv(f"AWS_{name}", session[key])
    group = Group(moto, "g", ("tcp", 22, 22, "0.0.0.0/0"))
    data = policy(FORBIDDEN, mode=MODE)
    engine.push(data, tmp_path, event(role="guardrails", requestParameters={"groupId": group.id}))
    assert group.ingress() == {"tcp 22-22 0.0.0.0/0"}
    engine.push(data, tmp_path, event(role="guardrails-not", requestParameters={"groupId": group.id}))
    assert group.ingress() == set()


@pytest.mark.parametrize(("filters", "action", "said"), [
    ([], "revert-ingress", "give a baseline"),
    ([], {"type": "revert-ingress", "required": ["all from self"], "allowed": ["all from self"]}, "exactly one"),
    ([], {"type": "revert-ingress", "required": ["tcp 80 from world"], "narrow": True}, "narrow goes with"),
    ([], {"type": "revert-ingress", "allowed": ["tcp http from world"]}, "cannot read the rule"),
    ([], {"type": "revert-ingress", "baseline": "event"}, "mode cloudtrail"),
    ([], {"type": "revert-ingress", "allowed": ["all from world"], "when-unknown": "revoke"}, "when-unknown goes"),
    ([], {"type": "revert-ingress", "allowed": ["all from world"], "protect": {"cidrs": ["office"]}}, "office"),
    ([], {"type": "revert-ingress", "allowed": ["all from world"], "protect": {"descriptions": ["("]}}, "regular"),
    ([{"type": "ingress-drift"}], "revert-ingress", "exactly one"),
])
def test_a_wrong_policy_is_refused_before_anything_happens(
    filters: list[Any], action: Any, said: str, tmp_path: Path, moto: Moto
) -> None:
    with pytest.raises(PolicyValidationError, match=said):
        engine.load(policy(*filters, action=action), tmp_path)
