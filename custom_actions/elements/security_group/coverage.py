"""How much of an address space a set of rules covers, at every port at once.

A rule is a rectangle: a few CIDR blocks wide, some ports high. All the rules of a group cut the ports into pieces, and
within one piece each rule is either open or not. There can be two thousand pieces with a thousand rules in each, so the
pieces are not processed one by one. One long integer holds a number for each piece, side by side in `Lanes` of equal
width, and one addition or comparison of Python's integers processes all of them. Two CIDR blocks either nest or do not
overlap, so they form a tree (`Union`), and the covered addresses add up from the leaves.

A rule costs a few integer operations for each block that contains its own. The thousand rules that AWS allows in one
group take a fraction of a second, whatever their shape.
"""
from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from ...addresses import Block, Space

Range = tuple[int, int]
Traffic = dict[str, list[Range]]
"""Protocol to its ranges, in order and without overlaps."""


class Pieces:
    """The ranges of some protocols, cut so that each rule contains a piece completely or not at all.

    A piece is identified by its number. The pieces of one protocol have consecutive numbers, in order.
    """

    def __init__(self, spans: Mapping[str, Sequence[Range]], cuts: Mapping[str, Iterable[Range]]) -> None:
        """`spans`: what to cut, in order and without overlaps. `cuts`: the ranges of the rules, by protocol."""
        self._ranges: list[tuple[str, int, int]] = []
        self._chain: list[int] = []
        self._offsets: dict[str, tuple[int, list[int]]] = {}
        for protocol, whole in spans.items():
            points = sorted({point for start, end in cuts.get(protocol, ()) for point in (start, end + 1)})
            offset, starts = len(self._ranges), []
            for start, end in whole:
                inside = points[bisect_right(points, start):bisect_right(points, end)]
                bounds = [start, *inside, end + 1]
                self._ranges += [(protocol, one, two - 1) for one, two in pairwise(bounds)]
                self._chain += [len(self._ranges) - 1] * (len(bounds) - 1)
                starts += bounds[:-1]
            self._offsets[protocol] = offset, starts

    def __len__(self) -> int:
        return len(self._ranges)

    def within(self, protocol: str, start: int, end: int) -> Range:
        """The pieces inside one of the ranges that were cuts: the first number, and the one after the last."""
        if protocol not in self._offsets:
            return 0, 0
        offset, starts = self._offsets[protocol]
        return offset + bisect_left(starts, start), offset + bisect_right(starts, end)

    def traffic(self, runs: Iterable[Range]) -> Traffic:
        """The traffic of pieces, given as runs of their numbers; neighbours become one range."""
        found: Traffic = {}
        for low, high in runs:
            while low < high:
                protocol, start, _ = self._ranges[low]
                last = min(self._chain[low], high - 1)
                ranges = found.setdefault(protocol, [])
                end = self._ranges[last][2]
                if ranges and ranges[-1][1] + 1 == start:
                    ranges[-1] = ranges[-1][0], end
                else:
                    ranges.append((start, end))
                low = last + 1
        return found


class Lanes:
    """Long integers that hold one number for each piece, in lanes of equal width.

    In a mask each lane is either all ones or all zeros. The highest bit of a lane is spare, for results of comparisons.
    """

    def __init__(self, count: int, highest: int) -> None:
        """`highest`: the largest number that a lane must hold."""
        self.width = highest.bit_length() + 2
        self.all = (1 << self.width * count) - 1
        self._ones = self.all // ((1 << self.width) - 1)
        self._spare = self._ones << (self.width - 1)

    def mask(self, ranges: Iterable[Range]) -> int:
        """The lanes in ranges of their numbers, each the first and the one after the last."""
        found = 0
        for low, high in ranges:
            found |= ((1 << self.width * (high - low)) - 1) << self.width * low
        return found

    def filled(self, value: int) -> int:
        """The same number in every lane."""
        return self._ones * value

    def up_to(self, numbers: int, limit: int) -> int:
        """The mask of the lanes whose number is `limit` or less."""
        passed = ((self._spare | self.filled(limit)) - numbers) & self._spare
        return (passed << 1) - (passed >> (self.width - 1))

    def runs(self, mask: int) -> Iterator[Range]:
        """A mask as ranges of numbers, each the first and the one after the last."""
        at = 0
        while mask:
            empty = (mask & -mask).bit_length() - 1
            mask >>= empty
            filled = (mask + 1 & ~mask).bit_length() - 1
            mask >>= filled
            low = at + empty // self.width
            at = low + filled // self.width
            yield low, at


