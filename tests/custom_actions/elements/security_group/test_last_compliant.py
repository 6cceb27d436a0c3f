"""The last version of a group that AWS Config recorded as compliant: which one it is, and going back to it."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from c7n.credentials import SessionFactory
from c7n.exceptions import PolicyValidationError
from c7n.utils import local_session

from custom_actions.aws.config_history import (
    NoCompliantVersion,
    last_compliant,
    newest_compliant,
    stretches,
    version_of,
)
from custom_actions.fixing.receipt import FixIncomplete
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto

from .test_revert import Group, policy, receipts

GROUP, COMPLIANCE = "AWS::EC2::SecurityGroup", "AWS::Config::ResourceCompliance"
GOOD, BAD = "COMPLIANT", "NON_COMPLIANT"
START = datetime(2026, 11, 20, 12, tzinfo=UTC)
Item = dict[str, Any]


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def item(minutes: float, group_id: str, *permissions: Any, status: str = "OK") -> Item:
    """A group's item, as GetResourceConfigHistory gives it: `configuration` is a text."""
    configuration = {
        "description": "g", "groupName": "g", "groupId": group_id, "ownerId": ACCOUNT, "vpcId": "vpc-1", "tags": [],
        "ipPermissions": list(permissions), "ipPermissionsEgress": [],
    }
    return {
        "version": "1.3", "accountId": ACCOUNT, "configurationItemCaptureTime": at(minutes),
        "configurationItemStatus": status, "configurationStateId": str(int(minutes * 1000)), "resourceType": GROUP,
        "resourceId": group_id, "awsRegion": REGION, "tags": {}, "relatedEvents": [], "relationships": [],
        "configuration": json.dumps(configuration) if status in ("OK", "ResourceDiscovered") else "null",
        "supplementaryConfiguration": {},
    }


def verdict(minutes: float, group_id: str, overall: str, status: str = "OK", **by_rule: str) -> Item:
    """A compliance item."""
    configuration = {
        "complianceType": overall, "targetResourceId": group_id, "targetResourceType": GROUP,
        "configRuleList": [
            {"configRuleName": name.replace("_", "-"), "configRuleId": f"config-rule-{name}", "complianceType": kind,
             "configRuleArn": f"arn:aws:config:{REGION}:{ACCOUNT}:config-rule/config-rule-{name}"}
            for name, kind in by_rule.items()
        ],
    }
    return {
        **item(minutes, f"{GROUP}/{group_id}", status=status), "resourceType": COMPLIANCE,
        "configuration": json.dumps(configuration),
        "relationships": [{"resourceType": GROUP, "resourceId": group_id, "relationshipName": "Is associated with "}],
    }


def port(number: int, *cidrs: str, description: str | None = None) -> Item:
    return {
        "fromPort": number, "toPort": number, "ipProtocol": "tcp", "ipRanges": list(cidrs), "ipv6Ranges": [],
        "ipv4Ranges": [{"cidrIp": cidr, "description": description} for cidr in cidrs], "prefixListIds": [],
        "userIdGroupPairs": [],
    }


def chosen(versions: list[float], verdicts: list[tuple[float, str]], now: float) -> float | None:
    """When the version was recorded that is chosen, in minutes."""
    found = newest_compliant(
        (version_of(item(minutes, "sg-1", port(22, "10.0.0.0/8"))) for minutes in sorted(versions, reverse=True)),
        stretches(verdict(minutes, "sg-1", kind) for minutes, kind in sorted(verdicts, reverse=True)),
        at(now),
    )
    return (found.at - START) / timedelta(minutes=1) if found else None


