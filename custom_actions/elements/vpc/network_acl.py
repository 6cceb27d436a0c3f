"""The filter `world-ports` on `aws.network-acl`: TCP ports that a network ACL lets the internet reach.

Source: Amazon VPC user guide, "Network ACL rules": rules are evaluated in order of their number, and the first one that
matches decides; what no rule matches is denied. EC2's DescribeNetworkAcls.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.utils import type_schema

from ...addresses import DEFAULT_SHARE, Block, Span, block, is_world, merge, subtract
from ...parameters import placeholders
from ..security_group import SHARE_SCHEMA, WORLD_SHARE, world_share

_TCP, _ALL = "6", "-1"

Entry = Mapping[str, Any]


def world_ports(entries: Iterable[Entry], ports: Iterable[int], share: Fraction = DEFAULT_SHARE) -> list[str]:
    """The ports that the entries of a network ACL let the world reach over TCP, with the rules that let them in.

    Args:
        entries: as DescribeNetworkAcls returns them.
        ports: the TCP ports to look at.
        share: of the internet's addresses; more than that is the world.

    Returns a line for each port, such as `22: rule 100 allows 0.0.0.0/0`.
    """
    inbound = sorted((entry for entry in entries if not entry["Egress"]), key=lambda entry: int(entry["RuleNumber"]))
    found = []
    for port in ports:
        allowed, rules = _let_in([entry for entry in inbound if _covers(entry, port)])
        if is_world(allowed, share):
            found.append(f"{port}: {', '.join(rules)}")
    return found


def _let_in(entries: Sequence[Entry]) -> tuple[list[Block], list[str]]:
    """The sources that the entries let in, and the rules that do. The first entry that has an address decides it."""
    decided: dict[int, list[Span]] = {4: [], 6: []}
    allowed: list[Block] = []
    rules: list[str] = []
    for entry in entries:
        source = str(entry.get("CidrBlock") or entry.get("Ipv6CidrBlock"))
        addresses = block(source)
        new = subtract((addresses.first, addresses.last), decided[addresses.version])
        if new and entry["RuleAction"] == "allow":
            allowed += (Block(addresses.version, first, last) for first, last in new)
            rules.append(f"rule {entry['RuleNumber']} allows {source}")
        decided[addresses.version] = merge([*decided[addresses.version], (addresses.first, addresses.last)])
    return allowed, rules


def _covers(entry: Entry, port: int) -> bool:
    protocol = str(entry["Protocol"])
    if protocol == _ALL:
        return True
    ports = entry.get("PortRange") or {}
    return protocol == _TCP and int(ports.get("From", 0)) <= port <= int(ports.get("To", 65535))


class WorldPorts(Filter):
    """Network ACLs that let the internet reach a TCP port.

    The rules are evaluated in their order, so that an earlier rule that denies the port counts. A port is open to the
    internet if the sources that are let in cover more than `world-share` (default 1/256) of its IPv4 or IPv6 addresses.
    The ports and the rules are kept on the network ACL as `c7n:WorldPorts`.

    Written because a JMESPath expression in c7n's `value` cannot evaluate the rules in order, and matches only sources
    that are written as `0.0.0.0/0`.

    :example:

    .. code-block:: yaml

        policies:
          - name: network-acl-ssh
            resource: aws.network-acl
            filters:
              - type: world-ports
                ports: [22, 3389]
    """

    schema = type_schema("world-ports", required=["ports"], ports={
        "oneOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 65535}},
        ]
    }, **{WORLD_SHARE: SHARE_SCHEMA})
    permissions: tuple[str, ...] = ()
    annotation_key = "c7n:WorldPorts"

    def validate(self) -> WorldPorts:
        ports = self.data["ports"]
        if isinstance(ports, str) and not placeholders(ports):
            raise PolicyValidationError(f"{self.type}: ports must be a list such as [22, 3389], got {ports!r}")
        if not placeholders(self.data.get(WORLD_SHARE)):
            world_share(self)
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        share, found = world_share(self), []
        for acl in resources:
            if lines := world_ports(acl["Entries"], self.data["ports"], share):
                acl[self.annotation_key] = lines
                found.append(acl)
        return found
