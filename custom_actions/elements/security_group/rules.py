"""One ingress rule, as EC2, AWS Config, CloudTrail or a policy writes it.

The same rule can be written in many ways: `-1` or missing ports, `6` for `tcp`, `2001:DB8:0::/32`, `10.1.2.3/8`, one
`IpPermission` with many sources or one `SecurityGroupRule` for each. `Rule` holds the meaning: two rules are equal when
they allow the same traffic. Descriptions and order make no difference.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from ...addresses import AddressError, Block, block, normal

ALL_TRAFFIC = "-1"
LAST_PORT = 65535
_PORT_PROTOCOLS = ("tcp", "udp")
_ICMP_PROTOCOLS = ("icmp", "icmpv6")
_PROTOCOL_NAMES = {"all": ALL_TRAFFIC, "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "icmp6": "icmpv6"}

CIDR4, CIDR6, PREFIX_LIST, GROUP = "CidrIp", "CidrIpv6", "PrefixListId", "GroupId"
PEER_KINDS = (CIDR4, CIDR6, PREFIX_LIST, GROUP)
WORLD4, WORLD6 = "0.0.0.0/0", "::/0"
"""As sources that a policy forbids: the whole internet, however the group's rules write it."""
SELF = "self"
"""As a `GroupId` in a policy: the group that the rule belongs to."""

_SHORT = re.compile(r"(?P<protocol>\S+?)(?:\s+(?P<ports>[\d\s,-]+?|all))?\s+from\s+(?P<peers>\S.*)", re.IGNORECASE)


class RuleError(ValueError):
    """A rule that cannot be read. The message says what is wrong and how to write it."""


@dataclass(frozen=True, order=True)
class Rule:
    """What one source may reach. Create it with `Rule.of` or a `from_…` function, which normalise the spelling.

    For TCP and UDP the ports are 0 to 65535. For ICMP they are type and code, -1 for any. Every other protocol has -1
    in both. Two rules are equal if protocol, ports and source are equal; the other fields do not count.
    """

    protocol: str
    from_port: int
    to_port: int
    peer_kind: str
    peer: str
    rule_id: str = field(default="", compare=False)
    description: str = field(default="", compare=False)
    account: str = field(default="", compare=False)
    """The account of a source group, where AWS names it."""
    tags: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    @classmethod
    def of(
        cls,
        protocol: str | int,
        from_port: int | None,
        to_port: int | None,
        peer_kind: str,
        peer: str,
        *,
        rule_id: str = "",
        description: str = "",
        account: str = "",
        tags: Iterable[tuple[str, str]] = (),
    ) -> Rule:
        """A rule in normal form. Raises RuleError for a rule that AWS would reject too."""
        name = str(protocol).strip().lower()
        name = _PROTOCOL_NAMES.get(name, name)
        if name not in (ALL_TRAFFIC, *_PORT_PROTOCOLS, *_ICMP_PROTOCOLS) and not (
            name.isdigit() and int(name) <= 255
        ):
            raise RuleError(f"unknown protocol {protocol!r}: use tcp, udp, icmp, icmpv6, -1 or a number up to 255")
        start, end = _ports(name, from_port, to_port)
        return cls(
            name, start, end, peer_kind, _peer(peer_kind, str(peer).strip()),
            rule_id, description, account, tuple(sorted(tags)),
        )

    @property
    def block(self) -> Block | None:
        """The addresses of the source; None for a prefix list or a group, because the rule does not contain them."""
        return block(self.peer) if self.peer_kind in (CIDR4, CIDR6) else None

    def in_group(self, group_id: str) -> Rule:
        """The rule as part of `group_id`: the source `self` becomes that group."""
        return replace(self, peer=group_id) if (self.peer_kind, self.peer) == (GROUP, SELF) else self

    def with_ports(self, protocol: str, from_port: int, to_port: int) -> Rule:
        """A new rule for the same source, with the same description and tags, and no id yet."""
        return replace(self, protocol=protocol, from_port=from_port, to_port=to_port, rule_id="")

    def to_permission(self) -> dict[str, Any]:
        """The rule as an `IpPermission` of EC2's AuthorizeSecurityGroupIngress, description included."""
        permission: dict[str, Any] = {"IpProtocol": self.protocol}
        if self.protocol in _PORT_PROTOCOLS + _ICMP_PROTOCOLS:
            permission.update(FromPort=self.from_port, ToPort=self.to_port)
        source = {self.peer_kind: self.peer}
        if self.peer_kind == GROUP and self.account:
            source["UserId"] = self.account
        if self.description:
            source["Description"] = self.description
        permission[_PERMISSION_LISTS[self.peer_kind]] = [source]
        return permission

    def to_request(self) -> dict[str, Any]:
        """The rule as a `SecurityGroupRuleRequest` of EC2's ModifySecurityGroupRules, description included."""
        request: dict[str, Any] = {
            "IpProtocol": self.protocol, "FromPort": self.from_port, "ToPort": self.to_port,
            _REQUEST_SOURCES[self.peer_kind]: self.peer,
        }
        # Without it, EC2 removes the description.
        return {**request, "Description": self.description} if self.description else request

    def to_dict(self) -> dict[str, Any]:
        """The rule as a policy would write it, with its id, description and tags where there are any."""
        record: dict[str, Any] = {"IpProtocol": self.protocol}
        if self.protocol in _PORT_PROTOCOLS + _ICMP_PROTOCOLS:
            record.update(FromPort=self.from_port, ToPort=self.to_port)
        record[self.peer_kind] = self.peer
        for name, value in (
            ("UserId", self.account),
            ("SecurityGroupRuleId", self.rule_id),
            ("Description", self.description),
            ("Tags", dict(self.tags)),
        ):
            if value:
                record[name] = value
        return record

    def __str__(self) -> str:
        if self.protocol in _PORT_PROTOCOLS:
            ports = "all" if (self.from_port, self.to_port) == (0, LAST_PORT) else (
                str(self.from_port) if self.from_port == self.to_port else f"{self.from_port}-{self.to_port}"
            )
            what = f"{self.protocol} {ports}"
        elif self.protocol in _ICMP_PROTOCOLS and self.from_port != -1:
            what = f"{self.protocol} {self.from_port}/{'any' if self.to_port == -1 else self.to_port}"
        else:
            what = "all" if self.protocol == ALL_TRAFFIC else self.protocol
        return f"{what} from {self.peer}"


