"""Where callers may come from: the account's VPCs and endpoints, or the networks of a list."""
from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ...addresses import LAST, SOURCE_IP, AddressError, Block, block, is_world, let_in, merge
from ...aws import filtered
from .document import Condition

VPC, ENDPOINT = "aws:sourcevpc", "aws:sourcevpce"


@dataclass(frozen=True)
class OwnVpcs:
    """Callers must come through VPCs and VPC endpoints of this account and region.

    `StringLike` is as exact as `StringEquals` here, because no existing id contains a wildcard.
    """

    existing: Mapping[str, Collection[str]]
    """For each key, the ids that exist."""

    keys: ClassVar[frozenset[str]] = frozenset({VPC, ENDPOINT})
    equals: ClassVar[frozenset[str]] = frozenset({"stringequals", "stringequalsignorecase", "stringlike"})
    differs: ClassVar[frozenset[str]] = frozenset({"stringnotequals", "stringnotequalsignorecase", "stringnotlike"})

    def outside(self, condition: Condition) -> list[str]:
        return [value for value in condition.values if value not in self.existing[condition.key]]

    def why(self, strange: Sequence[str]) -> str:
        what = "is not a VPC or endpoint" if len(strange) == 1 else "are not VPCs or endpoints"
        return f"{', '.join(strange)} {what} of this account and region"


@dataclass(frozen=True)
class Networks:
    """Callers must come from addresses in a list of networks. Adjacent networks count as one."""

    allowed: tuple[Block, ...]
    """In order and without overlaps."""

    keys: ClassVar[frozenset[str]] = frozenset({SOURCE_IP})
    equals: ClassVar[frozenset[str]] = frozenset({"ipaddress"})
    differs: ClassVar[frozenset[str]] = frozenset({"notipaddress"})

    @classmethod
    def of(cls, networks: Iterable[str]) -> Networks:
        """From addresses and CIDRs, with or without host bits.

        Raises AddressError, a ValueError, for other values, and for a list that covers the world: it has no effect.
        """
        blocks = list(map(block, networks))
        if is_world(blocks):
            raise AddressError("together these networks cover the world, so the list would limit no one")
        return cls(tuple(
            Block(version, first, last) for version in (4, 6)
            for first, last in merge((each.first, each.last) for each in blocks if each.version == version)
        ))

    def outside(self, condition: Condition) -> list[str]:
        return [value for value in condition.values if not self._contains(value)]

    def why(self, strange: Sequence[str]) -> str:
        named = f"{', '.join(strange)} {'is' if len(strange) == 1 else 'are'}"
        blocks = let_in("IpAddress", strange)
        if blocks is not None and is_world(blocks):
            return f"{named} open to the world"
        return f"{named} not inside the allowed networks"

    def _contains(self, value: str) -> bool:
        try:
            wanted = block(value)
        except AddressError:
            return False
        at = bisect_right(self.allowed, Block(wanted.version, wanted.first, LAST[wanted.version])) - 1
        return at >= 0 and self.allowed[at].holds(wanted)


def existing(ec2: Any, account: str, named: Collection[tuple[str, str]]) -> dict[str, set[str]]:
    """Those of the named VPCs and endpoints, given as pairs of key and id, that the account has in the client's region.

    One call for each kind; none for a kind that is not named. Raises ClientError.
    """
    found = {}
    for key, operation, name, listed, identifier in (
        (VPC, "describe_vpcs", "vpc-id", "Vpcs", "VpcId"),
        (ENDPOINT, "describe_vpc_endpoints", "vpc-endpoint-id", "VpcEndpoints", "VpcEndpointId"),
    ):
        ids = [value for kind, value in named if kind == key]
        # A shared VPC can be described too, but other accounts use it as well.
        found[key] = {
            entry[identifier] for entry in filtered(ec2, operation, listed, name, ids)
            if entry.get("OwnerId") == account
        }
    return found
