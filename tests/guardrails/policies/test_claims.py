"""The controls that a policy claims: wholly, in part, and only with some values of its parameters."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from custom_actions.vocabulary import SEVERITIES
from guardrails.policies.catalogue import load_catalogues
from guardrails.policies.claims import Claim, claims_of, partial_claims, problems
from guardrails.policies.policy import load
from tests.guardrails.conftest import guardrails

DEFAULTS = {"length": 14, "digits": True, "allowed": ["a", "b"]}


@pytest.mark.parametrize(("when", "holds"), [
    ({}, True),
    ({"length": {"min": 14}}, True),
    ({"length": {"min": 15}}, False),
    ({"length": {"max": 14}}, True),
    ({"length": {"max": 13}}, False),
    ({"digits": True}, True),
    ({"digits": False}, False),
    ({"digits": True, "length": {"min": 15}}, False),
    ({"allowed": {"within": ["a", "b", "c"]}}, True),
    ({"allowed": {"within": ["a"]}}, False),
    ({"allowed": {"includes": ["a"]}}, True),
    ({"allowed": {"includes": ["c"]}}, False),
    ({"unknown": 1}, False),
])
def test_a_claim_holds_with_some_values(when: dict[str, Any], holds: bool) -> None:
    assert Claim("bank", "1", when=when).holds(DEFAULTS) is holds


def test_a_claim_that_does_not_hold_is_partial_and_says_what_the_control_asks() -> None:
    claims = claims_of({"controls": {"bank": [
        "1", {"id": "2", "partial": "does not look at tags"}, {"id": "3", "when": {"length": {"min": 14}}}]}})
    assert partial_claims(claims, DEFAULTS) == {"bank": {"2": "does not look at tags"}}
    assert partial_claims(claims, {**DEFAULTS, "length": 8}) == {
        "bank": {"2": "does not look at tags", "3": "the control asks for length min 14"}}


@pytest.mark.parametrize(("entry", "keys", "problem"), [
    ("1.7", None, ""),
    ({"id": "1.7", "partial": "what", "when": {"length": {"min": 1}}}, None, ""),
    (1.7, (), "must be a string"),
    ({"id": 1.7}, ("id",), "must be a string"),
    ({"partial": "what"}, ("id",), "must be a string"),
    ({"id": "1", "partial": ""}, ("partial",), "must say what"),
    ({"id": "1", "parts": ["long"]}, None, ""),
    ({"id": "1", "parts": ["lnog"]}, ("parts",), "no part lnog"),
    ({"id": "1", "parts": ["long", "digit"]}, ("parts",), "checks every part"),
    ({"id": "1", "parts": []}, ("parts",), "must be a list of names"),
    ({"id": "1", "parts": "long"}, ("parts",), "must be a list of names"),
    ({"id": "1", "wen": {}}, ("wen",), "unknown key wen"),
    ({"id": "1", "when": []}, ("when",), "must be a mapping"),
    ({"id": "1", "when": {"lenght": 1}}, ("when", "lenght"), "no parameter lenght"),
    ({"id": "1", "when": {"length": {"least": 1}}}, ("when", "length"), "unknown condition"),
    ({"id": "1", "when": {"length": {"within": [1]}}}, ("when", "length"), "does not fit"),
    ({"id": "1", "when": {"allowed": {"min": 1}}}, ("when", "allowed"), "does not fit"),
])
def test_problems_of_an_entry(entry: Any, keys: tuple[str, ...] | None, problem: str) -> None:
    found = list(problems(entry, DEFAULTS, ["long", "digit"]))
    assert [each[0] for each in found] == ([] if keys is None else [keys])
    assert all(problem in each[1] and each[2] for each in found)


POLICY = """\
policies:
  - name: length
    resource: aws.account
    mode: {type: periodic}
    metadata:
      parameters: {length: 14}
      controls:
        bank: [{id: A, when: {length: {min: 14}}}, {id: B, partial: does not look at reuse}]
"""
BANK = """\
title: Bank
version: '1'
publisher: Bank
source: https://example.com
whole: true
requirements:
- {id: A, title: Length, automatable: true}
- {id: B, title: Length and reuse, automatable: true, severity: high}
"""


@pytest.fixture
def team(tmp_path: Path) -> Path:
    for name, text in (("policies/p.yml", POLICY), ("controls/bank.yml", BANK)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def coverage(team: Path, *options: object) -> Any:
    return guardrails("coverage", "--policies", team / "policies", "--controls", team / "controls",
                      "--framework", "bank", *options)


def test_coverage_counts_what_is_covered_in_part(team: Path) -> None:
    found = json.loads(coverage(team, "--json").stdout)["bank"]
    assert {r["id"]: r["coverage"] for r in found["requirements"]} == {"A": "covered", "B": "in part only"}
    assert (found["covered"], found["in_part_only"], found["percent"]) == (1, 1, 50)
    assert found["requirements"][1]["policies"][0]["not_checked"] == "does not look at reuse"
    file = team / "policies" / "p.yml"
    file.write_text(file.read_text().replace("{length: 14}", "{length: 8}"))
    found = json.loads(coverage(team, "--json").stdout)["bank"]
    assert {r["id"]: r["coverage"] for r in found["requirements"]} == {"A": "in part only", "B": "in part only"}


PARTS = """\
policies:
- &policy
  name: length
  resource: aws.account
  mode: {type: periodic}
  metadata: {controls: {bank: [{id: B, parts: [long]}]}}
