"""What a policy says of ingress: parameters in braces, and the ports that may be open to the world."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from c7n.exceptions import PolicyValidationError
from c7n.loader import SchemaValidator
from c7n.policy import PolicyCollection
from c7n.resources import load_resources
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.elements.security_group.plan import Narrowing, Plan, plan_ingress
from custom_actions.elements.security_group.rules import Rule, from_policy
from custom_actions.elements.security_group.settings import Settings
from tests import engine
from tests.moto_server import Moto


def rules(*entries: str) -> list[Rule]:
    return [rule for entry in entries for rule in from_policy(entry)]


LISTS = {"pl-1": ["10.0.0.0/8", "198.51.100.0/24"], "pl-2": ["0.0.0.0/1"]}
"""What is in the prefix lists that anybody can look up."""


def plan(data: dict[str, Any], *entries: str) -> list[str]:
    settings = Settings("ingress-drift", data)
    return settings.plan(rules(*entries), settings.baseline("sg-1", LISTS.get)).lines()


def policy(drift: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    return {
        "name": "p", "resource": "aws.security-group", "metadata": {"parameters": parameters},
        "filters": [{"type": "ingress-drift", **drift}], "actions": ["revert-ingress"],
    }


@pytest.mark.parametrize("drift", [
    {"forbidden": "{admin_ports}"},
    {"required": ["{web}"]},
    {"allowed": ["{web}", "tcp 22 from 10.0.0.0/8", "tcp {port} from world"]},
    {"open-to-world": {"tcp": "{tcp_ports}", "udp": ["{udp_ports}", 53]}},
    {"forbidden": "{admin_ports}", "protect": {"cidrs": "{office}", "descriptions": ["{kept}"]}},
])
def test_a_policy_is_valid_while_its_parameters_are_in_braces(drift: dict[str, Any], moto: Moto) -> None:
    data = policy(drift)
    load_resources(["aws.security-group"])
    assert not SchemaValidator().validate({"policies": [data]}, ["aws.security-group"])
    [loaded] = PolicyCollection.from_data({"policies": [data]}, engine.load(data, Path("unused")).options)
    loaded.validate()


@pytest.mark.parametrize(("drift", "name"), [
    ({"forbidden": "{admin_ports}"}, "admin_ports"),
    ({"required": ["tcp 80 from world", "{web}"]}, "web"),
    ({"open-to-world": {"tcp": "{tcp_ports}"}}, "tcp_ports"),
    ({"forbidden": ["tcp 22 from world"], "protect": {"cidrs": "{office}"}}, "office"),
])
def test_a_parameter_that_nobody_filled_in_is_an_error_and_no_empty_list(
    drift: dict[str, Any], name: str, moto: Moto, tmp_path: Path
) -> None:
    with pytest.raises(PolicyValidationError, match=rf"\{{{name}\}} has no value"):
        engine.pull(policy(drift), tmp_path)


def test_parameters_are_filled_in_as_a_list_as_an_entry_and_inside_a_rule(moto: Moto, tmp_path: Path) -> None:
    drift = {"forbidden": ["{admin_ports}", "tcp {port} from world"]}
    loaded = engine.load(policy(drift, admin_ports=["tcp 22 from world", "tcp 3389 from world"], port=23), tmp_path)
    [found] = loaded.resource_manager.filters
    settings = Settings("ingress-drift", found.data)
    drifted = settings.plan(rules("tcp 22-23 from world", "tcp 3389 from ::/0"), settings.baseline("sg-1"))
    assert len(drifted.revoke) == 3
    changed = engine.load(policy({"forbidden": "{admin_ports}"}, admin_ports=["tcp 22 from world"]), tmp_path,
                          variables={"admin_ports": ["tcp 5900 from world"]})
    assert changed.resource_manager.filters[0].data["forbidden"] == ["tcp 5900 from world"]


@pytest.mark.parametrize(("drift", "said"), [
    ({"required": []}, "this would remove every rule of the group"),
    ({"allowed": []}, "this would remove every rule of the group"),
    ({"forbidden": "tcp 22 from world"}, "must be a list"),
    ({"forbidden": [22]}, "must be a string or a mapping"),
    ({"open-to-world": {"tcp": ["https"]}}, "cannot read the ports"),
    ({"open-to-world": {"tcp": [443]}, "forbidden": ["tcp 22 from world"]}, "exactly one"),
])
def test_a_value_that_cannot_be_meant_is_refused(drift: dict[str, Any], said: str) -> None:
    with pytest.raises(PolicyValidationError, match=said):
        Settings("ingress-drift", drift)


def test_a_parameter_that_forbids_nothing_is_nothing_wrong() -> None:
    assert plan({"forbidden": []}, "tcp 22 from world") == []


OPEN = {"open-to-world": {"tcp": ["443", "1020-1025"], "udp": []}, "narrow": True}


@pytest.mark.parametrize("fine", [
    "tcp 443 from world", "tcp 1021-1024 from 0.0.0.0/0", "tcp 1020-1025 from ::/0", "tcp 22 from 10.0.0.0/8",
    "all from sg-1", "all from 2001:db8::/32", "tcp 22 from pl-1", "icmp from world", "50 from world",
])
def test_authorised_ports_and_what_is_not_the_worlds_stay(fine: str) -> None:
    assert plan(OPEN, fine) == []


@pytest.mark.parametrize(("wrong", "steps"), [
    ("tcp 22 from 0.0.0.0/0", ["revoke tcp 22 from 0.0.0.0/0"]),
    ("tcp 22 from ::/0", ["revoke tcp 22 from ::/0"]),
    ("udp 53 from 0.0.0.0/0", ["revoke udp 53 from 0.0.0.0/0"]),
    # Both ends are authorised, what lies between is not.
    ("tcp 443-1020 from 0.0.0.0/0",
     ["narrow tcp 443-1020 from 0.0.0.0/0 to tcp 443 from 0.0.0.0/0, tcp 1020 from 0.0.0.0/0"]),
    ("tcp all from ::/0", ["narrow tcp all from ::/0 to tcp 443 from ::/0, tcp 1020-1025 from ::/0"]),
    ("all from 0.0.0.0/0", [
        "narrow all from 0.0.0.0/0 to tcp 443 from 0.0.0.0/0, tcp 1020-1025 from 0.0.0.0/0, icmp from 0.0.0.0/0",
        "note: all from 0.0.0.0/0 also allowed other IP protocols or ICMP types; EC2 rules cannot exclude a part, so "
        "these are closed too",
    ]),
])
def test_other_ports_are_closed_to_the_world_and_nothing_else(wrong: str, steps: list[str]) -> None:
    assert plan(OPEN, wrong, "tcp 22 from 10.0.0.0/8") == steps


def test_two_halves_of_the_world_are_the_world_and_each_of_them_is() -> None:
    assert len(plan(OPEN, "tcp 22 from 0.0.0.0/1", "tcp 22 from 128.0.0.0/1")) == 2
    assert plan(OPEN, "tcp 22 from 0.0.0.0/1") == ["revoke tcp 22 from 0.0.0.0/1"]


def test_the_share_that_is_the_world_is_the_policys() -> None:
    half = "tcp 22 from 0.0.0.0/1"
    assert plan({**OPEN, "world-share": "3/4"}, half) == []
    assert plan({**OPEN, "world-share": 0.75}, half) == []
    assert plan({"forbidden": ["tcp 22 from world"], "world-share": "1/4"}, half) == [f"revoke {half}"]
    assert plan({"forbidden": ["tcp 22 from world"], "world-share": "1/60000"}, "tcp 22 from 3.3.0.0/16") != []


@pytest.mark.parametrize(("drift", "said"), [
    ({**OPEN, "world-share": "1/0"}, "not a share"),
    ({**OPEN, "world-share": "some"}, "not a share"),
    ({**OPEN, "world-share": 1}, "above 0 and below 1"),
    ({**OPEN, "world-share": "-1/2"}, "above 0 and below 1"),
    ({"allowed": ["tcp 22 from world"], "world-share": "1/2"}, "goes with forbidden"),
])
def test_a_share_that_cannot_be_meant_is_refused(drift: dict[str, Any], said: str) -> None:
    with pytest.raises(PolicyValidationError, match=said):
        Settings("ingress-drift", drift)


def test_a_share_may_be_a_parameter() -> None:
    settings = Settings("ingress-drift", {**OPEN, "world-share": "{world_share}"})
    with pytest.raises(PolicyValidationError, match=r"\{world_share\} has no value"):
        settings.check_filled()


def test_a_prefix_list_counts_by_its_contents() -> None:
    assert plan(OPEN, "tcp 22 from pl-2") == ["revoke tcp 22 from pl-2"]
    assert plan({"forbidden": ["tcp 22 from world"]}, "tcp 22 from pl-1", "tcp 22 from pl-2") == [
        "revoke tcp 22 from pl-2"]


def test_a_prefix_list_that_cannot_be_looked_up_is_unknown_and_never_fine() -> None:
    unknown = "unknown: tcp 22 from pl-9 may be open to the world: the contents of pl-9 are unknown"
    assert plan(OPEN, "tcp 22 from pl-9") == [unknown]
    assert plan(OPEN, "tcp 22 from pl-9", "tcp 22 from world") == [
        "revoke tcp 22 from 0.0.0.0/0", "revoke tcp 22 from ::/0", unknown]
    # Nothing forbids these ports to the world.
    assert plan(OPEN, "tcp 443 from pl-9") == []
    assert plan({"forbidden": ["tcp 22 from 10.0.0.0/8"]}, "tcp 22 from pl-9") == [
        unknown.replace("the world", "10.0.0.0/8")]
    assert plan({"forbidden": ["tcp 22 from 10.0.0.0/8"]}, "tcp 22 from pl-1") == ["revoke tcp 22 from pl-1"]
    settings = Settings("ingress-drift", OPEN)
    found = settings.plan(rules("tcp 22 from pl-1"), settings.baseline("sg-1"))
    assert found.undecided and found, "nobody looked the list up"


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 200)), max_size=4), st.integers(0, 65535))
def test_a_port_is_closed_exactly_when_no_range_holds_it(spans: list[tuple[int, int]], port: int) -> None:
    ranges = [(start, min(65535, start + length)) for start, length in spans]
    settings = Settings("ingress-drift", {"open-to-world": {"tcp": [f"{start}-{end}" for start, end in ranges]}})
    opened = rules(f"tcp {port} from 0.0.0.0/0")
    authorised = any(start <= port <= end for start, end in ranges)
    assert bool(plan_ingress(opened, settings.baseline("sg-1"))) is not authorised


def test_a_long_replacement_is_one_sentence_with_each_source_once() -> None:
    pieces = [Rule.of("tcp", port, port + 1, "CidrIp", "0.0.0.0/0") for port in (300, 10, 200, 100)]
    udp = Rule.of("udp", 0, 65535, "CidrIp", "0.0.0.0/0")
    wide = Rule.of("-1", None, None, "CidrIp", "0.0.0.0/0")
    assert Plan(narrow=(Narrowing(wide, (*pieces, udp)),)).lines() == [
        "narrow all from 0.0.0.0/0 to 5 rules from 0.0.0.0/0: tcp 10-11, 100-101, 200-201, 300-301; udp all"]