_PERMISSION_LISTS = {
    CIDR4: "IpRanges", CIDR6: "Ipv6Ranges", PREFIX_LIST: "PrefixListIds", GROUP: "UserIdGroupPairs",
}

_REQUEST_SOURCES = {CIDR4: "CidrIpv4", CIDR6: "CidrIpv6", PREFIX_LIST: "PrefixListId", GROUP: "ReferencedGroupId"}


def from_policy(entry: str | Mapping[str, Any]) -> list[Rule]:
    """The rules that one entry of a policy describes.

    An entry is a mapping as in c7n's `set-permissions` (`IpProtocol`, `FromPort`, `ToPort` and one of `CidrIp`,
    `CidrIpv6`, `PrefixListId`, `GroupId`), or the shorter `tcp 22,3389 from world`, `udp 1020-1025 from 10.0.0.0/8`,
    `all from sg-0123456789abcdef0`. `world` is every address of both families, `self` the group itself; several
    ports or sources are separated by commas. Raises RuleError.
    """
    if isinstance(entry, str):
        return list(_read_short(entry))
    if not isinstance(entry, Mapping):
        raise RuleError(f"a rule must be a string or a mapping, got {entry!r}")
    kinds = [kind for kind in PEER_KINDS if kind in entry]
    if len(kinds) != 1:
        raise RuleError(f"a rule needs exactly one of {', '.join(PEER_KINDS)}: {dict(entry)}")
    if "IpProtocol" not in entry:
        raise RuleError(f"a rule needs IpProtocol (tcp, udp, icmp, icmpv6, -1 or a number): {dict(entry)}")
    return [
        Rule.of(
            entry["IpProtocol"], entry.get("FromPort"), entry.get("ToPort"), kinds[0], entry[kinds[0]],
            description=entry.get("Description", ""), account=str(entry.get("UserId", "")),
        )
    ]


