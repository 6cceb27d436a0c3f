"""Which rules expose a port: the pure decision, against a model that looks at one packet at a time."""
from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.elements.ec2.exposure import PortsError, exposures, watched
from custom_actions.elements.security_group.rules import Rule, from_policy


def rules(*texts: str) -> list[Rule]:
    return [rule for text in texts for rule in from_policy(text)]


LISTS = {"pl-1": ["10.0.0.0/8", "198.51.100.0/24"], "pl-2": ["::/1"]}


def found(ports: list[int | str], **groups: list[Rule]) -> list[str]:
    return exposures([list(groups)], groups, watched(ports, lists=LISTS.get)).lines()


@pytest.mark.parametrize(("rule", "exposes"), [
    ("tcp 22 from 0.0.0.0/0", True),
    ("tcp 22 from ::/0", True),
    ("udp 22 from 0.0.0.0/0", True),
    ("all from 0.0.0.0/0", True),
    ("all from ::/0", True),
    ("tcp all from 0.0.0.0/0", True),
    ("tcp 20-22 from 0.0.0.0/0", True),
    ("tcp 22-30 from 0.0.0.0/0", True),
    ("tcp 23-30 from 0.0.0.0/0", False),
    ("tcp 80 from 0.0.0.0/0", False),
    ("tcp 22 from 10.0.0.0/8", False),
    ("tcp 22 from 0.0.0.0/1", True),
    ("tcp 22 from 2000::/3", True),
    ("tcp 22 from 3.0.0.0/9", False),
    ("tcp 22 from sg-1", False),
    ("tcp 22 from pl-1", False),
    ("tcp 22 from pl-2", True),
    ("icmp 22 from 0.0.0.0/0", False),
    ("132 from 0.0.0.0/0", False),
])
def test_one_rule(rule: str, exposes: bool) -> None:
    assert bool(found([22], a=rules(rule))) is exposes


def test_rule_and_group_are_named_and_innocent_ones_are_not() -> None:
    assert found(
        [22, "3389-3390"],
        a=rules("tcp 22 from 10.0.0.0/8", "tcp 80 from world", "tcp 3390 from ::/0"),
        b=rules("tcp 22 from 0.0.0.0/0"), c=rules("tcp 22 from 0.0.0.0/0"),
    ) == ["a: tcp 3390 from ::/0", "b: tcp 22 from 0.0.0.0/0", "c: tcp 22 from 0.0.0.0/0"]


def test_groups_of_one_interface_count_together_those_of_two_do_not() -> None:
    halves = {"a": rules("tcp 22 from 0.0.0.0/1"), "b": rules("tcp 22 from 128.0.0.0/1")}
    together = exposures([["a", "b"]], halves, watched([22]))
    assert [exposure.group for exposure in together.open] == ["a", "b"]
    # Neither is more than the share, both are.
    parts = {"a": rules("tcp 22 from 3.0.0.0/9"), "b": rules("tcp 22 from 3.128.0.0/9")}
    assert exposures([["a", "b"]], parts, watched([22])).open
    assert not exposures([["a"], ["b"]], parts, watched([22]))


def test_the_share_is_the_callers() -> None:
    half = {"a": rules("tcp 22 from 0.0.0.0/1")}
    assert exposures([["a"]], half, watched([22]))
    assert not exposures([["a"]], half, watched([22], share=Fraction(3, 4)))


def test_a_prefix_list_that_nobody_can_read_is_unknown() -> None:
    assert found([22], a=rules("tcp 22 from pl-9")) == [
        "unknown: tcp 22 from pl-9 may be open to the world: the contents of pl-9 are unknown"]
    assert found([22], a=rules("tcp 23 from pl-9")) == []


def test_interfaces_with_the_same_groups_are_decided_once() -> None:
    looked_up = []

    def look_up(prefix_list: str) -> list[str]:
        looked_up.append(prefix_list)
        return ["0.0.0.0/0"]

    group = {"a": rules("tcp 22 from pl-1")}
    once = exposures([["a"]], group, watched([22], lists=look_up))
    count = len(looked_up)
    looked_up.clear()
    assert exposures([["a"]] * 500, group, watched([22], lists=look_up)) == once
    assert len(looked_up) == count > 0


def test_no_ports_and_no_groups_expose_nothing() -> None:
    assert found([], a=rules("all from world")) == []
    assert exposures([], {}, watched([22])).lines() == []
    assert exposures([[]], {}, watched([22])).lines() == []


@pytest.mark.parametrize("entry", ["ssh", "", "22,80", "30-22", 65536, -1, "22 from 10.0.0.0/8", 2.5])
def test_what_is_no_port_is_refused(entry: int | str) -> None:
    with pytest.raises(PortsError, match="is not a port or a range of ports"):
        watched([entry])


port = st.integers(0, 40)
spans = st.tuples(port, port).map(sorted)


@given(st.lists(spans, min_size=1, max_size=3), st.lists(
    st.tuples(st.sampled_from(["tcp", "udp"]), spans, st.sampled_from(["0.0.0.0/0", "::/0", "10.0.0.0/8"])), max_size=5,
))
def test_it_says_what_looking_at_every_packet_says(
    listed: list[list[int]], opened: list[tuple[str, list[int], str]]
) -> None:
    made = rules(*(f"{protocol} {low}-{high} from {source}" for protocol, (low, high), source in opened))
    wanted = {
        str(rule) for rule in made if rule.peer in ("0.0.0.0/0", "::/0")
        and any(low <= number <= high for low, high in listed for number in range(rule.from_port, rule.to_port + 1))
    }
    seen = exposures([["g"]], {"g": made}, watched(f"{low}-{high}" for low, high in listed))
    assert {str(exposure.rule) for exposure in seen.open} == wanted
