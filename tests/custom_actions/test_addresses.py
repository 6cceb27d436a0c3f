"""Which addresses are the world: the registry's blocks, and the arithmetic against sets of single addresses."""
from __future__ import annotations

import itertools
import random
from fractions import Fraction
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_actions import addresses
from custom_actions.addresses import (
    LAST,
    SPACES,
    AddressError,
    Block,
    Space,
    all_but,
    block,
    coverage,
    is_world,
    let_in,
    merge,
    share_of,
    subtract,
)


def world(*cidrs: str, **options: Fraction) -> bool:
    return is_world(map(block, cidrs), **options)


@pytest.mark.parametrize("cidrs", [
    ["0.0.0.0/0"], ["::/0"], ["0.0.0.0/1"], ["128.0.0.0/1"], ["2000::/3"], ["::/1"],
    # All of unicast in three blocks.
    ["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3"],
    ["3.0.0.0/8"], ["3.0.0.0/9", "4.0.0.0/9"], [f"3.{number}.0.0/16" for number in range(222)],
    ["2600::/11"], ["2600::/12", "2a00::/12"],
    # Every host with a public IPv4 address can have one in each of these.
    ["::/3"], ["2002::/16"], ["2001::/32"], ["64:ff9b::/96"], ["2002:0300::/24"],
    ["64:ff9b::3.0.0.0/104"], ["2001:0:300::/40"],
])
def test_the_world(cidrs: list[str]) -> None:
    assert world(*cidrs)


@pytest.mark.parametrize("cidrs", [
    [], ["10.0.0.0/8"], ["172.16.0.0/12"], ["100.64.0.0/10"], ["192.168.0.0/16"], ["127.0.0.0/8"], ["224.0.0.0/3"],
    ["0.0.0.0/8"], ["52.0.0.0/16"], ["3.0.0.0/9"], [f"3.{number}.0.0/16" for number in range(220)],
    ["fc00::/7"], ["fe80::/10"], ["ff00::/8"], ["8000::/1"], ["2001:db8::/32"], ["3fff::/20"], ["2600::/12"],
    ["2001:10::/28"], ["2001:20::/28"], ["2001:2::/48"], ["4000::/2"], ["400::/6"], ["2002:0a00::/24"],
    ["64:ff9b::10.0.0.0/104"], ["64:ff9b:1::/48"], ["2002:0303:0303::/48"],
])
def test_not_the_world(cidrs: list[str]) -> None:
    assert not world(*cidrs)


def test_overlaps_count_once_and_families_for_themselves() -> None:
    assert not world(*["3.0.0.0/9"] * 5, "3.0.0.0/10", "3.64.0.0/10")
    assert not world("3.0.0.0/9", "2600::/12")
    assert coverage(map(block, ["3.0.0.0/9", "3.0.0.0/9", "2600::/12", "10.0.0.0/8"])).keys() == {
        "public IPv4", "public IPv6"}


def test_the_share_decides() -> None:
    assert not world("0.0.0.0/1", share=Fraction(3, 4))
    assert world("3.3.0.0/16", share=Fraction(1, 60000))


def test_exactly_the_share_is_not_more() -> None:
    toy = Space("toy", 4, ((0, 255),))
    assert not is_world([Block(4, 10, 10)], Fraction(1, 256), [toy])
    assert is_world([Block(4, 10, 11)], Fraction(1, 256), [toy])


_NOT_HOSTS = ["192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/4"]
"""Special, though Python (3.11) calls some addresses in them global: anycast, the old 6to4 relays, multicast."""


def test_public_ipv4_is_what_python_calls_global() -> None:
    [space] = addresses.spaces_of(4)
    draw = random.Random(4)  # noqa: S311
    edges = {edge + step for span in space.spans for edge in span for step in (-1, 0, 1)}
    for number in [*edges, *(draw.randrange(2**32) for _ in range(20_000))]:
        if 0 <= number <= LAST[4]:
            address = ip_address(number)
            special = any(address in ip_network(cidr) for cidr in _NOT_HOSTS)
            assert bool(space.measure(number, number)) is (address.is_global and not special), address


def test_public_ipv6_is_global_unicast_that_python_calls_global() -> None:
    space = addresses.spaces_of(6)[0]
    draw = random.Random(6)  # noqa: S311
    edges = {edge + step for span in space.spans for edge in span for step in (-1, 0, 1)}
    not_hosts = [ip_network(cidr) for cidr in ("2002::/16", "3fff::/20")]
    for number in [*edges, *((1 << 125) + draw.randrange(1 << 125) for _ in range(20_000))]:
        address = ip_address(number)
        expected = address in ip_network("2000::/3") and address.is_global \
            and not any(address in network for network in not_hosts)
        assert bool(space.measure(number, number)) is expected, address


