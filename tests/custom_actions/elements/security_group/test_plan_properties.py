"""What must hold for every group and every baseline, checked against a model that looks at single packets.

The model shares no code with the plan: it asks, for one protocol, one port and one address (or group, or list),
whether a set of rules lets it in.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from custom_actions.elements.security_group.baseline import Allowed, Baseline, Forbidden, Required, Undo
from custom_actions.elements.security_group.plan import Plan, Protection, plan_ingress
from custom_actions.elements.security_group.rules import CIDR4, CIDR6, Rule

from .strategies import PORTS, baseline_rules, rule_sets, rules

Packet = tuple[str, int, str, str]
_ADDRESSES = {
    CIDR4: ("0.0.0.1", "10.0.0.1", "10.1.0.1", "10.128.0.1", "192.0.2.7", "127.255.255.255", "200.1.1.1"),
    CIDR6: ("::1", "2001:db8::1", "2001:db8:1::1", "8000::1", "ffff::1"),
    "GroupId": ("sg-0aaa", "sg-0bbb"),
    "PrefixListId": ("pl-0aaa",),
}
_POINTS = sorted({max(0, min(65535, port + step)) for port in PORTS for step in (-1, 0, 1)})


def packets() -> Iterator[Packet]:
    """Protocol, port, kind of source, source: enough of them to tell the generated rules apart."""
    for kind, sources in _ADDRESSES.items():
        for source in sources:
            for protocol in ("tcp", "udp"):
                for port in _POINTS:
                    yield protocol, port, kind, source
            for icmp in (0x0800, 0x0801, 0x0304, 0x0000):
                yield "icmp", icmp, kind, source
            yield "50", 0, kind, source


def lets_in(rule: Rule, packet: Packet) -> bool:
    protocol, number, kind, source = packet
    if rule.peer_kind != kind or rule.protocol not in ("-1", protocol):
        return False
    if kind in (CIDR4, CIDR6):
        start, end = _bounds(rule.peer)
        if not start <= _address(source) <= end:
            return False
    elif rule.peer != source:
        return False
    if rule.protocol in ("tcp", "udp"):
        return rule.from_port <= number <= rule.to_port
    if rule.protocol == "icmp":
        return rule.from_port in (-1, number >> 8) and rule.to_port in (-1, number & 255)
    return True


def reachable(group: Iterable[Rule]) -> set[Packet]:
    found = list(group)
    return {packet for packet in packets() if any(lets_in(rule, packet) for rule in found)}


def steps(group: list[Rule], plan: Plan) -> Iterator[set[Rule]]:
    """The group after each call that carrying out the plan makes."""
    now = set(group)
    for opened, closed in [(plan.authorise, ()), ((), plan.revoke)] + [
        pair for narrowing in plan.narrow for pair in ((narrowing.added, ()), ((), (narrowing.wide,)))
    ]:
        now = now - set(closed) | set(opened)
        yield now


def forbid(forbidden: tuple[Rule, ...]) -> Forbidden:
    """The baseline, with a prefix list of few private addresses, which are never all of a forbidden source."""
    return Forbidden(forbidden, lists={"pl-0aaa": ["192.168.0.0/16"]}.get)


baselines = st.one_of(
    st.builds(Required, baseline_rules), st.builds(Allowed, baseline_rules), st.builds(forbid, baseline_rules),
    st.builds(Undo, baseline_rules, baseline_rules),
)


@given(rule_sets, baselines, st.booleans())
@example(
    # A protocol that only the baseline names is a part of all traffic too.
    [Rule.of("-1", -1, -1, CIDR4, "0.0.0.0/0", rule_id="sgr-1")],
    Required((Rule.of("50", -1, -1, CIDR6, "::/0"),)),
    True,
)
def test_a_second_plan_is_empty_and_the_inverse_gives_the_start_back(
    group: list[Rule], baseline: Baseline, narrow: bool
) -> None:
    plan = plan_ingress(group, baseline, narrow=narrow)
    after = plan.after(group)
    assert not plan_ingress(after, baseline, narrow=narrow)
    assert plan.inverse().after(after) == set(group)
    assert {rule: rule.description for rule in plan.inverse().after(after)} == {
        rule: rule.description for rule in group
    }


@given(rule_sets, baseline_rules)
def test_required_gives_exactly_the_required_rules(group: list[Rule], wanted: tuple[Rule, ...]) -> None:
    plan = plan_ingress(group, Required(wanted))
    assert plan.after(group) == set(wanted)
    assert not set(plan.removed) & set(wanted)
    for now in steps(group, plan):
        assert set(group) & set(wanted) <= now, "a required rule was missing for a moment"


@given(rule_sets, baseline_rules, st.booleans())
@settings(max_examples=60)
def test_allowed_leaves_nothing_beyond_what_is_allowed(
    group: list[Rule], allowed: tuple[Rule, ...], narrow: bool
) -> None:
    plan = plan_ingress(group, Allowed(allowed), narrow=narrow)
    before, after, permitted = reachable(group), reachable(plan.after(group)), reachable(allowed)
    assert after <= permitted
    assert after <= before, "allowed opens nothing"
    for rule in group:
        if reachable([rule]) <= permitted and _single_source(rule, allowed):
            assert rule not in plan.removed


@given(rule_sets, baseline_rules, st.booleans())
@settings(max_examples=60)
def test_forbidden_closes_what_is_open_to_a_whole_source_and_nothing_else(
    group: list[Rule], forbidden: tuple[Rule, ...], narrow: bool
) -> None:
    plan = plan_ingress(group, forbid(forbidden), narrow=narrow)
    after = plan.after(group)
    for no in forbidden:
        for packet in _edges(no):
            sources = [rule for rule in after if _opens(rule, packet)]
            assert not _whole(sources, no), f"{packet} of {no} is still open through {sources}"
    assert reachable(after) <= reachable(group)
    untouched = {
        rule for rule in group
        if not any(rule.peer_kind == no.peer_kind and _share(rule, no) for no in forbidden)
    }
    assert not untouched & set(plan.removed)
    if narrow:
        lost = reachable(group) - reachable(after)
        # What may go is the forbidden traffic, through any source that reached it, and what EC2 cannot say.
        spoken = {packet for packet in lost if packet[0] in ("tcp", "udp")}
        assert all(any(_opens(no, packet) for no in forbidden) for packet in spoken)


@given(rule_sets, baselines, st.booleans())
@settings(max_examples=60)
def test_what_stays_open_is_never_closed_for_a_moment(group: list[Rule], baseline: Baseline, narrow: bool) -> None:
    plan = plan_ingress(group, baseline, narrow=narrow)
    stays = reachable(group) & reachable(plan.after(group))
    for now in steps(group, plan):
        assert stays <= reachable(now)


@given(rule_sets, baselines, st.booleans(), st.randoms())
def test_order_ids_and_descriptions_make_no_difference(
    group: list[Rule], baseline: Baseline, narrow: bool, random: object
) -> None:
    plan = plan_ingress(group, baseline, narrow=narrow)
    other = [Rule(r.protocol, r.from_port, r.to_port, r.peer_kind, r.peer, description="changed") for r in group]
    random.shuffle(other)  # type: ignore[attr-defined]
    again = plan_ingress(other, baseline, narrow=narrow)
    assert set(again.removed) == set(plan.removed)
    assert set(again.added) == set(plan.added)


@given(rule_sets, baselines, st.booleans())
def test_a_protected_rule_is_never_revoked(group: list[Rule], baseline: Baseline, narrow: bool) -> None:
    protection = Protection(cidrs=("10.0.0.0/8",), descriptions=("^break",))
    plan = plan_ingress(group, baseline, narrow=narrow, protection=protection)
    assert not any(protection.reason(rule) for rule in plan.removed)
    unprotected = plan_ingress(group, baseline, narrow=narrow)
    if any(protection.reason(rule) for rule in unprotected.removed):
        assert plan.refused
        assert plan == Plan(refused=plan.refused), "a refused group is left as it is"
    else:
        assert plan == unprotected


@given(rules())
def test_every_spelling_of_a_rule_reads_back_as_the_same_rule(rule: Rule) -> None:
    from custom_actions.elements.security_group.rules import from_permissions, from_policy

    assert from_permissions([rule.to_permission()]) == [rule]
    assert from_policy(rule.to_dict() if not rule.description else {
        key: value for key, value in rule.to_dict().items() if key != "Description"
    }) == [rule]


def _single_source(rule: Rule, allowed: Iterable[Rule]) -> bool:
    """Whether one allowed rule holds the source and the protocol whole, so that the packet model is exact for it."""
    return any(
        rule.peer_kind == other.peer_kind and _contains(other, rule) and other.protocol in ("-1", rule.protocol)
        and (other.protocol == "-1" or (other.from_port, other.to_port) in ((-1, -1), (0, 65535)))
        for other in allowed
    )


def _contains(wide: Rule, narrow: Rule) -> bool:
    if wide.peer_kind not in (CIDR4, CIDR6):
        return wide.peer == narrow.peer
    (start, end), (first, last) = _bounds(wide.peer), _bounds(narrow.peer)
    return start <= first and last <= end


def _share(rule: Rule, no: Rule) -> bool:
    return rule.protocol == no.protocol or "-1" in (rule.protocol, no.protocol)


def _opens(rule: Rule, packet: Packet) -> bool:
    """`lets_in` without a look at the source."""
    return lets_in(
        Rule(rule.protocol, rule.from_port, rule.to_port, "GroupId", "x"), (packet[0], packet[1], "GroupId", "x")
    )


def _edges(no: Rule) -> Iterator[Packet]:
    return (packet for packet in packets() if packet[2:] == ("GroupId", "sg-0aaa") and _opens(no, packet))


def _whole(sources: list[Rule], no: Rule) -> bool:
    """Whether `sources` are together as much of `no`'s source as must not be open."""
    same = [rule for rule in sources if rule.peer_kind == no.peer_kind]
    if no.peer_kind not in (CIDR4, CIDR6):
        return any(rule.peer == no.peer for rule in same)
    if no.peer in ("0.0.0.0/0", "::/0"):
        return _world(same)
    need, last = _bounds(no.peer)
    for start, end in sorted(_bounds(rule.peer) for rule in same):
        if start > need:
            return False
        need = max(need, end + 1)
        if need > last:
            return True
    return False


