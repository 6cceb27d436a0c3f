"""What a group's ingress should be, and which part of each rule violates it.

Every baseline answers one question, `offending(rules)`: for each rule that must not stay as it is, the traffic in
it that must go. Traffic is counted per protocol as ranges on one line from 0 to 65535: ports for TCP and UDP, type
and code for ICMP, and the whole line for a protocol without either. All traffic is every protocol at once.
"""
from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from ... import addresses
from ...addresses import DEFAULT_SHARE, LAST, Block, Space, merge, spaces_of, subtract
from .coverage import Lanes, Pieces, Range, Source, Traffic, Union, apart, to_close
from .rules import ALL_TRAFFIC, CIDR4, CIDR6, LAST_PORT, PREFIX_LIST, WORLD4, WORLD6, Rule

Line = tuple[str, int, int]
"""Protocol, first and last port of a rule."""

EVERY: Range = (0, LAST_PORT)
OTHER = "other"
"""In `Traffic`, all protocols that no rule names: only a rule for all traffic allows them."""
_NAMED = ("tcp", "udp", "icmp", "icmpv6")
_VERSIONS = {CIDR4: 4, CIDR6: 6}
_WORLDS = (WORLD4, WORLD6)
_EVERY4, _EVERY6 = (Space(f"IPv{version}", version, ((0, LAST[version]),)) for version in (4, 6))


class Baseline(Protocol):
    """What the plan needs to know of a baseline."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that the baseline names."""

    def offending(self, rules: Iterable[Rule]) -> dict[Rule, Traffic]:
        """The rules that must not stay as they are, each with the traffic in it that must go."""

    def missing(self, rules: Iterable[Rule]) -> list[Rule]:
        """The rules that must be added."""

    def undecided(self, rules: Iterable[Rule]) -> tuple[str, ...]:
        """The rules that cannot be evaluated, one line each; empty if there are none."""


@dataclass(frozen=True)
class Required:
    """The exact ingress: only these rules."""

    rules: tuple[Rule, ...]

    def offending(self, rules: Iterable[Rule]) -> dict[Rule, Traffic]:
        wanted = set(self.rules)
        rules = list(rules)
        names = protocols([*rules, *self.rules])
        return {rule: traffic(rule, names) for rule in rules if rule not in wanted}

    def missing(self, rules: Iterable[Rule]) -> list[Rule]:
        present = set(rules)
        return [rule for rule in dict.fromkeys(self.rules) if rule not in present]

    def undecided(self, rules: Iterable[Rule]) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True)
class Allowed:
    """What may be open. A rule complies if the allowed rules together cover all the traffic that it allows."""

    rules: tuple[Rule, ...]

    def offending(self, rules: Iterable[Rule]) -> dict[Rule, Traffic]:
        rules = list(rules)
        names = protocols([*rules, *self.rules])
        found: dict[Rule, Traffic] = {}
        for kind, space in ((CIDR4, _EVERY4), (CIDR6, _EVERY6)):
            found |= self._outside(_of_kind(rules, kind), _of_kind(self.rules, kind), space, names)
        granted: dict[tuple[str, str], list[Traffic]] = defaultdict(list)
        for allowed in self.rules:
            granted[allowed.peer_kind, allowed.peer].append(traffic(allowed, names))
        for rule in rules:
            if rule.block is None:
                outside = _beyond(traffic(rule, names), granted[rule.peer_kind, rule.peer])
                if outside:
                    found[rule] = outside
        return {rule: found[rule] for rule in rules if rule in found}

    def missing(self, rules: Iterable[Rule]) -> list[Rule]:
        return []

    def undecided(self, rules: Iterable[Rule]) -> tuple[str, ...]:
        return ()

    def _outside(
        self, rules: Sequence[Rule], allowed: Sequence[Rule], space: Space, names: tuple[str, ...]
    ) -> dict[Rule, Traffic]:
        """For rules whose sources are addresses: the traffic that is not allowed for the whole of the source."""
        lines = _lines((*rules, *allowed), names)
        whole = _ranges(lines[line] for line in {_line(rule) for rule in rules})
        pieces = Pieces({protocol: merge(ranges) for protocol, ranges in whole.items()}, _ranges(lines.values()))
        lanes = Lanes(len(pieces), space.size)
        masks = {line: lanes.mask(_within(pieces, opened)) for line, opened in lines.items()}
        union = Union(lanes, space, map(_block, (*rules, *allowed)))
        for rule in allowed:
            union.add(_block(rule), masks[_line(rule)])
        found = {}
        for rule in rules:
            lacking = union.missing(_block(rule), mask := masks[_line(rule)])
            if lacking:
                found[rule] = pieces.traffic(lanes.runs(mask & ~lanes.up_to(lacking, 0)))
        return found


