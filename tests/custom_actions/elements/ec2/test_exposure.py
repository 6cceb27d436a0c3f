"""Which rules expose a port: the pure decision, against a model that looks at one packet at a time."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.elements.ec2.exposure import PortsError, exposures, watched
from custom_actions.elements.security_group.rules import Rule, from_policy


def rules(*texts: str) -> list[Rule]:
    return [rule for text in texts for rule in from_policy(text)]


def found(ports: list[int | str], **groups: list[Rule]) -> list[str]:
    return [str(exposure) for exposure in exposures([list(groups)], groups, watched(ports))]


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
    ("tcp 22 from 0.0.0.0/1", False),
    ("tcp 22 from sg-1", False),
    ("tcp 22 from pl-1", False),
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
    assert [exposure.group for exposure in together] == ["a", "b"]
    assert exposures([["a"], ["b"]], halves, watched([22])) == []


def test_no_ports_and_no_groups_expose_nothing() -> None:
    assert found([], a=rules("all from world")) == []
    assert exposures([], {}, watched([22])) == []
    assert exposures([[]], {}, watched([22])) == []


@pytest.mark.parametrize("entry", ["ssh", "", "22,80", "30-22", 65536, -1, "22 from 10.0.0.0/8", 2.5])
def test_what_is_no_port_is_refused(entry: int | str) -> None:
    with pytest.raises(PortsError, match="is no port and no range of ports"):
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
    assert {str(exposure.rule) for exposure in seen} == wanted
