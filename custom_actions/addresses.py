"""Decides whether source addresses are open to the world, for filters, fixes and policy documents.

A set of sources is open to the world if together they cover more than a certain share of the addresses that internet
hosts send from. How they are written does not matter: 0.0.0.0/0, its two halves, and a thousand blocks of the same
total size are equal to an attacker. Addresses that no internet host can send from (10.0.0.0/8, documentation,
multicast) do not count.

The addresses are counted separately in five spaces:

* IPv4: all addresses, except IANA's IPv4 Special-Purpose Address Registry (RFC 6890), multicast and 240/4.
* IPv6: 2000::/3, the only global unicast space that IANA allocates from, except IANA's IPv6 Special-Purpose Address
  Registry: protocol assignments in 2001::/23 (with ORCHID and benchmarking), documentation, and the next two spaces.
* 6to4 (2002::/16, RFC 3056) and Teredo (2001::/32, RFC 4380): every host that has a public IPv4 address, or uses a
  server that has one, can send from an address in these. The blocks are small parts of IPv6, but each contains all of
  public IPv4, so they are measured by the IPv4 addresses in them.
* NAT64 (64:ff9b::/96, RFC 6052): measured in the same way. The registry calls it globally reachable.

A few entries of the registries are globally reachable although they lie inside a reserved block (192.0.0.9/32,
2001:1::1/128, the ORCHIDv2 and DRIP identifiers). They are anycast services and identifiers that no host sends from, so
they do not count.

Sources: https://www.iana.org/assignments/iana-ipv4-special-registry and
https://www.iana.org/assignments/iana-ipv6-special-registry.
"""
from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from ipaddress import ip_network
from itertools import accumulate

Span = tuple[int, int]
"""The first and the last address of a range, as numbers."""

LAST = {4: 2**32 - 1, 6: 2**128 - 1}
"""The last address of each IP version."""

DEFAULT_SHARE = Fraction(1, 256)
"""Sources that cover more than this share of a space are the world: about an IPv4 /8, or an IPv6 /11."""


class AddressError(ValueError):
    """A value that is not an address, a CIDR block or a share. The message says what is wrong."""


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """A CIDR block as numbers: its IP version (4 or 6), its first and its last address."""

    version: int
    first: int
    last: int

    def holds(self, other: Block) -> bool:
        """Whether every address of `other` is in this block."""
        return self.version == other.version and self.first <= other.first and other.last <= self.last

    def overlaps(self, other: Block) -> bool:
        """Whether the two have an address in common."""
        return self.version == other.version and self.first <= other.last and other.first <= self.last


@lru_cache(maxsize=16384)
def normal(text: str) -> tuple[str, Block]:
    """A CIDR block, or a single address, in its normal form and as numbers. Host bits are cleared.

    Raises AddressError.
    """
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise AddressError(f"{text!r} is not a CIDR block: {error}") from None
    return str(network), Block(network.version, int(network.network_address), int(network.broadcast_address))


def block(text: str) -> Block:
    """The addresses of a CIDR block or of a single address. Raises AddressError."""
    return normal(text)[1]


def merge(spans: Iterable[Span]) -> list[Span]:
    """The same numbers in the fewest ranges, in order."""
    merged: list[Span] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            if last > merged[-1][1]:
                merged[-1] = merged[-1][0], last
        else:
            merged.append((first, last))
    return merged


def subtract(whole: Span, holes: Iterable[Span]) -> list[Span]:
    """What is left of `whole` without the numbers of `holes`, in the fewest ranges."""
    left: list[Span] = []
    first, last = whole
    for hole_first, hole_last in merge(holes):
        if hole_first > last:
            break
        if hole_first > first:
            left.append((first, hole_first - 1))
        first = max(first, hole_last + 1)
    if first <= last:
        left.append((first, last))
    return left


@dataclass(frozen=True)
class Space:
    """Addresses of one IP version that are counted together.

    Attributes:
        name: for people, such as `public IPv4`.
        version: 4 or 6.
        spans: the addresses, in order and without overlaps.
        size: the number of addresses.
    """

    name: str
    version: int
    spans: tuple[Span, ...]
    size: int = field(init=False)
    _firsts: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _before: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        sizes = [last - first + 1 for first, last in self.spans]
        object.__setattr__(self, "size", sum(sizes))
        object.__setattr__(self, "_firsts", tuple(first for first, _ in self.spans))
        object.__setattr__(self, "_before", tuple(accumulate(sizes, initial=0)))

    def measure(self, first: int, last: int) -> int:
        """The number of addresses of the space from `first` to `last`, inclusive."""
        return self._below(last + 1) - self._below(first)

    def limit(self, share: Fraction) -> int:
        """The most addresses that may be covered without exceeding the share."""
        return int(self.size * share)

    def _below(self, address: int) -> int:
        at = bisect_right(self._firsts, address) - 1
        if at < 0:
            return 0
        first, last = self.spans[at]
        return self._before[at] + min(address - first, last - first + 1)