class Union:
    """How many addresses of a space the blocks added so far cover together, in each lane.

    Attributes:
        total: the numbers, one in each lane.
    """

    def __init__(self, lanes: Lanes, space: Space, blocks: Iterable[Block]) -> None:
        """`blocks`: all that will ever be added or asked about."""
        self._lanes = lanes
        self.total = 0
        self._size: dict[Block, int] = {}
        self._above: dict[Block, Block | None] = {}
        self._covered: dict[Block, int] = {}
        self._whole: dict[Block, int] = {}
        path: list[Block] = []
        for each in sorted(set(blocks), key=lambda each: (each.first, -each.last)):
            while path and path[-1].last < each.first:
                path.pop()
            self._above[each] = path[-1] if path else None
            self._size[each] = space.measure(each.first, each.last)
            self._covered[each] = self._whole[each] = 0
            path.append(each)

    def missing(self, each: Block, mask: int) -> int:
        """How many addresses of a block are not covered yet, in each lane of the mask."""
        at: Block | None = each
        while at is not None:
            if whole := self._whole[at]:
                mask &= ~whole
            at = self._above[at]
        return (self._lanes.filled(self._size[each]) - self._covered[each]) & mask if mask else 0

    def add(self, each: Block, mask: int) -> None:
        """Cover a block in the lanes of the mask."""
        gain = self.missing(each, mask)
        self._whole[each] |= mask
        if not gain:
            return
        self.total += gain
        at: Block | None = each
        # A lane gains only where no block above is covered completely, so every block above gains as much.
        while at is not None:
            self._covered[at] += gain
            at = self._above[at]


@dataclass(frozen=True)
class Source:
    """What one rule opens: blocks that do not overlap, at some pieces."""

    blocks: tuple[Block, ...]
    pieces: tuple[Range, ...]


def apart(blocks: Iterable[Block]) -> tuple[Block, ...]:
    """The blocks without those that another block contains, in order."""
    kept: list[Block] = []
    for each in sorted(set(blocks), key=lambda each: (each.version, each.first, -each.last)):
        if not (kept and kept[-1].holds(each)):
            kept.append(each)
    return tuple(kept)


def to_close(
    sources: Sequence[Source], count: int, spaces: Sequence[Space], limit: Callable[[Space], int]
) -> list[list[Range]]:
    """For each source, the pieces at which it must close so that the coverage stays within the limits everywhere.

    At each piece the sources are kept from the smallest to the largest, as long as the kept ones stay within the limit
    of every space. The others close. So no closed source could have stayed open beside the kept ones. A source inside a
    kept one, or without addresses in the spaces, never closes. Small sources stay: of 0.0.0.0/0 and 203.0.113.7/32, the
    first closes. Sources of equal size are kept in the order of their addresses.

    Args:
        sources: the blocks that count, each in one of `spaces`.
        count: how many pieces there are.
        spaces: spaces of one IP version that do not overlap.
        limit: how many addresses of a space may be covered.
    """
    everything = {each for source in sources for each in source.blocks}
    # If all of them together stay within the limits, no piece can exceed them.
    over = [space for space in spaces if _measure(everything, space) > limit(space)]
    if not over:
        return [[] for _ in sources]
    lanes = Lanes(count, 2 * max(space.size for space in over))
    unions = [(Union(lanes, space, everything), limit(space)) for space in over]

    def weight(source: Source) -> Fraction:
        return max(Fraction(_measure(source.blocks, space), space.size) for space in over)

    closed: list[list[Range]] = [[] for _ in sources]
    order = sorted(range(len(sources)), key=lambda number: (weight(sources[number]), sources[number].blocks))
    for number in order:
        source = sources[number]
        mask = fits = lanes.mask(source.pieces)
        for union, most in unions:
            gain = sum(union.missing(each, mask) for each in source.blocks)
            if gain:
                fits &= lanes.up_to(union.total + gain, most)
        for union, _ in unions:
            for each in source.blocks:
                union.add(each, fits)
        if fits != mask:
            closed[number] = list(lanes.runs(mask & ~fits))
    return closed


def _measure(blocks: Iterable[Block], space: Space) -> int:
    return sum(space.measure(each.first, each.last) for each in apart(blocks))