def from_permissions(permissions: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """The rules of `IpPermissions`, as DescribeSecurityGroups and c7n's resources hold them: one for each source."""
    return list(_from_permissions(permissions))


def from_config_item(configuration: Mapping[str, Any]) -> list[Rule]:
    """The ingress rules in the `configuration` of AWS Config's item of a security group, of any age.

    Items have keys in lower camel case, and null for unset values. IPv4 sources are in `ipv4Ranges`, and as strings in
    `ipRanges`; old items have only the latter. A prefix list is an object, or in old items its id. Raises RuleError.
    """
    return list(_from_permissions(_from_item(entry) for entry in configuration.get("ipPermissions") or ()))


def from_security_group_rules(rules: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """The ingress rules among DescribeSecurityGroupRules' `SecurityGroupRules`, each with its id."""
    return [
        Rule.of(
            rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort"), kind, peer,
            rule_id=rule["SecurityGroupRuleId"],
            description=rule.get("Description") or "",
            account=(rule.get("ReferencedGroupInfo") or {}).get("UserId") or "",
            tags=((tag["Key"], tag["Value"]) for tag in rule.get("Tags") or ()),
        )
        for rule in rules
        if not rule.get("IsEgress")
        for kind, peer in [_rule_peer(rule)]
    ]


def _rule_peer(rule: Mapping[str, Any]) -> tuple[str, str]:
    group = (rule.get("ReferencedGroupInfo") or {}).get("GroupId")
    for kind, peer in (
        (CIDR4, rule.get("CidrIpv4")), (CIDR6, rule.get("CidrIpv6")),
        (PREFIX_LIST, rule.get("PrefixListId")), (GROUP, group),
    ):
        if peer:
            return kind, peer
    raise RuleError(f"the rule {rule.get('SecurityGroupRuleId')} has a source of an unknown kind")


def _from_permissions(permissions: Iterable[Mapping[str, Any]]) -> Iterator[Rule]:
    for permission in permissions:
        for kind, listed in _PERMISSION_LISTS.items():
            for entry in permission.get(listed) or ():
                # A bare id: c7n passes on the prefix lists of old AWS Config items like this.
                source = {kind: entry} if isinstance(entry, str) else entry
                peer = source.get(kind)
                if not peer:
                    raise RuleError(f"a source group needs an id (EC2-Classic is not supported): {dict(source)}")
                yield Rule.of(
                    permission["IpProtocol"], permission.get("FromPort"), permission.get("ToPort"), kind, peer,
                    description=source.get("Description") or "", account=source.get("UserId") or "",
                )


def _from_item(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A permission of an AWS Config item in EC2's format."""
    permission: dict[str, Any] = {
        "IpProtocol": entry["ipProtocol"], "FromPort": entry.get("fromPort"), "ToPort": entry.get("toPort"),
    }
    for kind, listed in _PERMISSION_LISTS.items():
        name = listed[0].lower() + listed[1:]
        sources = entry.get(name) or ()
        if kind == CIDR4:
            sources = entry.get("ipv4Ranges") or sources
        permission[listed] = [
            {kind: source} if isinstance(source, str)
            else {key[:1].upper() + key[1:]: value for key, value in source.items()}
            for source in sources
        ]
    return permission


def port_ranges(entries: Iterable[str | int]) -> list[tuple[int, int]]:
    """Port ranges from `443`, `"443"` or `"1020-1025"`. Raises RuleError."""
    ranges = []
    for entry in entries:
        bounds = re.fullmatch(r"(\d+)(?:-(\d+))?", str(entry).replace(" ", ""))
        if not bounds:
            raise RuleError(f"cannot read the ports {entry!r}: use 443 or 1020-1025")
        ranges.append(_ports("tcp", int(bounds[1]), int(bounds[2] or bounds[1])))
    return ranges


@lru_cache(maxsize=1024)
def _read_short(text: str) -> tuple[Rule, ...]:
    """A function reads the same policy at every event."""
    return tuple(_from_short(text))


def _from_short(text: str) -> Iterator[Rule]:
    match = _SHORT.fullmatch(text.strip())
    if not match:
        raise RuleError(
            f"cannot read the rule {text!r}: write it as 'tcp 22,3389 from world' or 'all from 10.0.0.0/8'"
        )
    ports = (match["ports"] or "all").replace(" ", "").split(",")
    for part in ports:
        bounds = re.fullmatch(r"(?:(\d+)(?:-(\d+))?)|(all)", part, re.IGNORECASE)
        if not bounds:
            raise RuleError(f"cannot read the ports {part!r} of {text!r}: use 22, 1020-1025 or all")
        start = int(bounds[1]) if bounds[1] else None
        # One number is a port for TCP and UDP, and for ICMP a type with any code.
        end = int(bounds[2]) if bounds[2] else -1 if "icmp" in match["protocol"].lower() else start
        for peer in (peer.strip() for peer in match["peers"].split(",")):
            for kind, source in _short_peers(peer, text):
                yield Rule.of(match["protocol"], start, end, kind, source)


def _short_peers(peer: str, text: str) -> list[tuple[str, str]]:
    if peer.lower() == "world":
        return [(CIDR4, WORLD4), (CIDR6, WORLD6)]
    if peer.startswith("pl-"):
        return [(PREFIX_LIST, peer)]
    if peer.startswith("sg-") or peer == SELF:
        return [(GROUP, peer)]
    if re.fullmatch(r"[0-9a-fA-F.:]+(/\d+)?", peer):
        return [(CIDR6 if ":" in peer else CIDR4, peer)]
    raise RuleError(f"cannot read the source {peer!r} of {text!r}: use a CIDR, world, self, sg-… or pl-…")


def _ports(protocol: str, start: int | None, end: int | None) -> tuple[int, int]:
    start = -1 if start is None else int(start)
    end = -1 if end is None else int(end)
    if protocol in _PORT_PROTOCOLS:
        if (start, end) == (-1, -1):
            return 0, LAST_PORT
        if not 0 <= start <= end <= LAST_PORT:
            raise RuleError(f"ports {start} to {end} are not a range within 0 to {LAST_PORT}")
        return start, end
    if protocol in _ICMP_PROTOCOLS:
        if not (-1 <= start <= 255 and -1 <= end <= 255) or (start == -1 and end != -1):
            raise RuleError(f"{protocol} type {start} with code {end}: each is 0 to 255, or -1 for any")
        return start, end
    return -1, -1


def _peer(kind: str, peer: str) -> str:
    if kind not in (CIDR4, CIDR6):
        if not peer:
            raise RuleError(f"{kind} is empty")
        return peer
    try:
        spelled, found = normal(peer)
    except AddressError as error:
        raise RuleError(str(error)) from None
    if found.version != (4 if kind == CIDR4 else 6):
        raise RuleError(f"{peer} belongs under {CIDR6 if kind == CIDR4 else CIDR4}, not {kind}")
    return spelled
