"""What each CloudTrail record means for a group, and how it is turned round."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from custom_actions.elements.security_group import event as events
from custom_actions.elements.security_group.baseline import Undo
from custom_actions.elements.security_group.plan import plan_ingress
from custom_actions.elements.security_group.restore import NEVER, bounded
from custom_actions.elements.security_group.rules import Rule, RuleError, from_policy
from custom_actions.elements.security_group.settings import Settings

CASES = Path(__file__).parents[3] / "cases"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def at(minutes_ago: float) -> str:
    return (NOW - timedelta(minutes=minutes_ago)).isoformat()


def undo_of(
    record: Mapping[str, Any], current: Sequence[Rule], earlier: Callable[[], Iterable[Mapping[str, Any]]],
    **options: Any,
) -> Undo:
    """Of a record that is of NOW, after records that are an hour old, where they do not say otherwise."""
    return events.undo_of(
        {"eventTime": at(0), **record}, current, lambda: [{"eventTime": at(60), **each} for each in earlier()],
        **options)


def rule(text: str, rule_id: str = "", description: str = "") -> Rule:
    [found] = from_policy(text)
    return Rule(
        found.protocol, found.from_port, found.to_port, found.peer_kind, found.peer, rule_id, description
    )


def never() -> Iterable[Mapping[str, Any]]:
    raise AssertionError("the history was read without need")


def answered(rule_id: str, **content: Any) -> dict[str, Any]:
    return {"securityGroupRuleId": rule_id, "groupId": "sg-1", "isEgress": False, **content}


SSH = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22}
AUTHORISE = {
    "eventName": "AuthorizeSecurityGroupIngress",
    "requestParameters": {"groupId": "sg-1", "ipPermissions": {"items": [
        {**SSH, "groups": {}, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0", "description": "oops"}]},
         "ipv6Ranges": {"items": [{"cidrIpv6": "::/0"}]}, "prefixListIds": {"items": [{"prefixListId": "pl-1"}]}},
        {"ipProtocol": "-1", "groups": {"items": [{"groupId": "sg-2", "userId": "111111111111"}]}},
    ]}},
}


def modify(*changes: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    entries = [
        {"SecurityGroupRuleId": rule_id, "SecurityGroupRule": content, "tag": index}
        for index, (rule_id, content) in enumerate(changes, 1)
    ]
    return {
        "eventName": "ModifySecurityGroupRules",
        "requestParameters": {"ModifySecurityGroupRulesRequest": {
            "GroupId": "sg-1", "SecurityGroupRule": entries[0] if len(entries) == 1 else entries,
        }},
    }


OPEN = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0"}


def test_authorise_undoes_all_the_rules_of_the_request() -> None:
    undo = undo_of(AUTHORISE, [], never)
    assert [str(found) for found in undo.added] == [
        "tcp 22 from 0.0.0.0/0", "tcp 22 from ::/0", "tcp 22 from pl-1", "all from sg-2",
    ]
    assert not undo.removed


def test_authorise_goes_by_the_ids_that_the_answer_names() -> None:
    record = {**AUTHORISE, "responseElements": {"securityGroupRuleSet": {"items": [
        answered("sgr-1", **SSH, cidrIpv4="0.0.0.0/0"), answered("sgr-2", **SSH, cidrIpv6="::/0"),
    ]}}}
    modified_since = rule("tcp 23 from 0.0.0.0/0", "sgr-1")
    opened_again_by_a_later_event = rule("tcp 22 from ::/0", "sgr-9")
    undo = undo_of(record, [modified_since, opened_again_by_a_later_event], never)
    assert undo.added == (modified_since,)


def test_authorise_in_the_flat_form_of_older_clients() -> None:
    record = {"eventName": "AuthorizeSecurityGroupIngress", "requestParameters": {
        "groupId": "sg-1", "ipPermissions": {}, "cidrIp": "0.0.0.0/0", **SSH,
    }}
    assert [str(found) for found in undo_of(record, [], never).added] == ["tcp 22 from 0.0.0.0/0"]


def test_revoke_brings_the_rules_back_with_their_descriptions() -> None:
    record = {**AUTHORISE, "eventName": "RevokeSecurityGroupIngress"}
    undo = undo_of(record, [], list)
    assert (str(undo.removed[0]), undo.removed[0].description) == ("tcp 22 from 0.0.0.0/0", "oops")
    assert not undo.added


def test_revoke_by_id_is_told_by_the_answer_or_by_an_earlier_event() -> None:
    record = {"eventName": "RevokeSecurityGroupIngress", "requestParameters": {
        "groupId": "sg-1", "securityGroupRuleIds": {"items": [{"securityGroupRuleId": "sgr-1"}]}}}
    answer = {"responseElements": {"revokedSecurityGroupRuleSet": {"items": [
        answered("sgr-1", **SSH, cidrIpv4="10.0.0.0/8"),
    ]}}}
    assert [str(found) for found in undo_of({**record, **answer}, [], list).removed] == ["tcp 22 from 10.0.0.0/8"]

    opened = {"eventName": "AuthorizeSecurityGroupIngress", "responseElements": {"securityGroupRuleSet": {"items": [
        answered("sgr-1", **SSH, cidrIpv4="192.0.2.0/24"),
    ]}}}
    assert [str(found) for found in undo_of(record, [], lambda: [opened]).removed] == ["tcp 22 from 192.0.2.0/24"]

    undo = undo_of(record, [], list)
    assert "sgr-1" in undo.unknown[0]
    assert plan_ingress([], undo).refused


def test_modify_goes_back_to_the_newest_earlier_content() -> None:
    now = [rule("tcp 22 from 0.0.0.0/0", "sgr-1"), rule("tcp 443 from 0.0.0.0/0", "sgr-2")]
    history = [
        modify(("sgr-1", {**OPEN, "CidrIpv4": "10.0.0.0/8"})),
        {"eventName": "AuthorizeSecurityGroupIngress", "responseElements": {"securityGroupRuleSet": {"items": [
            answered("sgr-1", **SSH, cidrIpv4="192.0.2.0/24")]}}},
    ]
    plan = plan_ingress(now, undo_of(modify(("sgr-1", OPEN)), now, lambda: history))
    assert [str(found) for found in plan.added] == ["tcp 22 from 10.0.0.0/8"]
    assert [found.rule_id for found in plan.removed] == ["sgr-1"]


def test_modify_of_several_rules_v4_and_v6() -> None:
    now = [rule("tcp 22 from 0.0.0.0/0", "sgr-1"), rule("tcp 22 from ::/0", "sgr-2")]
    record = modify(("sgr-1", OPEN), ("sgr-2", {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv6": "::/0"}))
    before = {"eventName": "AuthorizeSecurityGroupIngress", "responseElements": {"securityGroupRuleSet": {"items": [
        answered("sgr-1", **SSH, cidrIpv4="10.0.0.0/8"), answered("sgr-2", **SSH, cidrIpv6="2001:db8::/32"),
    ]}}}
    plan = plan_ingress(now, undo_of(record, now, lambda: [before]))
    assert sorted(map(str, plan.added)) == ["tcp 22 from 10.0.0.0/8", "tcp 22 from 2001:db8::/32"]
    assert {found.rule_id for found in plan.removed} == {"sgr-1", "sgr-2"}


def test_a_changed_description_alone_is_no_drift() -> None:
    now = [rule("tcp 22 from 10.0.0.0/8", "sgr-1", "new")]
    before = modify(("sgr-1", {**OPEN, "CidrIpv4": "10.0.0.0/8", "Description": "old"}))
    record = modify(("sgr-1", {**OPEN, "CidrIpv4": "10.0.0.0/8", "Description": "new"}))
    assert not plan_ingress(now, undo_of(record, now, lambda: [before]))


def test_a_modified_rule_that_nobody_knows_is_refused_or_revoked() -> None:
    now = [rule("tcp 22 from 0.0.0.0/0", "sgr-1")]
    refused = plan_ingress(now, undo_of(modify(("sgr-1", OPEN)), now, list))
    assert "sgr-1" in refused.refused
    revoked = plan_ingress(now, undo_of(modify(("sgr-1", OPEN)), now, list, revoke_unknown=True))
    assert [found.rule_id for found in revoked.revoke] == ["sgr-1"]


def test_a_modified_egress_rule_is_nobodys_business_here() -> None:
    assert not plan_ingress([], undo_of(modify(("sgr-egress", OPEN)), [], never))


def test_another_event_is_an_error() -> None:
    with pytest.raises(RuleError, match="CreateSecurityGroup"):
        undo_of({"eventName": "CreateSecurityGroup"}, [], never)


def case(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def test_a_revoke_that_removed_nothing_has_nothing_to_undo() -> None:
    assert not undo_of(case("revoke-unknown"), [], never).removed


def test_of_a_revoke_only_what_was_there_comes_back() -> None:
    """Older answers do not list what was revoked: what was asked for, less what AWS did not find."""
    record = case("revoke-unknown")
    del record["responseElements"]["revokedSecurityGroupRuleSet"]
    record["requestParameters"]["ipPermissions"]["items"].append({
        "ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "ipRanges": {"items": [{"cidrIp": "10.0.0.0/8"}]}})
    assert [str(found) for found in undo_of(record, [], list).removed] == ["tcp 443 from 10.0.0.0/8"]


def test_the_answer_goes_before_the_request() -> None:
    record = case("revoke-by-groupname")
    assert [str(found) for found in undo_of(record, [], list).removed] == ["tcp 443 from 10.0.0.0/8"]


def test_a_source_that_is_only_named_is_not_guessed() -> None:
    with pytest.raises(RuleError, match=r"has no groupId \(bastion\)"):
        undo_of(case("src-group-by-name"), [], list)


def authorised(text: str, minutes_ago: float) -> dict[str, Any]:
    found = rule(text)
    return {
        "eventName": "AuthorizeSecurityGroupIngress", "eventTime": at(minutes_ago),
        "requestParameters": {"groupId": "sg-1", "ipPermissions": {"items": [{
            "ipProtocol": found.protocol, "fromPort": found.from_port, "toPort": found.to_port,
            "ipRanges": {"items": [{"cidrIp": found.peer}]}}]}},
    }


@pytest.mark.parametrize(("minutes", "restored"), [
    (0, False), (1, False), (14, False), (15, True), (16, True), (600, True)])
def test_a_rule_that_was_added_moments_before_is_not_restored(minutes: float, restored: bool) -> None:
    """Or whoever opens a group has the fix open it again after every defender's revocation."""
    opened = "tcp 22 from 198.51.100.7/32"
    record = {**authorised(opened, 0), "eventName": "RevokeSecurityGroupIngress"}
    undo = undo_of(record, [], lambda: [authorised(opened, minutes)])
    assert [str(found) for found in undo.removed] == ([opened] if restored else [])
    assert bool(undo.notes) is not restored
    assert undo_of(record, [], lambda: [authorised(opened, minutes)], settled=timedelta()).removed


