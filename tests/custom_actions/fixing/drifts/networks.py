"""Security groups."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..cloud import Cloud, event, policy, record
from ..faults import Drift, State
from .scenarios import ONE_EVENT, drifts, pulled


def _open(cloud: Cloud, group: str, *rules: tuple[int, int, str]) -> None:
    cloud.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": first, "ToPort": last, "IpRanges": [{"CidrIp": source}]}
        for first, last, source in rules
    ])


def _groups(cloud: Cloud, *rules: tuple[int, int, str]) -> list[str]:
    ec2, groups = cloud.client("ec2"), []
    for name in ("one", "two"):
        groups.append(ec2.create_security_group(GroupName=name, Description=name)["GroupId"])
        _open(cloud, groups[-1], *rules)
    return groups


def _ingress(cloud: Cloud, groups: Sequence[str]) -> Callable[[], State]:
    def state() -> State:
        found = cloud.client("ec2").describe_security_group_rules(
            Filters=[{"Name": "group-id", "Values": list(groups)}])["SecurityGroupRules"]
        return {group: sorted(
            [rule["FromPort"], rule["ToPort"], rule["CidrIpv4"]] for rule in found
            if rule["GroupId"] == group and not rule["IsEgress"]
        ) for group in groups}

    return state


@drifts("security-group", "remove-all-rules")
def default_groups(cloud: Cloud) -> Drift:
    groups = _groups(cloud, (22, 22, "10.0.0.0/8"), (443, 443, "0.0.0.0/0"))
    ec2 = cloud.client("ec2")
    for group in groups:
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [
                {"CidrIp": "10.0.0.0/8", "Description": "inside"}]}])

    def state() -> State:
        found = ec2.describe_security_group_rules(
            Filters=[{"Name": "group-id", "Values": groups}])["SecurityGroupRules"]
        return {group: sorted(
            [rule["IsEgress"], rule["IpProtocol"], rule["CidrIpv4"], rule.get("Description") or ""]
            for rule in found if rule["GroupId"] == group) for group in groups}

    own = {"type": "value", "key": "GroupName", "op": "in", "value": ["one", "two"]}
    return Drift(pulled("security-group", "remove-all-rules", own), groups, state,
                 lambda rules: {"inbound" if not rule[0] else "outbound" for rule in rules})


@drifts("security-group", "revert-ingress", "narrow")
def narrow(cloud: Cloud) -> Drift:
    groups = _groups(cloud, (22, 22, "0.0.0.0/0"), (0, 65535, "0.0.0.0/0"), (22, 22, "10.0.0.0/8"))

    def wrong(rules: Any) -> set[str]:
        def opened(port: int, source: str) -> bool:
            return any(first <= port <= last and cidr == source for first, last, cidr in rules)

        closed = {f"{port} is closed" for port in (0, 21, 23, 443, 65535) if not opened(port, "0.0.0.0/0")}
        if not opened(22, "10.0.0.0/8"):
            closed.add("22 is closed inside")
        return closed | ({"22 is open"} if opened(22, "0.0.0.0/0") else set())

    forbidden = {"type": "ingress-drift", "forbidden": ["tcp 22 from world"], "narrow": True}
    return Drift(pulled("security-group", "revert-ingress", forbidden), groups, _ingress(cloud, groups), wrong)


@drifts("security-group", "revert-ingress", "exact")
def exact(cloud: Cloud) -> Drift:
    groups = _groups(cloud, (443, 443, "0.0.0.0/0"), (22, 22, "0.0.0.0/0"), (3389, 3389, "0.0.0.0/0"))
    baseline = [[80, 80, "10.0.0.0/8"], [81, 81, "10.0.0.0/8"], [443, 443, "0.0.0.0/0"]]

    def wrong(rules: Any) -> set[str]:
        return {f"extra {rule}" for rule in rules if rule not in baseline} | {
            f"missing {rule}" for rule in baseline if rule not in rules}

    required = {"type": "ingress-drift", "required": ["tcp 80-80,81-81 from 10.0.0.0/8", "tcp 443 from 0.0.0.0/0"]}
    return Drift(pulled("security-group", "revert-ingress", required), groups, _ingress(cloud, groups), wrong,
                 picks=lambda group: group["GroupId"] in groups)


@drifts("security-group", "revert-ingress", "event")
def revoked(cloud: Cloud) -> Drift:
    group, _ = _groups(cloud, (80, 80, "10.0.0.0/8"))
    # The event names the rule by its id alone: what it was is in the history.
    opened = {"securityGroupRuleId": "sgr-1", "groupId": group, "isEgress": False, "ipProtocol": "tcp",
              "fromPort": 443, "toPort": 443, "cidrIpv4": "0.0.0.0/0"}
    cloud.history = [record(
        "AuthorizeSecurityGroupIngress", {"groupId": group}, {"securityGroupRuleSet": {"items": [opened]}},
        source="ec2", minutes_ago=60)]
    made = record("RevokeSecurityGroupIngress", {
        "groupId": group, "securityGroupRuleIds": {"items": [{"securityGroupRuleId": "sgr-1"}]}}, source="ec2")

    def wrong(rules: Any) -> set[str]:
        lacking = {f"lacks {port}" for port, source in ((80, "10.0.0.0/8"), (443, "0.0.0.0/0"))
                   if [port, port, source] not in rules}
        return lacking | {f"has {rule}" for rule in rules if rule[0] not in (80, 443)}

    return Drift(
        policy("security-group", {"type": "revert-ingress", "baseline": "event"}, "ec2",
               ("RevokeSecurityGroupIngress", "requestParameters.groupId")),
        [group], _ingress(cloud, [group]), wrong, event(made), ONE_EVENT,
        picks=lambda resource: resource["GroupId"] == group)