PrefixLists = Callable[[str], Sequence[str] | None]
"""Returns the CIDR blocks in a prefix list, by its id; None if they are unknown."""


def no_lists(prefix_list: str) -> None:
    """The resolver without access to prefix lists: all of them are unknown."""


@dataclass(frozen=True)
class Forbidden:
    """What must not be open to a source. Other traffic is left alone.

    `tcp 22 from world` is violated if the rules of one IP version together open that port to the world, as
    `addresses.is_world` decides: one rule for 0.0.0.0/0, its two halves, or many blocks that add up to more than
    `share` of the internet's addresses. The source 0.0.0.0/0 means the world of IPv4, ::/0 that of IPv6. Any other
    CIDR block counts as open if the rules together cover all of it; for a group or a prefix list, a rule must name the
    same one. `coverage.to_close` decides which rules violate the baseline: the fewest and largest ones that leave
    the source not open.

    A prefix list counts by its contents, which `lists` returns. If it returns None the contents are unknown: the rule
    counts neither as closed nor as open, and `undecided` names it.

    Attributes:
        rules: the traffic, and the sources that it must not be open to.
        share: of the internet's addresses; more than that is the world.
        lists: looks up the contents of prefix lists.
    """

    rules: tuple[Rule, ...]
    share: Fraction = DEFAULT_SHARE
    lists: PrefixLists = no_lists

    def offending(self, rules: Iterable[Rule]) -> dict[Rule, Traffic]:
        rules = list(dict.fromkeys(rules))
        names = protocols([*rules, *self.rules])
        lines = _lines(rules, names)
        found: dict[Rule, list[Traffic]] = defaultdict(list)
        for (kind, peer), spans in self._targets(names).items():
            version = _VERSIONS.get(kind)
            if version is None:
                for rule in rules:
                    if (rule.peer_kind, rule.peer) == (kind, peer) and (shared := _shared(lines[_line(rule)], spans)):
                        found[rule].append(shared)
            elif peer in _WORLDS:
                self._close(rules, lines, spans, spaces_of(version), self._most, found)
            else:
                block = addresses.block(peer)
                space = Space(peer, version, ((block.first, block.last),))
                self._close(rules, lines, spans, (space,), lambda space: space.size - 1, found)
        return {rule: _sum(found[rule]) for rule in rules if rule in found}

    def missing(self, rules: Iterable[Rule]) -> list[Rule]:
        return []

    def undecided(self, rules: Iterable[Rule]) -> tuple[str, ...]:
        """A line for each rule that may be open to a forbidden source, through a prefix list of unknown contents."""
        rules = [rule for rule in rules if rule.peer_kind == PREFIX_LIST]
        names = protocols([*rules, *self.rules])
        targets = [
            ("the world" if peer in _WORLDS else peer, spans)
            for (kind, peer), spans in self._targets(names).items() if kind in _VERSIONS
        ]
        return tuple(dict.fromkeys(
            f"{rule} may be open to {source}: the contents of {rule.peer} are unknown"
            for rule in rules for source, spans in targets
            if _shared(traffic(rule, names), spans) and self.lists(rule.peer) is None
        ))

    def _targets(self, names: tuple[str, ...]) -> dict[tuple[str, str], Traffic]:
        """The forbidden traffic for each source, by its kind and name."""
        ranges: dict[tuple[str, str], dict[str, list[Range]]] = defaultdict(lambda: defaultdict(list))
        for forbidden in self.rules:
            for protocol, spans in traffic(forbidden, names).items():
                ranges[forbidden.peer_kind, forbidden.peer][protocol] += spans
        return {
            target: {protocol: merge(found) for protocol, found in each.items()} for target, each in ranges.items()
        }

    def _most(self, space: Space) -> int:
        return space.limit(self.share)

    def _close(
        self, rules: Sequence[Rule], lines: Mapping[Line, Traffic], spans: Traffic, spaces: Sequence[Space],
        most: Callable[[Space], int], found: dict[Rule, list[Traffic]],
    ) -> None:
        """Note in `found` what must close, of the rules whose sources have addresses in the spaces."""
        touching = {
            line for line, opened in lines.items()
            if any(_overlap(opened.get(protocol, ()), ranges) for protocol, ranges in spans.items())
        }
        counted = [
            (rule, blocks) for rule in rules
            if _line(rule) in touching and (blocks := tuple(
                block for block in self._blocks(rule)
                if any(block.version == space.version and space.measure(block.first, block.last) for space in spaces)
            ))
        ]
        used = {_line(rule) for rule, _ in counted}
        pieces = Pieces(spans, _ranges(lines[line] for line in used))
        within = {line: tuple(_within(pieces, lines[line])) for line in used}
        sources = [Source(blocks, within[_line(rule)]) for rule, blocks in counted]
        for (rule, _), runs in zip(counted, to_close(sources, len(pieces), spaces, most), strict=True):
            if runs:
                found[rule].append(pieces.traffic(runs))

    def _blocks(self, rule: Rule) -> tuple[Block, ...]:
        """The addresses of a rule's source; none for a group, or where they are unknown."""
        if rule.block is not None:
            return (rule.block,)
        return apart(map(addresses.block, self.lists(rule.peer) or ())) if rule.peer_kind == PREFIX_LIST else ()


