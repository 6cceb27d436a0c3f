"""Where callers may come from: VPCs and endpoints of the account, or networks of a list."""
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any, ClassVar

from c7n.utils import chunks

from ...aws import call
from .document import Condition

VPC, ENDPOINT = "aws:sourcevpc", "aws:sourcevpce"

_FILTER_VALUES = 200
"""How many values EC2 takes in one filter."""

_Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class OwnVpcs:
    """Callers come through VPCs and VPC endpoints of this account and region; nothing else exists.

    `StringLike` is as exact as `StringEquals` here, for a pattern is no id that exists.
    """

    existing: Mapping[str, Collection[str]]
    """For each key, the ids that there are."""

    keys: ClassVar[frozenset[str]] = frozenset({VPC, ENDPOINT})
    equals: ClassVar[frozenset[str]] = frozenset({"stringequals", "stringequalsignorecase", "stringlike"})
    differs: ClassVar[frozenset[str]] = frozenset({"stringnotequals", "stringnotequalsignorecase", "stringnotlike"})
    words: ClassVar[str] = "no VPC or endpoint of this account and region"

    def outside(self, condition: Condition) -> list[str]:
        return [value for value in condition.values if value not in self.existing[condition.key]]


@dataclass(frozen=True)
class Networks:
    """Callers come from addresses in a list of networks; neighbours in the list count as one."""

    allowed: tuple[_Network, ...]

    keys: ClassVar[frozenset[str]] = frozenset({"aws:sourceip"})
    equals: ClassVar[frozenset[str]] = frozenset({"ipaddress"})
    differs: ClassVar[frozenset[str]] = frozenset({"notipaddress"})
    words: ClassVar[str] = "not inside the networks that may call"

    @classmethod
    def of(cls, networks: Iterable[str]) -> Networks:
        """From addresses and CIDRs, host bits or not. Raises ValueError for what is neither."""
        parsed = [ip_network(network, strict=False) for network in networks]
        return cls((
            *collapse_addresses(network for network in parsed if isinstance(network, IPv4Network)),
            *collapse_addresses(network for network in parsed if isinstance(network, IPv6Network)),
        ))

    def outside(self, condition: Condition) -> list[str]:
        return [value for value in condition.values if not self._contains(value)]

    def _contains(self, value: str) -> bool:
        try:
            network = ip_network(value, strict=False)
        except ValueError:
            return False
        return any(
            network.version == allowed.version and network.subnet_of(allowed)  # type: ignore[arg-type]
            for allowed in self.allowed
        )


def existing(ec2: Any, account: str, named: Collection[tuple[str, str]]) -> dict[str, set[str]]:
    """Of the VPCs and endpoints named, as pairs of key and id, those that the account has in the client's region.

    One call for each kind, none for a kind that nobody names. Raises ClientError.
    """
    found = {}
    for key, operation, name, listed, identifier in (
        (VPC, "describe_vpcs", "vpc-id", "Vpcs", "VpcId"),
        (ENDPOINT, "describe_vpc_endpoints", "vpc-endpoint-id", "VpcEndpoints", "VpcEndpointId"),
    ):
        ids = sorted(value for kind, value in named if kind == key)
        # A shared VPC can be described too, and others send from it.
        found[key] = {
            entry[identifier] for some in chunks(ids, _FILTER_VALUES)
            for page in call(partial(_pages, ec2, operation, name, some)) for entry in page[listed]
            if entry.get("OwnerId") == account
        }
    return found


def _pages(ec2: Any, operation: str, name: str, values: list[str]) -> list[Mapping[str, Any]]:
    return list(ec2.get_paginator(operation).paginate(Filters=[{"Name": name, "Values": values}]))