def _world(sources: Iterable[Rule]) -> bool:
    """Whether more than 1/256 of what the internet sends from is among the sources.

    By samples: of 4,096 addresses, evenly apart, Python's own `is_global` says which are public. The generated blocks
    are so large or so small that samples tell them apart.
    """
    bounds = [_bounds(rule.peer) for rule in sources]
    if not bounds:
        return False
    return any(
        sum(any(start <= sample <= end for start, end in bounds) for sample in samples) * 256 > len(samples)
        for samples in (_SAMPLES4, _SAMPLES6)
    )


_SAMPLES4 = [
    number for step in range(4096)
    if (found := ip_address(number := (step << 20) + (7 << 12))).is_global and not found.is_multicast
]
_SAMPLES6 = [(1 << 125) + (step << 113) + (7 << 100) for step in range(4096)]


@lru_cache
def _bounds(cidr: str) -> tuple[int, int]:
    network = ip_network(cidr)
    return int(network.network_address), int(network.broadcast_address)


@lru_cache
def _address(text: str) -> int:
    return int(ip_address(text))


@pytest.mark.parametrize("narrow", [False, True])
def test_the_model_can_tell_a_wrong_plan(narrow: bool) -> None:
    """The checks above would fail for a plan that leaves a half of the world open, or that closes 10.0.0.0/8."""
    half, other = Rule.of("tcp", 22, 22, CIDR4, "0.0.0.0/1"), Rule.of("tcp", 22, 22, CIDR4, "128.0.0.0/1")
    no = Rule.of("tcp", 22, 22, CIDR4, "0.0.0.0/0")
    assert _whole([half, other], no)
    assert _whole([half], no)
    assert not _whole([Rule.of("tcp", 22, 22, CIDR4, "10.0.0.0/8"), Rule.of("tcp", 22, 22, CIDR4, "3.3.0.0/16")], no)
    named = Rule.of("tcp", 22, 22, CIDR4, "10.0.0.0/8")
    assert _whole([half], named)
    assert not _whole([Rule.of("tcp", 22, 22, CIDR4, "10.128.0.0/9")], named)
    assert set(plan_ingress([half, other], Forbidden((no,)), narrow=narrow).removed) == {half, other}
