"""What a group's ingress should be, and which part of each rule offends against it.

Every baseline answers one question, `offending(rules)`: for each rule that must not stay as it is, the traffic in
it that must go. Traffic is counted per protocol as ranges on one line from 0 to 65535: ports for TCP and UDP, type
and code for ICMP, and the whole line for a protocol without either. All traffic is every protocol at once.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import collapse_addresses
from typing import Protocol

from .rules import ALL_TRAFFIC, LAST_PORT, Rule

Range = tuple[int, int]
Traffic = dict[str, list[Range]]
"""Protocol to the ranges of its line, in order, apart from each other."""

EVERY: Range = (0, LAST_PORT)
OTHER = "other"
"""In `Traffic`, all protocols that nobody names: only a rule for all traffic lets them in."""
_NAMED = ("tcp", "udp", "icmp", "icmpv6")


class Baseline(Protocol):
    """What the plan needs to know of a baseline."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that the baseline names."""

    def offending(self, rules: Iterable[Rule]) -> dict[Rule, Traffic]:
        """The rules that must not stay as they are, each with the traffic in it that must go."""

    def missing(self, rules: Iterable[Rule]) -> list[Rule]:
        """The rules that must be added."""


@dataclass(frozen=True)
class Required:
    """The exact ingress: these rules and no others."""

    rules: tuple[Rule, ...]

    def offending(self, rules: Iterable[Rule]) -> dict[Rule, Traffic]:
        wanted = set(self.rules)
        rules = list(rules)
        names = protocols([*rules, *self.rules])
        return {rule: traffic(rule, names) for rule in rules if rule not in wanted}

    def missing(self, rules: Iterable[Rule]) -> list[Rule]:
        present = set(rules)
        return [rule for rule in dict.fromkeys(self.rules) if rule not in present]


@dataclass(frozen=True)
class Allowed:
    """What may be open. A rule is fine when the allowed rules together let in all that it lets in."""

    rules: tuple[Rule, ...]

    def offending(self, rules: Iterable[Rule]) -> dict[Rule, Traffic]:
        rules = list(rules)
        names = protocols([*rules, *self.rules])
        found = {rule: self._outside(rule, names) for rule in rules}
        return {rule: outside for rule, outside in found.items() if outside}

    def missing(self, rules: Iterable[Rule]) -> list[Rule]:
        return []

    def _outside(self, rule: Rule, names: tuple[str, ...]) -> Traffic:
        """The traffic of `rule` that no allowed rules cover for every address of its source."""
        outside: Traffic = {}
        for protocol, [span] in traffic(rule, names).items():
            grants = [
                (allowed, granted[protocol][0])
                for allowed in self.rules
                if protocol in (granted := traffic(allowed, names)) and allowed.peer_kind == rule.peer_kind
            ]
            ranges = [
                piece for piece in _cut(span, (granted for _, granted in grants))
                if not _covers((allowed for allowed, granted in grants if _within(piece, granted)), rule)
            ]
            if ranges:
                outside[protocol] = _merge(ranges)
        return outside


@dataclass(frozen=True)
class Forbidden:
    """What must not be open to the whole of a source: the rest is nobody's business.

    `tcp 22 from world` offends when SSH is reachable from every address, be it through one rule for 0.0.0.0/0 or
    through two halves of the world; 10.0.0.0/8 beside them stays. For a source that is a group or a prefix list,
    the rule must name the same one.
    """

    rules: tuple[Rule, ...]

    def offending(self, rules: Iterable[Rule]) -> dict[Rule, Traffic]:
        rules = list(rules)
        names = protocols([*rules, *self.rules])
        found: dict[Rule, Traffic] = defaultdict(lambda: defaultdict(list))
        for forbidden in self.rules:
            for protocol, [span] in traffic(forbidden, names).items():
                open_here = [
                    (rule, opened[protocol][0])
                    for rule in rules
                    if rule.peer_kind == forbidden.peer_kind
                    and protocol in (opened := traffic(rule, names))
                    and _overlap(opened[protocol][0], span)
                ]
                for piece in _cut(span, (opened for _, opened in open_here)):
                    inside = [rule for rule, opened in open_here if _within(piece, opened)]
                    for rule in _letting_in(inside, forbidden):
                        found[rule][protocol].append(piece)
        return {
            rule: {protocol: _merge(ranges) for protocol, ranges in offence.items()}
            for rule, offence in found.items()
        }

    def missing(self, rules: Iterable[Rule]) -> list[Rule]:
        return []


def only_open_to_world(ports: Mapping[str, Iterable[Range]]) -> Forbidden:
    """The baseline by which of TCP and UDP only `ports` may be open to every address; `ports`: protocol to ranges.

    Every other port is forbidden `from world`, so what lets in less than the world is nobody's business.
    """
    return Forbidden(tuple(
        Rule.of(protocol, start, end, kind, every)
        for protocol in ("tcp", "udp")
        for start, end in _subtract(EVERY, ports.get(protocol, ()))
        for kind, every in (("CidrIp", "0.0.0.0/0"), ("CidrIpv6", "::/0"))
    ))


