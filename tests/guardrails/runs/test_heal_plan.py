"""The plan of a heal, as it is written and read."""
from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.accounts.account import Account, Accounts
from guardrails.errors import GuardrailsError
from guardrails.policies.policy import Policy
from guardrails.results.finding import Finding
from guardrails.runs import heal_plan
from guardrails.runs.heal_plan import HealPlan, PlannedFinding, digests
from guardrails.yamlfile import YamlFile

RED = Account("111111111111", "red", ("eu-west-1",), {"vars": {"ports": [22]}})
POLICY = Policy(
    {"name": "open", "resource": "aws.security-group", "mode": {"type": "periodic"}, "actions": ["revert-ingress"],
     "metadata": {"response": "revert"}}, YamlFile(Path("p.yml"), {}, None), 0)
FINDING = Finding(
    account=RED.id, account_name="red", region="eu-west-1", policy="open", resource_type="aws.security-group",
    resource="sg-1", arn="", severity="high", title="t", response="revert", evidence={"Port": 22, "LastUsedDate": "x"})
RESOURCE = {"GroupId": "sg-1", "Tags": [{"Key": "a"}, {"Key": "b"}], "Use": {"LastUsedDate": "2026-01-01", "Name": "n"}}
PLAN = HealPlan.of(
    [(FINDING, RESOURCE)], [POLICY], Accounts((RED,), (), {"all": 1}), created="2026-01-01T00:00:00+00:00",
    not_seen=["x: denied"])
WRITTEN = json.loads(json.dumps(PLAN.to_dict()))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children), max_leaves=5)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in inside for found in paths(each, (*path, key)))]


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = PLAN.write(tmp_path / "plan.json")
    assert HealPlan.read(file) == PLAN
    assert "LastUsedDate" not in file.read_text()
    assert PLAN.selected([POLICY]) == [POLICY]
    PLAN.refuse_other_accounts(Accounts((RED,), (), {"all": 1}))


@given(st.sampled_from(paths(WRITTEN)[1:]), ANYTHING)
def test_whatever_stands_in_a_plan_it_is_read_as_a_plan_or_refused(path: tuple[Any, ...], value: Any) -> None:
    changed = copy.deepcopy(WRITTEN)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    try:
        plan = HealPlan.parse(changed)
    except ValueError:
        return
    assert json.loads(json.dumps(plan.to_dict())) == json.loads(json.dumps(changed))


@given(ANYTHING)
def test_any_other_json_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="must"):
        HealPlan.parse(value)


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 200_000, b"\xff", b'{"a": "\\ud800"}', b"null"])
def test_what_is_no_plan_is_an_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(content)
    with pytest.raises(GuardrailsError, match=r"plan\.json: not a plan of heal: "):
        HealPlan.read(file)


def test_a_plan_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heal_plan, "PLAN_BYTES", 100)
    with pytest.raises(GuardrailsError, match="larger than"):
        HealPlan.read(PLAN.write(tmp_path / "plan.json"))


@pytest.mark.parametrize(("now", "names"), [
    (RESOURCE, []),
    ({**RESOURCE, "Tags": [{"Key": "b"}, {"Key": "a"}]}, []),
    ({**RESOURCE, "Use": {"LastUsedDate": "2026-02-02", "Name": "n"}, "PasswordLastUsed": "now"}, []),
    ({**RESOURCE, "Tags": [{"Key": "a"}]}, ["Tags"]),
    ({**RESOURCE, "Use": {"Name": "m"}, "New": 1}, ["New", "Use"]),
    ({"GroupId": "sg-1", "Use": RESOURCE["Use"]}, ["Tags"]),
])
def test_what_has_changed_is_named(now: dict[str, Any], names: list[str]) -> None:
    planned = PlannedFinding.of(FINDING, RESOURCE)
    assert planned.changed(PlannedFinding.of(FINDING, now)) == names
    assert (digests(now) == digests(RESOURCE)) is (names == [])


@pytest.mark.parametrize("policy", [
    Policy({**POLICY.data, "actions": ["delete"]}, POLICY.source, 0),
    Policy({**POLICY.data, "filters": [{"GroupId": "sg-1"}]}, POLICY.source, 0),
    Policy({**POLICY.data, "name": "other"}, POLICY.source, 0),
])
def test_another_policy_refuses_the_plan(policy: Policy) -> None:
    with pytest.raises(GuardrailsError, match=r"nothing was changed\npolicy open: "):
        PLAN.selected([policy])


@pytest.mark.parametrize("accounts", [
    Accounts((), ()),
    Accounts((RED,), ()),
    Accounts((Account(RED.id, "red", ("eu-west-1",), {"vars": {"ports": [23]}}),), (), {"all": 1}),
    Accounts((Account(RED.id, "red", ("us-east-1",), RED.entry),), (), {"all": 1}),
])
def test_other_accounts_regions_or_variables_refuse_the_plan(accounts: Accounts) -> None:
    with pytest.raises(GuardrailsError, match=r"nothing was changed\naccount 111111111111: "):
        PLAN.refuse_other_accounts(accounts)
