"""How much one heal may change."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from custom_actions.resources import ResourceCounts
from guardrails.accounts.account import Account, Accounts
from guardrails.errors import GuardrailsError
from guardrails.policies.policy import Policy
from guardrails.results.finding import Finding
from guardrails.results.state import State
from guardrails.runs.accounting import Check
from guardrails.runs.heal_limits import HealLimits, Limit, breaches, looked_at, refuse_breaches, without_limits
from guardrails.runs.sweeps import Sweep, SweepPlan
from guardrails.yamlfile import YamlFile

RED = Account("111111111111", "red", ("eu-west-1",))


def policy(name: str, **data: Any) -> Policy:
    return Policy({"name": name, "resource": "aws.ec2", **data}, YamlFile(Path("p.yml"), {}, None), 0)


def findings(number: int, name: str = "one", account: str = "red") -> list[Finding]:
    ids = {"red": "111111111111", "blue": "222222222222"}
    return [Finding(
        account=ids[account], account_name=account, region="eu-west-1", policy=name, resource_type="aws.ec2",
        resource=f"i-{index}", arn="", severity="high", title="t", response="stop") for index in range(number)]


FOUND = [*findings(3), *findings(2, "two"), *findings(1, "two", "blue")]
LOOKED_AT = {
    ("111111111111", "eu-west-1", "one"): 10, ("111111111111", "eu-west-1", "two"): 20,
    ("222222222222", "eu-west-1", "two"): 2, ("222222222222", "eu-west-1", "one"): 8,
}


def broken(run: Sequence[str] = (), policy_: Sequence[str] = (), account: Sequence[str] = (), **data: Any) -> list[str]:
    return breaches(FOUND, LOOKED_AT, HealLimits.parse(run, policy_, account), [policy("one", **data), policy("two")])


@pytest.mark.parametrize(("limits", "lines"), [
    ((["6"], ["3"], ["5"]), []),
    ((["15%"], ["16.7%"], ["17%"]), []),
    ((["5"],), ["this run: 6 findings, but the limit is 5"]),
    ((["6", "14%"],), ["this run: 6 findings of 40 resources looked at, but the limit is 14%"]),
    (([], ["2"]), ["policy one: 3 findings, but the limit is 2", "policy two: 3 findings, but the limit is 2"]),
    (([], ["14%"]), ["policy one: 3 findings of 18 resources looked at, but the limit is 14%"]),
    (([], [], ["4"]), ["account red: 5 findings, but the limit is 4"]),
    (([], [], ["10%"]), ["account red: 5 findings of 30 resources looked at, but the limit is 10%"]),
])
def test_every_limit_that_is_exceeded_is_named(limits: tuple[Sequence[str], ...], lines: list[str]) -> None:
    assert broken(*limits) == lines


@pytest.mark.parametrize(("data", "lines"), [
    ({"max-resources": 3, "max-resources-percent": 30}, 0),
    ({"max-resources": 2}, 1),
    ({"max-resources-percent": 29}, 1),
    ({"max-resources": {"amount": 2, "percent": 29}}, 2),
    ({"max-resources": {"amount": 2, "percent": 40, "op": "and"}}, 0),
    ({"max-resources": {"amount": 2, "percent": 29, "op": "and"}}, 2),
    ({"max-resources": {"amount": 2, "op": "and"}}, 1),
])
def test_the_limits_of_a_policy_are_those_of_c7n(data: dict[str, Any], lines: int) -> None:
    found = broken(**data)
    assert len(found) == lines
    assert all(line.startswith("policy one in red eu-west-1 (its max-resources): 3 findings") for line in found)


def test_a_check_that_says_not_how_much_it_looked_at_is_within_no_percentage() -> None:
    assert breaches(findings(1), {}, HealLimits.parse(["100%"], [], []), [policy("one")]) == [
        "this run: 1 findings of 0 resources looked at, but the limit is 100%"]


def test_a_breach_is_an_error_that_says_that_nothing_was_changed() -> None:
    refuse_breaches([])
    with pytest.raises(GuardrailsError, match="nothing was changed\nthis run: 6 findings, but the limit is 5"):
        refuse_breaches(broken(["5"]))


@pytest.mark.parametrize("text", ["", "0", "-1", "0%", "101%", "5 %%", "many", "1.5"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a number from 1, or a percentage such as 5%"):
        Limit.parse(text)


def test_limits_survive_being_saved() -> None:
    limits = HealLimits.parse(["100", "5%"], ["2.5%"], [])
    assert HealLimits.parse(**limits.to_dict()) == limits


def test_a_sweep_is_not_cut_off_by_the_limit_of_a_policy() -> None:
    assert without_limits(policy("one", **{"max-resources": 1, "max-resources-percent": 5})).data == {
        "name": "one", "resource": "aws.ec2"}


def test_the_output_of_a_check_tells_how_many_resources_it_looked_at() -> None:
    plan = SweepPlan([policy("one"), policy("two")], Accounts((RED,), ()))
    first, second = plan.policies
    # The output of the second does not say.
    checks = (Check(first, RED, "eu-west-1", State.RAN, counts=ResourceCounts(40, 30, 3, 0)),
              Check(second, RED, "eu-west-1", State.RAN))
    assert looked_at(Sweep(plan, checks)) == {(RED.id, "eu-west-1", "one"): 40}