def only_open_to_world(
    ports: Mapping[str, Iterable[Range]], *, share: Fraction = DEFAULT_SHARE, lists: PrefixLists = no_lists
) -> Forbidden:
    """The baseline that lets only these TCP and UDP `ports` be open to the world.

    Every other port is forbidden `from world`. Rules that are open to less than the world are ignored.

    Args:
        ports: protocol to ranges of ports.
        share: as in `Forbidden`.
        lists: as in `Forbidden`.
    """
    return Forbidden(tuple(
        Rule.of(protocol, start, end, kind, every)
        for protocol in ("tcp", "udp")
        for start, end in subtract(EVERY, ports.get(protocol, ()))
        for kind, every in ((CIDR4, WORLD4), (CIDR6, WORLD6))
    ), share, lists)


@dataclass(frozen=True)
class Undo:
    """How to undo one change: remove the rules that it added, restore the rules that it removed.

    Attributes:
        added: rules that the change opened.
        removed: rules that the change closed.
        unknown: why a part of the change cannot be undone; empty if all of it can.
        notes: what is not undone on purpose, and why.
    """

    added: tuple[Rule, ...]
    removed: tuple[Rule, ...]
    unknown: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())

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

    def undecided(self, rules: Iterable[Rule]) -> tuple[str, ...]:
        return ()


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
    """What is left of `rule` without the traffic `offence`, as the fewest rules that EC2 can hold.

    Returns the rules, none if nothing is left, and whether allowed traffic is lost that an EC2 rule cannot express: a
    part of an ICMP range, or `all traffic except …` for the protocols that are not among `names`.
    """
    kept: list[Rule] = []
    lossy = False
    for protocol, [span] in traffic(rule, names).items():
        if offence.get(protocol) == [span]:
            continue
        left = subtract(span, offence.get(protocol, ()))
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


def _block(rule: Rule) -> Block:
    assert rule.block is not None, f"{rule} has no addresses"
    return rule.block


def _of_kind(rules: Iterable[Rule], kind: str) -> list[Rule]:
    return [rule for rule in rules if rule.peer_kind == kind]


def _line(rule: Rule) -> Line:
    """What a rule opens, without its source. Many rules of a group share it."""
    return rule.protocol, rule.from_port, rule.to_port


def _lines(rules: Iterable[Rule], names: tuple[str, ...]) -> dict[Line, Traffic]:
    """The traffic of the rules, once for rules that open the same."""
    return {line: traffic(rule, names) for line, rule in {_line(rule): rule for rule in rules}.items()}


def _sum(parts: Sequence[Traffic]) -> Traffic:
    """The traffic in any of the parts."""
    if len(parts) == 1:
        return parts[0]
    return {protocol: merge(ranges) for protocol, ranges in _ranges(parts).items()}


def _ranges(opened: Iterable[Traffic]) -> dict[str, list[Range]]:
    """All the ranges of each protocol."""
    found: dict[str, list[Range]] = defaultdict(list)
    for each in opened:
        for protocol, ranges in each.items():
            found[protocol] += ranges
    return found


def _within(pieces: Pieces, opened: Traffic) -> list[Range]:
    return [
        found for protocol, ranges in opened.items() for start, end in ranges
        if (found := pieces.within(protocol, start, end)) and found[0] < found[1]
    ]


def _overlap(ranges: Iterable[Range], spans: Sequence[Range]) -> bool:
    """Whether one of the ranges overlaps one of the spans, which are in order and apart."""
    for start, end in ranges:
        at = bisect_right(spans, (end, LAST_PORT)) - 1
        if at >= 0 and spans[at][1] >= start:
            return True
    return False


def _shared(opened: Traffic, spans: Traffic) -> Traffic:
    """The traffic in both."""
    found = {
        protocol: [
            (max(start, first), min(end, last)) for start, end in ranges for first, last in spans.get(protocol, ())
            if first <= end and start <= last
        ]
        for protocol, ranges in opened.items()
    }
    return {protocol: ranges for protocol, ranges in found.items() if ranges}


def _beyond(opened: Traffic, granted: Iterable[Traffic]) -> Traffic:
    """The traffic that is not in any of `granted`."""
    holes = _ranges(granted)
    found = {protocol: subtract(span, holes.get(protocol, ())) for protocol, [span] in opened.items()}
    return {protocol: ranges for protocol, ranges in found.items() if ranges}
