"""Policies of several sources as one list, and what a team changes in them."""
from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from guardrails.accounts import Account
from guardrails.errors import GuardrailsError
from guardrails.policies import PackChoice, Policy, PolicySources, Selection, load

OWN = """\
policies:
  - name: {name}
    resource: aws.s3
    metadata: {{severity: low, parameters: {{days: 3}}}}
    filters:
      - {{type: value, key: age, op: gt, value: "{{days}}"}}
"""


@pytest.fixture
def team(tmp_path: Path) -> Path:
    (tmp_path / "own.yml").write_text(OWN.format(name="team-one"))
    return tmp_path


def sources(team: Path, **changes: object) -> PolicySources:
    return PolicySources(**{"directories": (str(team),), "origin": "guardrails.yml", **changes})


def by_name(policies: list[Policy]) -> dict[str, Policy]:
    return {policy.name: policy for policy in policies}


def test_a_pack_and_a_directory_are_one_list(team: Path) -> None:
    shipped = by_name(load())
    assert set(by_name(sources(team).load())) == {*shipped, "team-one"}
    assert [policy.name for policy in PolicySources.of(team).load()] == ["team-one"]


def test_a_pack_is_chosen_by_every_criterion(team: Path) -> None:
    chosen = by_name(sources(team, packs=(PackChoice(frameworks=("cis-aws-6.0",), services=("iam-*",)),)).load())
    del chosen["team-one"]
    assert chosen
    assert all(policy.service.startswith("iam-") for policy in chosen.values())
    assert all("cis-aws-5.0" in policy.controls or "cis-aws-6.0" in policy.controls for policy in chosen.values())
    every = by_name(sources(team).load())
    left_out = set(every) - set(chosen)
    assert any(policy.service.startswith("iam-") for name, policy in every.items() if name in left_out)


def test_a_name_that_two_sources_have_is_an_error_that_names_both(team: Path) -> None:
    (team / "own.yml").write_text(OWN.format(name="s3-bucket-encryption"))
    with pytest.raises(GuardrailsError, match=r"own\.yml:2.*duplicate policy name.*policies/config-rule/s3\.yml:\d+"):
        sources(team).load()


def test_policies_are_switched_off_by_name(team: Path) -> None:
    left = by_name(sources(team, exclude=("s3-*", "team-one")).load())
    assert left
    assert not [name for name in left if name.startswith("s3-") or name == "team-one"]


def test_parameters_and_severities_are_replaced_and_the_rest_is_as_it_was(team: Path) -> None:
    before = by_name(sources(team).load())
    after = by_name(sources(team, parameters={"days": 9}, severities={"team-*": "high", "s3-*": "info"}).load())
    assert after["team-one"].metadata["parameters"] == {"days": 9}
    assert after["team-one"].severity == "high"
    assert {policy.severity for name, policy in after.items() if name.startswith("s3-")} == {"info"}
    untouched = [name for name in before if not name.startswith(("s3-", "team-"))]
    assert untouched
    assert all(after[name].data == before[name].data for name in untouched)
    assert before["team-one"].metadata["parameters"] == {"days": 3}


SHOP, SANDBOX, OTHER = (
    Account("111111111111", "shop-prod", ()), Account("222222222222", "sandbox-1", ()),
    Account("333333333333", "x", ()))


@pytest.mark.parametrize(("severities", "general", "in_accounts"), [
    ({"team-*": {"accounts": {"shop-*": "critical"}}}, "low", ("critical", "low", "low")),
    ({"team-*": {"default": "info", "accounts": {"111111111111": "high"}}}, "info", ("high", "info", "info")),
    # The last account that fits applies, by name or by id.
    ({"team-*": {"accounts": {"*": "high", "2222*": "info"}}}, "low", ("high", "info", "high")),
    ({"team-*": {"accounts": {"2222*": "info", "*": "high"}}}, "low", ("high", "high", "high")),
    # Entries add up, until one sets the general severity again.
    ({"*": {"accounts": {"shop-*": "high", "sandbox-*": "info"}}, "team-one": {"accounts": {"shop-prod": "critical"}}},
     "low", ("critical", "info", "low")),
    ({"team-one": {"accounts": {"shop-prod": "critical"}}, "team-*": {"accounts": {"shop-*": "high"}}},
     "low", ("high", "low", "low")),
    ({"*": {"accounts": {"shop-*": "high"}}, "team-*": "medium"}, "medium", ("medium", "medium", "medium")),
    ({"*": {"accounts": {"shop-*": "high"}}, "team-*": {"default": "medium", "accounts": {"x": "low"}}},
     "medium", ("medium", "medium", "low")),
    ({"s3-*": {"accounts": {"shop-*": "high"}}}, "low", ("low", "low", "low")),
])
def test_a_policy_has_a_severity_in_each_account(
    team: Path, severities: dict[str, object], general: str, in_accounts: tuple[str, ...]
) -> None:
    policy = by_name(sources(team, severities=severities).load())["team-one"]
    assert policy.severity == general
    assert tuple(policy.severity_in(account) for account in (SHOP, SANDBOX, OTHER)) == in_accounts