@pytest.mark.parametrize(("why", "versions", "verdicts", "now", "expected"), [
    ("the version that was judged compliant, and not the one that ended it", [0, 10], [(1, GOOD), (11, BAD)], 12, 0),
    ("the verdict on the newest one is still to come", [0, 10], [(1, GOOD)], 11, 0),
    ("nothing was said against the newest one for long", [0, 10], [(1, GOOD)], 60, 10),
    ("of two changes in a row that ended it neither counts", [0, 30, 31], [(1, GOOD), (33, BAD)], 34, 0),
    ("a change that stood long counts, though no verdict names it", [0, 30, 90], [(1, GOOD), (92, BAD)], 93, 30),
    ("a fix is judged compliant, and then broken", [0, 10, 20, 30], [(1, GOOD), (11, BAD), (21, GOOD), (31, BAD)],
     32, 20),
    ("a rule that came later: the version that stood under it", [0], [(1, GOOD), (600, BAD)], 700, 0),
    ("a late verdict on the version before, taken back at once", [0, 10, 10.2, 10.3],
     [(1, GOOD), (10.1, BAD), (10.5, GOOD), (11, BAD)], 12, 0),
    ("never compliant", [0, 10], [(1, BAD)], 100, None),
    ("compliant only while no version is known of", [50], [(1, GOOD), (20, BAD)], 100, None),
    ("compliance was recorded first, the version is older than that", [-900], [(1, GOOD), (2, "NOT_APPLICABLE")],
     100, None),
])
def test_the_newest_version_that_was_compliant(
    why: str, versions: list[float], verdicts: list[tuple[float, str]], now: float, expected: float | None
) -> None:
    assert chosen(versions, verdicts, now) == expected, why


def test_a_version_that_says_the_group_was_gone_is_none() -> None:
    times = stretches([verdict(1, "sg-1", GOOD)])
    gone = version_of(item(10, "sg-1", status="ResourceDeleted"))
    assert newest_compliant([gone], times, at(100)) is None


def test_one_rules_verdict_apart_from_the_others() -> None:
    compliance = [
        verdict(9, "sg-1", BAD, ssh=GOOD, tags=BAD), verdict(6, "sg-1", BAD, tags=BAD),
        verdict(5, "sg-1", BAD, ssh=GOOD, tags=BAD), verdict(2, "sg-1", GOOD, ssh=GOOD, tags=GOOD),
        verdict(1, "sg-1", BAD, ssh=BAD, tags=GOOD),
    ]
    assert [(each.start, each.end) for each in stretches(compliance)] == [(at(2), at(5))]
    # What a rule says of the group no more is no verdict.
    assert [(each.start, each.end) for each in stretches(compliance, "ssh")] == [(at(2), at(6)), (at(9), None)]


def test_a_deleted_groups_compliance_ends() -> None:
    gone = verdict(3, "sg-1", GOOD, status="ResourceDeleted")
    assert [each.end for each in stretches([verdict(1, "sg-1", GOOD), gone])] == [at(3)]


@pytest.fixture
def config() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client("config", region_name=REGION, aws_access_key_id="k", aws_secret_access_key="s")
    with Stubber(client) as stub:
        yield client, stub


def asked(resource_type: str, resource_id: str, **more: str) -> dict[str, Any]:
    return {"resourceType": resource_type, "resourceId": resource_id, "chronologicalOrder": "Reverse", "limit": 100,
            **more}


def test_every_page_of_compliance_is_read_and_no_more_versions_than_needed(config: tuple[Any, Stubber]) -> None:
    client, stub = config
    of_group = f"{GROUP}/sg-1"
    for answer, expected in (
        ({"configurationItems": [verdict(11, "sg-1", BAD)], "nextToken": "2"}, asked(COMPLIANCE, of_group)),
        ({"configurationItems": [verdict(1, "sg-1", GOOD)]}, asked(COMPLIANCE, of_group, nextToken="2")),
        ({"configurationItems": [item(10, "sg-1", port(22, "0.0.0.0/0"))], "nextToken": "b"}, asked(GROUP, "sg-1")),
        ({"configurationItems": [item(0, "sg-1", port(443, "0.0.0.0/0"))], "nextToken": "c"},
         asked(GROUP, "sg-1", nextToken="b")),
    ):
        stub.add_response("get_resource_config_history", answer, expected)
    version = last_compliant(client, GROUP, "sg-1")
    assert version.at == at(0)
    assert version.configuration is not None
    assert version.configuration["ipPermissions"] == [port(443, "0.0.0.0/0")]
    stub.assert_no_pending_responses()


