"""`world-ports`: which ports a network ACL opens, by the order of its rules; and settings that are refused."""
from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from c7n.exceptions import PolicyValidationError

from custom_actions.elements.vpc.network_acl import world_ports
from tests import engine
from tests.moto_server import Moto


def rule(
    number: int, source: str, *, ports: tuple[int, int] | None = (22, 22), action: str = "allow", protocol: str = "6",
    egress: bool = False,
) -> dict[str, Any]:
    source_key = "Ipv6CidrBlock" if ":" in source else "CidrBlock"
    return {
        "RuleNumber": number, "Protocol": protocol, "RuleAction": action, "Egress": egress, source_key: source,
        **({"PortRange": {"From": ports[0], "To": ports[1]}} if ports else {}),
    }


LAST = (rule(32767, "0.0.0.0/0", ports=None, action="deny", protocol="-1"),
        rule(32768, "::/0", ports=None, action="deny", protocol="-1"))


@pytest.mark.parametrize(("rules", "expected"), [
    ([], []),
    ([rule(1, "0.0.0.0/0")], ["22: rule 1 allows 0.0.0.0/0"]),
    ([rule(1, "::/0")], ["22: rule 1 allows ::/0"]),
    ([rule(1, "0.0.0.0/0", protocol="-1", ports=None)],
     ["22: rule 1 allows 0.0.0.0/0", "3389: rule 1 allows 0.0.0.0/0"]),
    ([rule(1, "0.0.0.0/0", ports=(0, 65535))], ["22: rule 1 allows 0.0.0.0/0", "3389: rule 1 allows 0.0.0.0/0"]),
    ([rule(1, "0.0.0.0/0", ports=(23, 3388))], []),
    ([rule(1, "0.0.0.0/0", protocol="17")], []),
    ([rule(1, "0.0.0.0/0", egress=True)], []),
    ([rule(1, "10.0.0.0/8")], []),
    ([rule(1, "8.0.0.0/9")], []),
    ([rule(1, "0.0.0.0/1"), rule(2, "128.0.0.0/1")], ["22: rule 1 allows 0.0.0.0/1, rule 2 allows 128.0.0.0/1"]),
    # The order of the list means nothing, the number does.
    ([rule(20, "0.0.0.0/0"), rule(10, "0.0.0.0/0", action="deny")], []),
    ([rule(10, "0.0.0.0/0"), rule(20, "0.0.0.0/0", action="deny")], ["22: rule 10 allows 0.0.0.0/0"]),
    # What is left beside the denied part is still the world.
    ([rule(10, "128.0.0.0/1", action="deny"), rule(20, "0.0.0.0/0")], ["22: rule 20 allows 0.0.0.0/0"]),
    ([rule(10, "0.0.0.0/1", action="deny"), rule(20, "128.0.0.0/1", action="deny"), rule(30, "0.0.0.0/0")], []),
    # A rule of one IP version decides nothing about the other.
    ([rule(10, "::/0", action="deny"), rule(20, "0.0.0.0/0")], ["22: rule 20 allows 0.0.0.0/0"]),
])
def test_the_first_rule_that_matches_decides(rules: list[dict[str, Any]], expected: list[str]) -> None:
    assert world_ports([*LAST, *rules], [22, 3389]) == expected


def test_the_share_of_the_internet_is_a_setting() -> None:
    assert world_ports([rule(1, "8.0.0.0/9")], [22], Fraction(1, 1000)) == ["22: rule 1 allows 8.0.0.0/9"]


@pytest.mark.parametrize(("settings", "problem"), [
    ({"ports": "22"}, "ports must be a list"),
    ({"ports": [22], "world-share": "much"}, "world-share"),
])
def test_settings_that_say_nothing_are_refused(
    moto: Moto, settings: dict[str, Any], problem: str, tmp_path: Path,
) -> None:
    data = {"name": "p", "resource": "aws.network-acl", "filters": [{"type": "world-ports", **settings}]}
    with pytest.raises(PolicyValidationError, match=problem):
        engine.load(data, tmp_path).validate()