def test_a_severity_selects_what_has_it_in_any_account(team: Path) -> None:
    every = sources(team, severities={"team-*": {"accounts": {"shop-*": "critical"}}}, packs=()).load()
    for severity, number in (("critical", 1), ("low", 1), ("high", 0)):
        assert len(Selection(severities=(severity,)).choose(every)) == number


@pytest.mark.parametrize(("pattern", "known", "problem", "fix"), [
    ("shop-prd", SHOP.keys, "severities.team-*.accounts: no account is named shop-prd", "did you mean shop-prod?"),
    ("9*", SHOP.keys, "severities.team-*.accounts: no account is named 9*", "accounts.yml"),
    ("shop-prod", None, "shop-prod cannot be compared with an account", "add -c accounts.yml"),
    ("shop-*", SHOP.keys, "", ""), ("1111*", SHOP.keys, "", ""), ("999999999999", None, "", ""), ("*", None, "", ""),
])
def test_an_account_that_does_not_exist_is_an_error(
    team: Path, pattern: str, known: tuple[str, ...] | None, problem: str, fix: str
) -> None:
    given = sources(team, severities={"s3-*": "high", "team-*": {"accounts": {pattern: "low"}}})
    if not problem:
        given.check_accounts(known)
        return
    with pytest.raises(GuardrailsError) as found:
        given.check_accounts(known)
    assert problem in found.value.problem
    assert fix in (found.value.fix or "")


def test_a_weaker_value_takes_the_claim_away(team: Path) -> None:
    with_claim = next(
        (policy, claim) for policy in load() for claim in policy.claims
        if any(isinstance(limit, dict) and "min" in limit for limit in claim.when.values()))
    policy, claim = with_claim
    name, limit = next((name, limit) for name, limit in claim.when.items() if isinstance(limit, dict))
    changed = by_name(sources(team, parameters={name: limit["min"] - 1}).load())[policy.name]
    assert claim.id not in policy.partial.get(claim.framework, {})
    assert "the control asks for" in changed.partial[claim.framework][claim.id]


@pytest.mark.parametrize(("changes", "problem", "fix"), [
    ({"exclude": ("team-two",)}, "exclude: no policy is named team-two", "did you mean team-one?"),
    ({"severities": {"team-two": "low"}}, "severities: no policy is named team-two", "did you mean team-one?"),
    ({"parameters": {"day": 1}}, "parameters: no policy has the parameter day", "days"),
    ({"parameters": {"days": "1"}}, "parameters: days must be a number, got a string", "its default is 3"),
    ({"packs": (PackChoice("other"),)}, "there is no pack other", "aws-guardrails"),
    ({"packs": (PackChoice(policies=("s3-nothing",)),)}, "no policy matches --policy s3-nothing", "lists all policies"),
])
def test_a_name_that_does_not_exist_is_an_error(
    team: Path, changes: dict[str, object], problem: str, fix: str
) -> None:
    with pytest.raises(GuardrailsError) as found:
        sources(team, **changes).load()
    assert problem in found.value.problem
    assert fix in (found.value.fix or "")


def test_sources_are_the_same_after_json(team: Path) -> None:
    before = sources(team, packs=(PackChoice(services=("s3",)),), exclude=("s3-*",), parameters={"days": 4},
                     severities={"team-*": {"default": "low", "accounts": {"*": "high", "shop-*": "info"}}})
    after = PolicySources.from_dict(json.loads(json.dumps(asdict(before))))
    assert [policy.data for policy in after.load()] == [policy.data for policy in before.load()]
    assert [policy.severity_in(SHOP) for policy in after.load()] == ["info"]
    assert PolicySources.from_dict(asdict(after)) == after


def test_sources_for_one_command_need_not_have_what_the_settings_name(team: Path) -> None:
    chosen = sources(
        team, packs=(), exclude=("s3-*",), severities={"iam-*": "low"}, parameters={"s3_kms_key": "x"}, part=True)
    assert [policy.name for policy in chosen.load()] == ["team-one"]


def test_only_a_part_is_known_as_such(team: Path) -> None:
    from guardrails.paths import POLICIES

    assert not sources(team).is_part
    assert sources(team, part=True).is_part
    assert PolicySources.of(POLICIES / "realtime").is_part
