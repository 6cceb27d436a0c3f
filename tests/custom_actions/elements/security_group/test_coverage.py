"""Which rules close, against sets of single addresses and single ports in a small space."""
from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from custom_actions.addresses import Block, Space, merge
from custom_actions.elements.security_group import coverage
from custom_actions.elements.security_group.baseline import Forbidden, only_open_to_world
from custom_actions.elements.security_group.coverage import Lanes, Pieces, Source, Union, apart, to_close
from custom_actions.elements.security_group.plan import plan_ingress
from custom_actions.elements.security_group.rules import CIDR4, Rule, from_policy

BITS = 5
PIECES = 4


def rules(*entries: str) -> list[Rule]:
    return [rule for entry in entries for rule in from_policy(entry)]


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    """An aligned block of a space of 32 addresses."""
    size = 1 << draw(st.integers(0, BITS))
    first = draw(st.integers(0, (1 << BITS) // size - 1)) * size
    return Block(4, first, first + size - 1)


@st.composite
def sources(draw: st.DrawFn) -> Source:
    """A block, or as in a prefix list several, at neighbouring pieces."""
    low = draw(st.integers(0, PIECES - 1))
    listed = draw(st.lists(blocks(), min_size=1, max_size=draw(st.sampled_from([1, 1, 4]))))
    return Source(apart(listed), ((low, draw(st.integers(low + 1, PIECES))),))


@st.composite
def two_spaces(draw: st.DrawFn) -> list[Space]:
    """Two sets of public addresses, without one in common."""
    of = draw(st.lists(st.sampled_from([None, 0, 1]), min_size=1 << BITS, max_size=1 << BITS))
    return [
        Space(name, 4, tuple(merge((number, number) for number, owner in enumerate(of) if owner == space)))
        for space, name in enumerate(("one", "two")) if space in of
    ]


def addresses_of(source: Source) -> set[int]:
    return {number for each in source.blocks for number in range(each.first, each.last + 1)}


def open_at(sources: Sequence[Source], left: set[int], piece: int, spaces: Sequence[Space], share: Fraction) -> bool:
    """Whether the sources numbered in `left` are the world at a piece, counted address by address."""
    reached: set[int] = set()
    for number in left:
        if any(low <= piece < high for low, high in sources[number].pieces):
            reached |= addresses_of(sources[number])
    return any(
        len(reached & {number for first, last in space.spans for number in range(first, last + 1)}) > share * space.size
        for space in spaces
    )


def closing(found: Sequence[Source], spaces: Sequence[Space], share: Fraction) -> list[set[int]]:
    """For each piece, the numbers of the sources that close."""
    closed = to_close(found, PIECES, spaces, lambda space: space.limit(share))
    return [
        {number for number, runs in enumerate(closed) if any(low <= piece < high for low, high in runs)}
        for piece in range(PIECES)
    ]


@given(st.lists(sources(), max_size=8), two_spaces(), st.fractions("1/32", "31/32"))
@example(
    # Two spaces: what closes for one is no reason to close another for the other.
    [Source((Block(4, 0, 15),), ((0, 4),)), Source((Block(4, 8, 9), Block(4, 16, 31)), ((0, 4),))],
    [Space("one", 4, ((0, 15),)), Space("two", 4, ((16, 31),))], Fraction(1, 2),
)
def test_what_is_left_is_not_the_world_and_no_closed_source_could_stay(
    found: list[Source], spaces: list[Space], share: Fraction
) -> None:
    for piece, closed in enumerate(closing(found, spaces, share)):
        everything = set(range(len(found)))
        left = everything - closed
        assert not open_at(found, left, piece, spaces, share)
        for number in closed:
            assert any(low <= piece < high for low, high in found[number].pieces)
            assert open_at(found, left | {number}, piece, spaces, share), "this one did not have to close"
        if not open_at(found, everything, piece, spaces, share):
            assert not closed


@given(st.lists(sources(), max_size=8), two_spaces(), st.fractions("1/32", "31/32"), st.randoms())
def test_the_order_of_the_sources_makes_no_difference(
    found: list[Source], spaces: list[Space], share: Fraction, draw: object
) -> None:
    order = list(range(len(found)))
    draw.shuffle(order)  # type: ignore[attr-defined]
    shuffled = closing([found[number] for number in order], spaces, share)
    assert [{found[number] for number in closed} for closed in closing(found, spaces, share)] == [
        {found[order[number]] for number in closed} for closed in shuffled]


@given(st.lists(st.tuples(blocks(), st.integers(0, 15)), max_size=8), blocks())
def test_a_union_is_that_of_sets(added: list[tuple[Block, int]], asked: Block) -> None:
    lanes = Lanes(PIECES, 64)
    space = Space("all", 4, ((0, 31),))
    union = Union(lanes, space, [*(each for each, _ in added), asked])
    reached: list[set[int]] = [set() for _ in range(PIECES)]
    for each, pieces in added:
        chosen = [piece for piece in range(PIECES) if pieces >> piece & 1]
        union.add(each, lanes.mask((piece, piece + 1) for piece in chosen))
        for piece in chosen:
            reached[piece] |= set(range(each.first, each.last + 1))
    missing = union.missing(asked, lanes.all)
    wanted = set(range(asked.first, asked.last + 1))
    for piece in range(PIECES):
        assert _lane(lanes, union.total, piece) == len(reached[piece])
        assert _lane(lanes, missing, piece) == len(wanted - reached[piece])


def _lane(lanes: Lanes, numbers: int, piece: int) -> int:
    return numbers >> lanes.width * piece & (1 << lanes.width) - 1


@given(st.lists(st.integers(0, 9), min_size=1, max_size=9), st.integers(0, 9))
def test_lanes_compare_each_for_itself(listed: list[int], limit: int) -> None:
    lanes = Lanes(len(listed), 9)
    numbers = sum(number << lanes.width * at for at, number in enumerate(listed))
    inside = {piece for low, high in lanes.runs(lanes.up_to(numbers, limit)) for piece in range(low, high)}
    assert inside == {at for at, number in enumerate(listed) if number <= limit}
    runs = list(lanes.runs(lanes.up_to(numbers, limit)))
    assert all(one[1] < other[0] for one, other in itertools.pairwise(runs))
    assert lanes.mask(runs) == lanes.up_to(numbers, limit)


ports = st.tuples(st.integers(0, 15), st.integers(0, 15)).map(sorted).map(tuple)


@given(st.lists(ports, min_size=1, max_size=3), st.lists(ports, max_size=5), st.data())
def test_pieces_hold_what_the_ranges_hold(
    spans: list[tuple[int, int]], cuts: list[tuple[int, int]], data: st.DataObject
) -> None:
    pieces = Pieces({"tcp": merge(spans), "udp": [(3, 9)]}, {"tcp": cuts, "udp": cuts})
    forbidden = {port for start, end in spans for port in range(start, end + 1)}
    for start, end in cuts:
        found = pieces.traffic([pieces.within("tcp", start, end)]).get("tcp", [])
        assert {port for low, high in found for port in range(low, high + 1)} == forbidden & set(range(start, end + 1))
        assert found == merge(found)
    assert pieces.traffic([(0, len(pieces))]) == {"tcp": merge(spans), "udp": [(3, 9)]}
    assert pieces.within("icmp", 0, 5) == (0, 0)


def revoked(*entries: str, **options: object) -> list[str]:
    forbidden = Forbidden(tuple(from_policy("tcp 22 from world")), **options)
    return [str(rule) for rule in plan_ingress(rules(*entries), forbidden).revoke]


@pytest.mark.parametrize(("entries", "closed"), [
    (["tcp 22 from 0.0.0.0/1", "tcp 22 from 128.0.0.0/1"], [0, 1]),
    (["tcp 22 from 0.0.0.0/0", "tcp 22 from 203.0.113.7/32", "tcp 22 from 10.0.0.0/8"], [0]),
    (["tcp 22 from 52.1.2.3/32", "tcp 22 from 0.0.0.0/1", "tcp 22 from 128.0.0.0/2", "tcp 22 from 192.0.0.0/3"],
     [1, 2, 3]),
    (["tcp 22 from 2000::/3", "tcp 22 from fd00::/8", "tcp 22 from 2600:1::/32"], [0]),
    (["tcp 22 from 3.0.0.0/9", "tcp 22 from 3.128.0.0/9"], [1]),
    # A port that only one of two rules opens is open to a half.
    (["tcp 20-22 from 3.0.0.0/9", "tcp 23-25 from 3.128.0.0/9"], []),
    (["tcp 20-22 from 3.0.0.0/9", "tcp 22-25 from 3.128.0.0/9"], [1]),
    (["tcp 22 from 3.0.0.0/9", "udp 22 from 3.128.0.0/9"], []),
    (["tcp 22 from 3.0.0.0/9", "all from 3.128.0.0/9"], [1]),
    (["tcp 22 from 3.0.0.0/9", "tcp 22 from 2600::/12"], []),
    (["tcp 22 from 3.0.0.0/9", "tcp 22 from pl-1"], [1]),
])
def test_the_rules_that_add_up_to_the_world_close(entries: list[str], closed: list[int]) -> None:
    lists = {"pl-1": ["3.128.0.0/10", "3.192.0.0/10", "3.200.0.0/16"]}
    assert revoked(*entries, lists=lists.get) == [entries[number] for number in closed]


@pytest.mark.parametrize("sources", [
    [f"{3 + number // 250}.{number % 250}.0.0/16" for number in range(1000)],
    [f"2{number:03x}::/{12 + number % 60}" for number in range(1000)],
    [*(f"203.0.{number // 250}.{number % 250}/32" for number in range(999)), "0.0.0.0/0"],
])
def test_a_thousand_rules_take_a_few_operations_each(sources: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The operations on long integers are counted, not the seconds: a handful for each rule and baseline."""
    counted = 0

    class Counting(Union):
        def missing(self, each: Block, mask: int) -> int:
            nonlocal counted
            counted += 1
            return super().missing(each, mask)

    monkeypatch.setattr(coverage, "Union", Counting)
    group = [rule for number, source in enumerate(sources)
             for rule in from_policy(f"tcp {number}-{60000 - number} from {source}")]
    plan = plan_ingress(group, only_open_to_world({"tcp": [(443, 443)]}), narrow=True)
    assert plan
    # Asked once and added once, in each of at most four spaces of its IP version.
    assert 0 < counted <= 2 * 4 * len(group)


def test_equal_rules_of_two_groups_are_one() -> None:
    [rule] = rules("tcp 22 from 3.0.0.0/9")
    other = Rule.of("tcp", 22, 22, CIDR4, "3.0.0.0/9", rule_id="sgr-2")
    assert not plan_ingress([rule, other], Forbidden(tuple(from_policy("tcp 22 from world"))))