def test_no_address_is_in_two_spaces() -> None:
    spans = sorted((space.version, *span) for space in SPACES for span in space.spans)
    for (version, _, last), (other, first, _) in itertools.pairwise(spans):
        assert version != other or last < first


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_a_space_that_holds_ipv4_is_as_large_as_it(space: Space) -> None:
    public4 = SPACES[0]
    assert space.size == sum(last - first + 1 for first, last in space.spans)
    if space.name in ("6to4", "Teredo", "NAT64"):
        assert space.size % public4.size == 0 and len(space.spans) == len(public4.spans)


@pytest.mark.parametrize("text", ["office", "10.0.0.0/33", "1.2.3", "::/129", "", "10.0.0.0/8/8", "${aws:SourceIp}"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError, match="is not a CIDR block"):
        block(text)


@pytest.mark.parametrize(("value", "share"), [
    ("1/256", Fraction(1, 256)), (0.1, Fraction(1, 10)), ("0.5", Fraction(1, 2)), (1e-3, Fraction(1, 1000)),
])
def test_a_share_is_a_fraction_or_a_number(value: object, share: Fraction) -> None:
    assert share_of(value) == share


@pytest.mark.parametrize("value", ["1/0", "half", 0, 1, -0.5, None, "2", "nan", "inf"])
def test_what_is_no_share_is_refused(value: object) -> None:
    with pytest.raises(AddressError):
        share_of(value)


@pytest.mark.parametrize(("operator", "values", "open_to"), [
    ("IpAddress", ["0.0.0.0/0"], True),
    ("IpAddress", ["203.0.113.7"], False),
    ("ipaddress", ["0.0.0.0/1", "2600::/32"], True),
    ("IpAddressIfExists", ["3.3.0.0/16"], False),
    ("ForAnyValue:IpAddress", ["::/0"], True),
    ("IpAddress", [], False),
    ("NotIpAddress", ["203.0.113.7"], True),
    ("NotIpAddress", ["0.0.0.0/0"], True),
    ("NotIpAddress", ["0.0.0.0/0", "::/0"], False),
])
def test_what_a_condition_lets_in(operator: str, values: list[str], open_to: bool) -> None:
    found = let_in(operator, values)
    assert found is not None and is_world(found) is open_to


@pytest.mark.parametrize(("operator", "values"), [("StringLike", ["*"]), ("IpAddress", ["office"]), ("Null", ["true"])])
def test_a_condition_that_cannot_be_read_is_unknown(operator: str, values: list[str]) -> None:
    assert let_in(operator, values) is None


# -- against sets of single addresses, in a space of 64 -----------------------------------------------------------

numbers = st.integers(0, 63)
spans = st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair)))


def each(listed: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in listed for number in range(first, last + 1)}


@given(st.lists(spans, max_size=6), spans)
def test_merging_and_subtracting_are_those_of_sets(listed: list[tuple[int, int]], whole: tuple[int, int]) -> None:
    merged = merge(listed)
    assert each(merged) == each(listed)
    assert all(one[1] + 1 < other[0] for one, other in itertools.pairwise(merged))
    assert each(subtract(whole, listed)) == each([whole]) - each(listed)


@given(st.lists(spans, min_size=1, max_size=4), st.lists(spans, max_size=6), st.fractions("1/64", "63/64"))
def test_the_world_is_counted_address_by_address(
    public: list[tuple[int, int]], sources: list[tuple[int, int]], share: Fraction
) -> None:
    space = Space("toy", 4, tuple(merge(public)))
    blocks = [Block(4, first, last) for first, last in sources]
    reached = len(each(sources) & each(public))
    assert is_world(blocks, share, [space]) is (reached > share * len(each(public)))
    assert (reached > space.limit(share)) is (reached > share * len(each(public)))


@given(st.lists(spans, max_size=6))
def test_all_but_some_is_the_rest(listed: list[tuple[int, int]]) -> None:
    rest = [found for found in all_but(Block(4, *span) for span in listed) if found.version == 4]
    inside = {number for number in range(64) if any(found.first <= number <= found.last for found in rest)}
    assert inside == set(range(64)) - each(listed)


def test_an_address_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    monkeypatch.setattr(addresses, "ip_network", lambda text, strict: parsed.append(text) or ip_network(text, strict))
    addresses.normal.cache_clear()
    for _ in range(3):
        assert not world("203.0.113.0/24", "203.0.113.0/25")
    assert parsed == ["203.0.113.0/24", "203.0.113.0/25"]