@pytest.mark.parametrize(("compliance", "versions", "rule", "said"), [
    (None, None, "", "has recorded no compliance"),
    ([verdict(1, "sg-1", BAD)], None, "", "the rules never found"),
    ([verdict(1, "sg-1", GOOD, ssh=GOOD)], None, "other", "the rule other never found"),
    ([verdict(11, "sg-1", BAD), verdict(1, "sg-1", GOOD)], [item(10, "sg-1")], "", "holds no version"),
])
def test_what_is_not_known_is_said(
    config: tuple[Any, Stubber], compliance: list[Item] | None, versions: list[Item] | None, rule: str, said: str
) -> None:
    client, stub = config
    if compliance is None:
        stub.add_client_error("get_resource_config_history", "ResourceNotDiscoveredException")
    else:
        stub.add_response("get_resource_config_history", {"configurationItems": compliance})
    if versions is not None:
        stub.add_response("get_resource_config_history", {"configurationItems": versions})
    with pytest.raises(NoCompliantVersion, match=said):
        last_compliant(client, GROUP, "sg-1", rule=rule)


def test_a_denied_history_is_not_an_empty_one(config: tuple[Any, Stubber]) -> None:
    client, stub = config
    stub.add_client_error("get_resource_config_history", "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        last_compliant(client, GROUP, "sg-1")


# -- through c7n, with the recorded history given at the client's edge -------------------------------------------


@contextmanager
def recorded(answer: Callable[[dict[str, Any]], list[Item] | ClientError]) -> Iterator[None]:
    """Let `answer` tell the items that AWS Config has for a request of c7n's own client."""

    def before_call(params: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        items = answer(json.loads(params["body"]))
        if isinstance(items, ClientError):
            raise items
        return AWSResponse("http://config", 200, {}, None), {"configurationItems": items}

    events = local_session(SessionFactory(REGION)).events
    events.register("before-call.config.GetResourceConfigHistory", before_call)
    try:
        yield
    finally:
        events.unregister("before-call.config.GetResourceConfigHistory", before_call)


def of_two_kinds(versions: list[Item], verdicts: list[Item]) -> Callable[[dict[str, Any]], list[Item]]:
    return lambda request: verdicts if request["resourceType"] == COMPLIANCE else versions


BACK = {"type": "revert-ingress", "baseline": "last-compliant"}


def test_a_group_goes_back_to_what_it_was(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "g", ("tcp", 22, 22, "0.0.0.0/0"), ("tcp", 443, 443, "10.0.0.0/8"))
    before = [port(443, "10.0.0.0/8", "192.0.2.0/24", description="https")]
    with recorded(of_two_kinds(
        [item(10, group.id, *before, port(22, "0.0.0.0/0")), item(0, group.id, *before)],
        [verdict(11, group.id, BAD), verdict(1, group.id, GOOD)],
    )):
        engine.pull(policy({"GroupName": "g"}, action=BACK), tmp_path)
    assert group.ingress() == {"tcp 443-443 10.0.0.0/8", "tcp 443-443 192.0.2.0/24"}
    [restored] = [rule for rule in group.rules() if rule["CidrIpv4"] == "192.0.2.0/24"]
    assert restored["Description"] == "https"
    receipt = receipts(tmp_path)[group.id]
    assert receipt["outcome"] == "reverted"
    assert receipt["notes"] == ["the baseline is the version that AWS Config recorded at 2026-11-20T12:00:00+00:00"]
    assert (len(receipt["removed"]), len(receipt["added"])) == (1, 1)


def test_the_rule_that_counts_is_named(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "g", ("tcp", 22, 22, "0.0.0.0/0"))
    history = of_two_kinds(
        [item(10, group.id, port(22, "0.0.0.0/0")), item(0, group.id, port(443, "10.0.0.0/8"))],
        [verdict(11, group.id, BAD, no_ssh=BAD, tags=BAD), verdict(1, group.id, BAD, no_ssh=GOOD, tags=BAD)],
    )
    with recorded(history):
        engine.pull(policy({"GroupName": "g"}, action=BACK), tmp_path)
        assert receipts(tmp_path)[group.id]["outcome"] == "refused"
        assert group.ingress() == {"tcp 22-22 0.0.0.0/0"}
        engine.pull(policy({"GroupName": "g"}, action={**BACK, "config-rule": "no-ssh"}), tmp_path)
    assert group.ingress() == {"tcp 443-443 10.0.0.0/8"}


def test_an_event_is_answered_with_the_recorded_version(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "g", ("tcp", 22, 22, "0.0.0.0/0"))
    mode = {"type": "cloudtrail", "role": f"arn:aws:iam::{ACCOUNT}:role/guardrails", "events": [
        {"source": "ec2.amazonaws.com", "event": "AuthorizeSecurityGroupIngress", "ids": "requestParameters.groupId"}]}
    happened = {"detail-type": "AWS API Call via CloudTrail", "detail": {
        "eventName": "AuthorizeSecurityGroupIngress", "eventSource": "ec2.amazonaws.com", "eventID": "e-1",
        "eventTime": "2026-11-23T12:00:00Z", "requestParameters": {"groupId": group.id},
        "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/somebody"},
    }}
    with recorded(of_two_kinds([item(0, group.id)], [verdict(1, group.id, GOOD)])):
        engine.push(policy(action=BACK, mode=mode), tmp_path, happened)
    assert group.ingress() == set()
    assert receipts(tmp_path)[group.id]["caused_by"]["arn"].endswith("user/somebody")


def test_a_source_that_is_gone_keeps_no_other_rule_away(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "g")
    gone = {**port(5432), "ipRanges": [], "userIdGroupPairs": [{"groupId": "sg-0123456789abcdef0", "userId": ACCOUNT}]}
    history = of_two_kinds([item(0, group.id, gone, port(443, "10.0.0.0/8"))], [verdict(1, group.id, GOOD)])
    with recorded(history), pytest.raises(FixIncomplete, match=r"partial: .*InvalidGroup\.NotFound"):
        engine.pull(policy({"GroupName": "g"}, action=BACK), tmp_path)
    assert group.ingress() == {"tcp 443-443 10.0.0.0/8"}


@pytest.mark.parametrize(("answer", "outcome", "said"), [
    ([], "refused", "has recorded no compliance"),
    (ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetResourceConfigHistory"),
     "failed", "AccessDeniedException"),
])
def test_nothing_is_touched_when_nothing_is_known(
    moto: Moto, tmp_path: Path, answer: Any, outcome: str, said: str
) -> None:
    group = Group(moto, "g", ("tcp", 22, 22, "0.0.0.0/0"))
    with recorded(lambda _: answer):
        try:
            engine.pull(policy({"GroupName": "g"}, action=BACK), tmp_path)
        except FixIncomplete:
            assert outcome == "failed"
    receipt = receipts(tmp_path)[group.id]
    assert receipt["outcome"] == outcome
    assert said in receipt["reason"]
    assert group.ingress() == {"tcp 22-22 0.0.0.0/0"}


def test_a_default_group_asks_for_a_word_of_its_own(moto: Moto, tmp_path: Path) -> None:
    with recorded(lambda _: []):
        engine.pull(policy({"GroupName": "default"}, action=BACK), tmp_path)
    [receipt] = receipts(tmp_path).values()
    assert "include-default" in receipt["reason"]


def test_its_permission_is_declared_only_where_it_is_used(moto: Moto, tmp_path: Path) -> None:
    [back] = engine.load(policy(action=BACK), tmp_path).resource_manager.actions
    assert "config:GetResourceConfigHistory" in back.get_permissions()
    [other] = engine.load(policy(action={"type": "revert-ingress", "allowed": ["all from self"]}),
                          tmp_path).resource_manager.actions
    assert "config:GetResourceConfigHistory" not in other.get_permissions()


@pytest.mark.parametrize(("action", "said"), [
    ({"type": "revert-ingress", "allowed": ["all from self"], "config-rule": "r"}, "config-rule goes with"),
    ({**BACK, "narrow": True}, "narrow goes with"),
    ({**BACK, "when-unknown": "revoke"}, "when-unknown goes with"),
])
def test_a_wrong_policy_is_refused(action: dict[str, Any], said: str, moto: Moto, tmp_path: Path) -> None:
    with pytest.raises(PolicyValidationError, match=said):
        engine.load(policy(action=action), tmp_path)