- <<: *policy
  name: digit
  metadata: {parameters: {digit: true}, controls: {bank: [{id: B, parts: [digit], when: {digit: true}}]}}
"""


def test_policies_that_check_every_part_together_cover_a_requirement(team: Path) -> None:
    (team / "controls" / "bank.yml").write_text(
        BANK.replace("id: B,", "id: B, parts: {long: 8 characters, digit: a digit},"))
    file = team / "policies" / "p.yml"
    file.write_text(PARTS)
    whole = json.loads(coverage(team, "--json").stdout)["bank"]["requirements"][1]
    assert whole["coverage"] == "covered"
    assert {policy["name"]: policy["not_checked"] for policy in whole["policies"]} == {
        "digit": "8 characters", "length": "a digit"}
    assert whole["parts"] == {"long": "8 characters", "digit": "a digit"}
    file.write_text(PARTS.replace("{digit: true}, controls", "{digit: false}, controls"))
    half = json.loads(coverage(team, "--json").stdout)["bank"]["requirements"][1]
    assert half["coverage"] == "in part only"
    assert {policy["not_checked"] for policy in half["policies"]} == {"a digit", "the control asks for digit true"}


@pytest.mark.parametrize(("parts", "problem"), [
    ("{long: 8 characters}", "two or more"), ("[long, digit]", "two or more"),
    ("{long: 1, digit: a}", "must be a string"), ("{long: '', digit: a}", "missing or empty"),
    ("{Long: a, digit: b}", "invalid name of a part"), ("{long: a, digit: a}", "have the same text"),
])
def test_a_catalogue_refuses_other_parts(team: Path, parts: str, problem: str) -> None:
    (team / "controls" / "bank.yml").write_text(BANK.replace("id: B,", f"id: B, parts: {parts},"))
    found = coverage(team)
    assert found.exit_code == 1
    assert problem in found.stderr
    assert "bank.yml:8" in found.stderr


def test_check_shows_what_a_newer_list_changed(team: Path) -> None:
    newer = team / "newer.yml"
    newer.write_text(BANK)
    same = coverage(team, "--check", newer)
    assert (same.exit_code, same.stdout) == (0, "bank: no difference to newer.yml\n")
    newer.write_text(BANK.replace("id: A, title: Length", "id: C, title: Width").replace("high", "low"))
    changed = coverage(team, "--check", newer, "--json")
    assert changed.exit_code == 1
    assert json.loads(changed.stdout) == [
        {"id": "A", "what": "removed", "ours": "Length", "theirs": "", "policies": ["length"]},
        {"id": "B", "what": "severity", "ours": "high", "theirs": "low", "policies": ["length"]},
        {"id": "C", "what": "added", "ours": "", "theirs": "Width", "policies": []}]
    assert "removed" in coverage(team, "--check", newer).stdout


def test_check_reads_what_security_hub_answers(team: Path) -> None:
    newer = team / "controls.json"
    newer.write_text(json.dumps({"SecurityControlDefinitions": [
        {"SecurityControlId": "A", "Title": "Length", "SeverityRating": "LOW"},
        {"SecurityControlId": "B", "Title": "Length and reuse", "SeverityRating": "HIGH"}]}))
    found = json.loads(coverage(team, "--check", newer, "--json").stdout)
    assert [(each["id"], each["what"], each["theirs"]) for each in found] == [("A", "severity", "low")]


@pytest.mark.parametrize("text", ["[]", "{", '{"SecurityControlDefinitions": [{}]}', "[" * 10_000])
def test_check_refuses_another_file(team: Path, text: str) -> None:
    newer = team / "controls.json"
    newer.write_text(text)
    found = coverage(team, "--check", newer)
    assert found.exit_code == 1
    assert "not the output of ListSecurityControlDefinitions" in found.stderr
    assert "Traceback" not in found.stderr


def test_our_own_claims_are_valid() -> None:
    catalogues = load_catalogues()
    for policy in load():
        for framework, entries in (policy.metadata.get("controls") or {}).items():
            for entry in entries:
                parts = catalogues[framework].by_id[entry["id"] if isinstance(entry, dict) else entry].parts
                found = list(problems(entry, policy.metadata.get("parameters") or {}, parts))
                assert not found, (policy.name, framework)


def test_our_severity_is_that_of_security_hub_or_says_why_not() -> None:
    catalogues = load_catalogues()
    for policy in load():
        theirs = [
            catalogues[claim.framework].by_id[claim.id].severity for claim in policy.claims
            if claim.framework in ("aws-fsbp", "securityhub-other")]
        if theirs and "severity_reason" not in policy.metadata:
            assert policy.severity == min(theirs, key=SEVERITIES.index), policy.name