def _spans(*blocks: str) -> list[Span]:
    return [(found.first, found.last) for found in map(block, blocks)]


_PUBLIC4 = subtract((0, LAST[4]), _spans(
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4",
))
_GLOBAL6 = _spans("2000::/3")[0]
_PUBLIC6 = subtract(_GLOBAL6, _spans("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))


def _holding_ipv4(prefix: str, shift: int) -> tuple[Span, ...]:
    """The IPv6 addresses under a prefix that contain a public IPv4 address, `shift` bits from the right."""
    start = block(prefix).first
    return tuple(merge((start + (first << shift), start + ((last + 1) << shift) - 1) for first, last in _PUBLIC4))


SPACES = (
    Space("public IPv4", 4, tuple(_PUBLIC4)),
    Space("public IPv6", 6, tuple(_PUBLIC6)),
    Space("6to4", 6, _holding_ipv4("2002::/16", 80)),
    Space("Teredo", 6, _holding_ipv4("2001::/32", 64)),
    Space("NAT64", 6, _holding_ipv4("64:ff9b::/96", 0)),
)
"""The addresses that internet hosts send from. Sources that cover more than a share of one space are the world."""


def spaces_of(version: int) -> tuple[Space, ...]:
    """The spaces of an IP version, 4 or 6."""
    return tuple(space for space in SPACES if space.version == version)


def share_of(value: object) -> Fraction:
    """A share as a policy writes it: `1/256`, `0.5` or a number; above 0, below 1. Raises AddressError."""
    try:
        # Converted as text: 0.1 means a tenth, not the nearest binary number.
        share = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise AddressError(f"{value!r} is not a share: write a fraction such as 1/256, or a number such as 0.01") \
            from None
    if not 0 < share < 1:
        raise AddressError(f"the share {value} must be above 0 and below 1")
    return share


def coverage(blocks: Iterable[Block], spaces: Iterable[Space] = SPACES) -> dict[str, Fraction]:
    """The share of each space that the blocks cover together, by the space's name: above 0, up to 1."""
    spans: Mapping[int, list[Span]] = {4: [], 6: []}
    for each in blocks:
        spans[each.version].append((each.first, each.last))
    merged = {version: merge(found) for version, found in spans.items()}
    covered = {
        space.name: Fraction(sum(space.measure(first, last) for first, last in merged[space.version]), space.size)
        for space in spaces
    }
    return {name: share for name, share in covered.items() if share}


def is_world(blocks: Iterable[Block], share: Fraction = DEFAULT_SHARE, spaces: Iterable[Space] = SPACES) -> bool:
    """Whether sources are open to the world: together they cover more than `share` of one of the spaces."""
    return any(covered > share for covered in coverage(blocks, spaces).values())


def all_but(blocks: Iterable[Block]) -> list[Block]:
    """All addresses of both IP versions outside the blocks, as ranges. `NotIpAddress` admits these."""
    spans: Mapping[int, list[Span]] = {4: [], 6: []}
    for each in blocks:
        spans[each.version].append((each.first, each.last))
    return [
        Block(version, first, last)
        for version, found in spans.items() for first, last in subtract((0, LAST[version]), found)
    ]


SOURCE_IP = "aws:sourceip"
"""The condition key with the address of a request, in lower case."""


def let_in(operator: str, values: Iterable[str]) -> list[Block] | None:
    """The sources that a condition on `aws:SourceIp` in an Allow admits; None if they are unknown.

    Args:
        operator: the condition's operator, in any case, such as `IpAddress`; also with `ForAnyValue:` or `IfExists`.
        values: addresses and CIDR blocks.

    `IfExists` and `ForAllValues:` are also true for requests without the key, but those come through an AWS service or
    a VPC endpoint and have no public address. None means another operator, such as StringLike, or a value that is not
    an address. Then it is unknown what the condition admits; it must not count as nothing.

    Source: IAM's user guide, "IP address condition operators".
    """
    plain = operator.lower().rpartition(":")[2].removesuffix("ifexists")
    try:
        blocks = [block(value) for value in values]
    except AddressError:
        return None
    if plain == "ipaddress":
        return blocks
    return all_but(blocks) if plain == "notipaddress" else None
