"""A group that has no room for another rule is closed nevertheless: with 0 to 59 other rules, and however it is open.

moto enforces AWS's quota: 60 rules of one direction and IP version in a group (guardrails/sandbox/moto_fixes.py).
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from c7n.exceptions import PolicyValidationError

from custom_actions.elements.security_group.baseline import Forbidden
from custom_actions.elements.security_group.rules import CIDR6, Rule, from_policy, from_security_group_rules
from custom_actions.fixing.receipt import FixIncomplete
from guardrails.sandbox.moto_fixes import RULES_IN_A_GROUP
from tests import engine
from tests.moto_server import Moto

from .test_revert import FORBIDDEN, answering, policy, receipts, refused

ROOM = RULES_IN_A_GROUP
EVERY = range(ROOM)
SOME = (0, 1, 30, 55, 56, 57, 58, 59)


def permission(rule: str, **source: Any) -> dict[str, Any]:
    protocol, _, ports = rule.partition(" ")
    first, _, last = ports.partition("-")
    return {"IpProtocol": protocol, **({"FromPort": int(first), "ToPort": int(last)} if ports else {}), **source}


def filled(moto: Moto, name: str, others: int, *wide: Mapping[str, Any], version: int = 4) -> str:
    """A group with these wide rules, and so many others of one IP version."""
    ec2 = moto.client("ec2")
    group = ec2.create_security_group(GroupName=name, Description=name)["GroupId"]
    ranges = {"IpRanges": [{"CidrIp": f"10.{n}.0.0/16"} for n in range(others)]} if version == 4 else {
        "Ipv6Ranges": [{"CidrIpv6": f"fd00:{n:x}::/32"} for n in range(others)]}
    extra = [permission("tcp 5432-5432", **ranges)] if others else []
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[*wide, *extra])
    return str(group)


def rules_of(moto: Moto, group: str) -> list[Rule]:
    found = moto.client("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    return from_security_group_rules(found["SecurityGroupRules"])


def shown(moto: Moto, group: str) -> list[dict[str, Any]]:
    """The ingress rules with all that AWS shows, in an order of their own; without ids, which AWS gives anew."""
    found = moto.client("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    rules = [{k: v for k, v in rule.items() if k != "SecurityGroupRuleId"} for rule in found["SecurityGroupRules"]]
    return sorted((rule for rule in rules if not rule["IsEgress"]), key=str)


POINTS = [("tcp", port) for port in (0, 19, 20, 21, 22, 23, 25, 26, 443, 5432, 65535)] + [("udp", 22), ("icmp", 8)]


def reach(rules: Sequence[Rule]) -> set[tuple[str, str, int]]:
    """What the rules let in, at some points: source, protocol, port."""
    return {
        (rule.peer, protocol, port) for rule in rules for protocol, port in POINTS
        # ICMP of IPv6 is another protocol.
        if (protocol, rule.peer_kind) != ("icmp", CIDR6) and (rule.protocol == "-1" or (
            rule.protocol == protocol and (protocol == "icmp" or rule.from_port <= port <= rule.to_port)))}


def watch(moto: Moto, groups: Iterable[str], monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[Rule]]]:
    """What each of the groups holds after each call that changes it."""
    seen: list[tuple[str, list[Rule]]] = []
    original = BaseClient._make_api_call

    def make_api_call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        try:
            return original(client, operation, parameters)
        finally:
            # Where there is room for everything, one group tells as much as many.
            if parameters.get("GroupId") in groups and not operation.startswith("Describe"):
                seen.append((parameters["GroupId"], rules_of(moto, parameters["GroupId"])))

    monkeypatch.setattr(BaseClient, "_make_api_call", make_api_call)
    return seen


WORLD4, WORLD6 = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
HALVES = {"IpRanges": [{"CidrIp": "0.0.0.0/1"}, {"CidrIp": "128.0.0.0/1"}]}
SHAPES: Mapping[str, tuple[Sequence[int], list[dict[str, Any]], int]] = {
    "all ports": (EVERY, [permission("tcp 0-65535", **WORLD4)], 4),
    "all traffic": (SOME, [permission("-1", **WORLD4)], 4),
    "all ports, IPv6": (SOME, [permission("tcp 0-65535", **WORLD6)], 6),
    "all traffic, both versions": (SOME, [permission("-1", **WORLD4), permission("-1", **WORLD6)], 4),
    "two halves": (SOME[:-1], [permission("tcp 0-65535", **HALVES)], 4),
    "some ports": (SOME, [permission("tcp 20-25", **WORLD4)], 4),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_closed_with_any_number_of_other_rules(
    shape: str, moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moto.share_clients(monkeypatch)
    counts, wide, version = SHAPES[shape]
    groups = {filled(moto, f"with-{others}", others, *wide, version=version): others for others in counts}
    before = {group: rules_of(moto, group) for group in groups}
    closely = [group for group, others in groups.items() if others % 20 == 0 or others > ROOM - 5]
    start = {group: shown(moto, group) for group in closely}
    with monkeypatch.context() as patched:
        seen = watch(moto, closely, patched)
        engine.pull(policy(FORBIDDEN), tmp_path)

    forbidden = Forbidden(tuple(from_policy("tcp 22 from world")))
    made = receipts(tmp_path)
    assert made.keys() == groups.keys()
    assert {receipt["outcome"] for receipt in made.values()} == {"reverted"}
    reached = {group: reach(rules) for group, rules in before.items()}
    for group, rules in seen:
        assert reach(rules) <= reached[group], "wider than before for a moment"
    for group, others in groups.items():
        after = rules_of(moto, group)
        assert not forbidden.offending(after), f"22 is open beside {others} rules"
        innocent = {rule.rule_id for rule in before[group] if rule.from_port == 5432}
        assert innocent <= {rule.rule_id for rule in after}
        gone = {each for each in reached[group] - reach(after) if each[1:] != ("tcp", 22)}
        given_up = [note for note in made[group]["notes"] if note.startswith("closed too, because the group has no")]
        assert bool(given_up) == bool(gone), "the receipt says what was given up"
        if len(after) < ROOM - 1:
            assert not given_up
    for group in closely:
        for call in made[group]["inverse"]:
            getattr(moto.client(call["service"]), call["operation"])(**call["parameters"])
        assert shown(moto, group) == start[group]


def test_a_wide_rule_for_a_prefix_list_is_narrowed_in_a_full_group(moto: Moto, tmp_path: Path) -> None:
    world = [{"Cidr": "0.0.0.0/1"}, {"Cidr": "128.0.0.0/1"}]
    listed = moto.client("ec2").create_managed_prefix_list(
        PrefixListName="world", MaxEntries=5, AddressFamily="IPv4", Entries=world)["PrefixList"]["PrefixListId"]
    group = filled(moto, "g", ROOM - 5, permission("tcp 0-65535", PrefixListIds=[{"PrefixListId": listed}]))
    start = shown(moto, group)
    engine.pull(policy(FORBIDDEN), tmp_path)
    assert [(rule.from_port, rule.to_port) for rule in rules_of(moto, group) if rule.peer == listed] == [(23, 65535)]
    [note] = [note for note in receipts(tmp_path)[group]["notes"] if note.startswith("closed too")]
    assert note.endswith(f"another rule: tcp 0-21 from {listed}, a part of tcp all from {listed}")
    for call in receipts(tmp_path)[group]["inverse"]:
        getattr(moto.client(call["service"]), call["operation"])(**call["parameters"])
    assert shown(moto, group) == start


def test_the_narrowed_rule_keeps_its_id_tags_and_description(moto: Moto, tmp_path: Path) -> None:
    wide = permission("tcp 0-65535", IpRanges=[{"CidrIp": "0.0.0.0/0", "Description": "made in a hurry"}])
    group = filled(moto, "g", ROOM - 1, wide)
    [rule] = [rule for rule in rules_of(moto, group) if rule.from_port == 0]
    moto.client("ec2").create_tags(Resources=[rule.rule_id], Tags=[{"Key": "owner", "Value": "web"}])
    engine.pull(policy(FORBIDDEN), tmp_path)
    [now] = [each for each in rules_of(moto, group) if each.from_port == 23]
    assert (now.rule_id, now.description, dict(now.tags)) == (rule.rule_id, "made in a hurry", {"owner": "web"})


ALLOWED = {"type": "ingress-drift", "allowed": ["tcp 5432 from 10.0.0.0/8", "tcp 80,443 from world"], "narrow": True}


@pytest.mark.parametrize(("source", "stays"), [("10.0.0.0/8", True), ("0.0.0.0/0", False), ("8.0.0.0/8", False)])
@pytest.mark.parametrize("others", [ROOM - 1, ROOM - 2])
def test_when_full_keep_leaves_a_private_rule_whole(
    source: str, stays: bool, others: int, moto: Moto, tmp_path: Path
) -> None:
    baseline = {**ALLOWED, "allowed": [*ALLOWED["allowed"], "tcp 80,443,5432 from 10.0.0.0/8"]}
    group = filled(moto, "g", others, permission("tcp 0-65535", IpRanges=[{"CidrIp": source}]))
    before = rules_of(moto, group)
    data = policy(
        {"GroupName": "g"}, baseline, action={"type": "revert-ingress", "when-full": "keep"})
    if stays:
        with pytest.raises(FixIncomplete, match="RulesPerSecurityGroupLimitExceeded"):
            engine.pull(data, tmp_path)
        assert rules_of(moto, group) == before, "not half way"
        assert receipts(tmp_path)[group]["outcome"] == "failed"
        assert receipts(tmp_path)[group]["inverse"] == []
    else:
        engine.pull(data, tmp_path)
        assert receipts(tmp_path)[group]["outcome"] == "reverted"
        # Both ports if there is room for two rules, and one if there is room for one.
        assert len([rule for rule in rules_of(moto, group) if rule.peer == source]) == ROOM - others


def test_without_the_permission_to_modify_it_is_closed_too(moto: Moto, tmp_path: Path) -> None:
    group = filled(moto, "g", ROOM - 1, permission("tcp 0-65535", **WORLD4))
    start = shown(moto, group)
    engine.pull(policy(FORBIDDEN), tmp_path, dryrun=True)
    with answering("ModifySecurityGroupRules", lambda _: refused("UnauthorizedOperation", "ModifySecurityGroupRules")):
        engine.pull(policy(FORBIDDEN), tmp_path)
    receipt = receipts(tmp_path)[group]
    assert receipt["outcome"] == "reverted"
    assert len([rule for rule in rules_of(moto, group) if rule.peer == "0.0.0.0/0"]) == 1
    assert not Forbidden(tuple(from_policy("tcp 22 from world"))).offending(rules_of(moto, group))
    with pytest.raises(ClientError, match="RulesPerSecurityGroupLimitExceeded"):
        # Another rule has taken its place, which has to go first.
        moto.client("ec2").authorize_security_group_ingress(**receipt["inverse"][0]["parameters"])
    for call in reversed(receipt["inverse"]):
        getattr(moto.client(call["service"]), call["operation"])(**call["parameters"])
    assert shown(moto, group) == start


def test_neither_call_is_allowed_and_the_wide_rule_stays(moto: Moto, tmp_path: Path) -> None:
    group = filled(moto, "g", 1, permission("tcp 0-65535", **WORLD4))
    before = rules_of(moto, group)
    engine.pull(policy(FORBIDDEN), tmp_path, dryrun=True)
    denied = [(name, lambda _, name=name: refused("UnauthorizedOperation", name)) for name in (
        "ModifySecurityGroupRules", "AuthorizeSecurityGroupIngress")]
    with answering(*denied[0]), answering(*denied[1]), pytest.raises(FixIncomplete, match="UnauthorizedOperation"):
        engine.pull(policy(FORBIDDEN), tmp_path)
    assert rules_of(moto, group) == before


def test_a_restore_into_a_full_group_closes_first_and_says_what_does_not_fit(moto: Moto, tmp_path: Path) -> None:
    group = filled(moto, "g", ROOM - 1, permission("tcp 8080-8080", **WORLD4))
    required = [f"tcp 5432 from 10.{n}.0.0/16" for n in range(ROOM - 1)]
    data = policy({"GroupName": "g"}, {"type": "ingress-drift", "required": [*required, "tcp 443 from world"]})
    engine.pull(data, tmp_path)
    assert {(rule.from_port, rule.peer) for rule in rules_of(moto, group) if rule.from_port != 5432} == {
        (443, "0.0.0.0/0"), (443, "::/0")}
    data = policy({"GroupName": "g"}, {
        "type": "ingress-drift", "required": [*required, "tcp 443 from world", "tcp 444 from 10.0.0.0/8"]})
    with pytest.raises(FixIncomplete, match=r"still to do: authorise tcp 444 from 10\.0\.0\.0/8"):
        engine.pull(data, tmp_path)
    assert len([rule for rule in rules_of(moto, group) if rule.block and rule.block.version == 4]) == ROOM


def test_when_full_needs_narrow(moto: Moto, tmp_path: Path) -> None:
    data = policy({**FORBIDDEN, "narrow": False}, action={"type": "revert-ingress", "when-full": "keep"})
    with pytest.raises(PolicyValidationError, match="when-full goes with narrow: true"):
        engine.load(data, tmp_path)