@dataclass(frozen=True)
class Undo:
    """What one change did, turned round: rules that it added go, rules that it removed come back.

    Attributes:
        added: rules that the change opened.
        removed: rules that the change closed.
        unknown: why a part of the change cannot be undone, empty when all of it can.
    """

    added: tuple[Rule, ...]
    removed: tuple[Rule, ...]
    unknown: tuple[str, ...] = field(default=())

    @property
    def rules(self) -> tuple[Rule, ...]:
        return (*self.added, *self.removed)

    def offending(self, rules: Iterable[Rule]) -> dict[Rule, Traffic]:
        rules = list(rules)
        names = protocols([*rules, *self.rules])
        # A rule that the change both added and removed (modified back and forth) is left as it is.
        gone = set(self.added) - set(self.removed)
        return {rule: traffic(rule, names) for rule in rules if rule in gone}

    def missing(self, rules: Iterable[Rule]) -> list[Rule]:
        present = set(rules)
        return [rule for rule in dict.fromkeys(self.removed) if rule not in present]


def protocols(rules: Iterable[Rule]) -> tuple[str, ...]:
    """The protocols to count traffic in: the usual ones, those that a rule names, and all others as one."""
    named = {rule.protocol for rule in rules} - {ALL_TRAFFIC, *_NAMED}
    return (*_NAMED, *sorted(named), OTHER)


def traffic(rule: Rule, names: tuple[str, ...]) -> Traffic:
    """What `rule` lets in: one range for each of the protocols `names` that it opens."""
    if rule.protocol == ALL_TRAFFIC:
        return {name: [EVERY] for name in names}
    if rule.protocol in ("icmp", "icmpv6"):
        return {rule.protocol: [_icmp(rule.from_port, rule.to_port)]}
    if rule.protocol in ("tcp", "udp"):
        return {rule.protocol: [(rule.from_port, rule.to_port)]}
    return {rule.protocol: [EVERY]}


def rest(rule: Rule, offence: Mapping[str, list[Range]], names: tuple[str, ...]) -> tuple[list[Rule], bool]:
    """What is left of `rule` when the traffic `offence` goes, as the fewest rules that EC2 can hold.

    Returns the rules, none when nothing is left, and whether something is lost that EC2 cannot say: a part of an
    ICMP range, or `all traffic but …` for the protocols that are not among `names`.
    """
    kept: list[Rule] = []
    lossy = False
    for protocol, [span] in traffic(rule, names).items():
        left = _subtract(span, offence.get(protocol, ()))
        if not left or (rule.peer_kind, protocol) in (("CidrIp", "icmpv6"), ("CidrIpv6", "icmp")):
            continue
        if protocol in ("tcp", "udp"):
            kept += [rule.with_ports(protocol, start, end) for start, end in left]
        elif protocol == OTHER or left != [span]:
            lossy = True
        else:
            kept.append(rule.with_ports(protocol, -1, -1))
    return kept, lossy


def _icmp(kind: int, code: int) -> Range:
    if kind == -1:
        return EVERY
    return (kind * 256, kind * 256 + 255) if code == -1 else (kind * 256 + code, kind * 256 + code)


def _letting_in(rules: list[Rule], forbidden: Rule) -> list[Rule]:
    """The rules that let in the whole of `forbidden`'s source: widest first, until the rest no longer do."""
    guilty: list[Rule] = []
    while _covers(rules, forbidden):
        widest = [rule for rule in rules if _touches(rule, forbidden) and not _is_within_another(rule, rules)]
        guilty += widest
        rules = [rule for rule in rules if rule not in widest]
    return guilty


def _covers(rules: Iterable[Rule], wanted: Rule) -> bool:
    """Whether the sources of `rules` together hold the whole source of `wanted`; all are of one kind."""
    if wanted.network is None:
        return any(rule.peer == wanted.peer for rule in rules)
    # Collapsed, a union is the largest aligned blocks that it holds, so one of them holds a block that it covers.
    blocks = collapse_addresses([network for rule in rules if (network := rule.network)])  # type: ignore[type-var]
    return any(wanted.network.subnet_of(block) for block in blocks)  # type: ignore[arg-type]


def _touches(rule: Rule, forbidden: Rule) -> bool:
    if rule.network is None or forbidden.network is None:
        return rule.peer == forbidden.peer
    return rule.network.overlaps(forbidden.network)


def _is_within_another(rule: Rule, rules: Iterable[Rule]) -> bool:
    if rule.network is None:
        return False
    return any(
        other.network is not None and other.network != rule.network
        and rule.network.subnet_of(other.network)  # type: ignore[arg-type]
        for other in rules
    )


def _overlap(one: Range, other: Range) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _within(piece: Range, whole: Range) -> bool:
    return whole[0] <= piece[0] and piece[1] <= whole[1]


def _cut(span: Range, others: Iterable[Range]) -> list[Range]:
    """`span` in pieces, such that each of `others` holds a piece wholly or not at all."""
    starts = {span[0]}
    for start, end in others:
        starts |= {point for point in (start, end + 1) if span[0] < point <= span[1]}
    ordered = sorted(starts)
    return [
        (start, following - 1) for start, following in zip(ordered, [*ordered[1:], span[1] + 1], strict=True)
    ]


def _merge(ranges: Iterable[Range]) -> list[Range]:
    """The same numbers in the fewest ranges."""
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def _subtract(span: Range, holes: Iterable[Range]) -> list[Range]:
    left: list[Range] = []
    start = span[0]
    for hole_start, hole_end in _merge(holes):
        if hole_start > start:
            left.append((start, min(hole_start - 1, span[1])))
        start = max(start, hole_end + 1)
    if start <= span[1]:
        left.append((start, span[1]))
    return left
