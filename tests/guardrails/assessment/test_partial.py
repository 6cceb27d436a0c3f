"""A requirement passes in the accounts whose parameters ask all that it asks, and in a run only if all of them do."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from guardrails.assessment.assessment import Assessment
from guardrails.policies.catalogue import load_catalogues
from guardrails.policies.frameworks import RequirementVerdict
from guardrails.policies.policy import Policy
from guardrails.runs.audit import partial_in
from guardrails.yamlfile import YamlFile
from tests.reporting import BLUE, LOCKED, POLICIES, RED, assess, checks

WEAK = {"cis-aws-5.0": {"5.3": "the control asks for more"}}


@pytest.fixture
def run(tmp_path: Path) -> Assessment:
    """A run of two accounts without findings."""
    made = assess(tmp_path, (), [row for row in checks() if row.account != LOCKED])
    return replace(
        made, accounts=[account for account in made.accounts if account.id != LOCKED], catalogues=load_catalogues())


def verdicts(run: Assessment) -> list[RequirementVerdict]:
    """Of CIS 5.3 in the accounts red and blue, and in the whole run."""
    return [
        next(each.verdict for framework in found if framework.name == "cis-aws-5.0"
             for each in framework.requirements if each.requirement.id == "5.3")
        for found in (run.frameworks_of(RED), run.frameworks_of(BLUE), run.frameworks)]


def test_an_account_that_weakens_a_parameter_loses_the_claim(run: Assessment) -> None:
    assert verdicts(run) == [RequirementVerdict.PASSED] * 3
    run.store["partial_in"] = {BLUE: {"open-ssh": WEAK}}
    assert verdicts(replace(run)) == [
        RequirementVerdict.PASSED, RequirementVerdict.PARTLY_COVERED, RequirementVerdict.PARTLY_COVERED]


def test_an_account_that_strengthens_a_parameter_gains_it(run: Assessment) -> None:
    by_default = {**POLICIES, "open-ssh": replace(POLICIES["open-ssh"], partial=WEAK)}
    run.store["partial_in"] = {RED: {"open-ssh": {}}}
    assert verdicts(replace(run, policies=by_default)) == [
        RequirementVerdict.PASSED, RequirementVerdict.PARTLY_COVERED, RequirementVerdict.PARTLY_COVERED]
    run.store["partial_in"] = {RED: {"open-ssh": {}}, BLUE: {"open-ssh": {}}}
    assert verdicts(replace(run, policies=by_default)) == [RequirementVerdict.PASSED] * 3


@pytest.mark.parametrize(("variables", "expected"), [
    ({}, {}), ({"other": 1}, {}), ({"length": 14}, {}), ({"length": 20}, {}),
    ({"length": 8}, {"password": {"cis-aws-5.0": {"1.7": "the control asks for length min 14"}}}),
])
def test_the_vars_of_an_account_decide(variables: dict[str, int], expected: dict[str, object]) -> None:
    metadata = {
        "parameters": {"length": 14}, "controls": {"cis-aws-5.0": [{"id": "1.7", "when": {"length": {"min": 14}}}]}}
    policy = Policy(
        {"name": "password", "resource": "aws.account", "metadata": metadata}, YamlFile(Path("p.yml"), {}, None), 0)
    assert partial_in([policy], variables) == expected