def test_a_modification_does_not_go_back_to_what_stood_for_moments() -> None:
    now = [rule("tcp 22 from 198.51.100.7/32", "sgr-1")]
    before = {"eventName": "AuthorizeSecurityGroupIngress", "eventTime": at(2), "responseElements": {
        "securityGroupRuleSet": {"items": [answered("sgr-1", **SSH, cidrIpv4="198.51.0.0/16")]}}}
    plan = plan_ingress(now, undo_of(modify(("sgr-1", {**OPEN, "CidrIpv4": "198.51.100.7/32"})), now, lambda: [before]))
    assert [found.rule_id for found in plan.revoke] == ["sgr-1"]
    assert plan.authorise == ()
    assert "moments before" in plan.notes[0]


@pytest.mark.parametrize(("there", "closed", "restored"), [
    ([], "tcp 22 from 0.0.0.0/0", False),
    ([], "tcp 0-65535 from 0.0.0.0/0", False),
    ([], "all from ::/0", False),
    # With what is open already it would add up to the world.
    (["tcp 22 from 0.0.0.0/1"], "tcp 22 from 128.0.0.0/1", False),
    ([], "tcp 443 from 0.0.0.0/0", True),
    ([], "tcp 22 from 10.0.0.0/8", True),
    # What is open to the world already, and this does not make wider.
    (["tcp 3389 from 0.0.0.0/0"], "tcp 443 from 0.0.0.0/0", True),
    # Nobody knows what is in the list.
    ([], "tcp 22 from pl-12345678", False),
])
def test_a_restore_never_opens_what_is_forbidden(there: list[str], closed: str, restored: bool) -> None:
    rules = [rule(text, f"sgr-{number}") for number, text in enumerate(there)]
    undo = Undo(added=(), removed=(rule(closed),))
    forbidden = Settings("x", {"forbidden": list(NEVER)}).baseline("sg-1")
    plan = bounded(plan_ingress(rules, undo), rules, forbidden)
    assert [str(found) for found in plan.authorise] == ([closed] if restored else [])
    assert bool(plan.notes) is not restored
