"""The command that fixes one finding: a shell reads it as one command, and `heal` reads it as exactly this finding."""
from __future__ import annotations

import shlex
import subprocess
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.accounts import AccountChoice
from guardrails.cli.heal import heal
from guardrails.cli.main import HELP_OPTIONS
from guardrails.policies import PackChoice, PolicySources
from guardrails.report.fix_command import fix_all_command, fix_command, resource_pattern
from guardrails.results.finding import GLOBAL, Finding, Status
from guardrails.runs.audit import AuditRequest

from .html import runs

NAMES = (
    "sg-1", "a b", "it's", '"; rm -rf / #', "$(id)", "`id`", "-x", "a*[b]?", "a\nb", "\x1b[31m", "\u202ename", "café",
)


def request(**more: Any) -> AuditRequest:
    given = {
        "config": None, "regions": (), "names": (), "services": (), "severities": (), "frameworks": (),
        "policy_sources": PolicySources(), "controls": (), "exceptions": None, "history": None, **more}
    return AuditRequest.of(**given)


def command(tmp_path: Path, finding: Finding, asked: AuditRequest) -> str:
    made = runs.run(tmp_path, [finding])
    with made.store:
        made.store["question"] = asdict(asked)
        return fix_command(made, finding)


def found(policy: str = "security-group-admin-ports", region: str = "eu-west-1", **more: Any) -> Finding:
    return replace(runs.finding(runs.policies()[policy], runs.ACCOUNTS[0], region, "sg-1"), **more)


def options(line: str) -> dict[str, Any]:
    """The options of `heal` as click reads them."""
    words = shlex.split(line)
    assert words[:2] == ["guardrails", "heal"]
    with click.Context(heal, help_option_names=HELP_OPTIONS) as context:
        return heal.make_parser(context).parse_args(words[2:])[0]


def test_it_has_the_accounts_policies_and_exceptions_of_the_run(tmp_path: Path) -> None:
    config, controls = tmp_path / "my accounts.yml", tmp_path / "controls"
    line = command(tmp_path / "run", found(), request(
        config=config, regions=("eu-west-1", "us-east-1"), policy_sources=PolicySources.of(tmp_path / "own"),
        controls=(controls,), exceptions=tmp_path / "ex.yml"))
    assert options(line) == {
        "config": str(config), "account_names": ["111111111111"], "regions": ["eu-west-1"],
        "directories": [str(tmp_path / "own")], "controls": [str(controls)], "exceptions": str(tmp_path / "ex.yml"),
        "names": ["security-group-admin-ports"], "resources": [found().arn]}


def test_without_options_it_has_none(tmp_path: Path) -> None:
    assert command(tmp_path, found(), request()) == (
        "guardrails heal -a 111111111111 -r eu-west-1 --policy security-group-admin-ports --resource " + found().arn)


def test_it_has_the_settings_and_the_sources_that_the_command_line_named(tmp_path: Path) -> None:
    team = PolicySources(directories=("/team/policies",), origin="/team/my guardrails.yml")
    assert command(tmp_path / "1", found(), request(policy_sources=team)).startswith(
        "guardrails --settings '/team/my guardrails.yml' heal -a 111111111111 -r eu-west-1 --policy ")
    part = replace(team, packs=(PackChoice(),), part=True)
    assert " --policies /team/policies --pack aws-guardrails --policy " in command(
        tmp_path / "2", found(), request(policy_sources=part))


def test_what_belongs_to_the_whole_account_has_the_regions_of_the_run(tmp_path: Path) -> None:
    whole = found("s3-bucket-public-acl", GLOBAL)
    assert options(command(tmp_path / "1", whole, request(regions=("eu-west-1", "us-east-1"))))["regions"] == [
        "eu-west-1", "us-east-1"]
    assert "-r" not in command(tmp_path / "2", whole, request()).split()


@pytest.mark.parametrize("finding", [
    found("s3-bucket-versioning"), found(status=Status.EXCEPTED), found(status=Status.FIXED)])
def test_what_cannot_be_fixed_has_no_command(tmp_path: Path, finding: Finding) -> None:
    assert command(tmp_path, finding, request()) == ""


@pytest.mark.parametrize("name", NAMES)
def test_a_shell_reads_any_name_as_one_word(tmp_path: Path, name: str) -> None:
    finding = found(resource=name, arn="")
    line = command(tmp_path, finding, request())
    assert line.isprintable()
    script = line.replace("guardrails", "printf '%s\\0'", 1)
    words = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert words.split("\0")[:-1] == shlex.split(line)[1:]
    assert request(resources=options(line)["resources"]).selects(finding)
    assert not request(resources=options(line)["resources"]).selects(replace(finding, resource=f"{name}2"))


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_pattern_selects_only_its_resource(name: str, other: str) -> None:
    selected = request(resources=[resource_pattern(name)])
    assert selected.selects(found(resource=name, arn=""))
    if name.isprintable() and name != other:
        assert not selected.selects(found(resource=other, arn=""))


def test_the_command_for_everything_has_the_selection_of_the_run(tmp_path: Path) -> None:
    made = runs.run(tmp_path, [found()])
    with made.store:
        made.store["question"] = asdict(request(regions=("eu-west-1",), severities=("critical",), choice=AccountChoice(
            ("pay*",), ("pay-test",), ("env:prod",)), excluded=("s3-*",)))
        assert options(fix_all_command(made)) == {
            "account_names": ["pay*"], "without_accounts": ["pay-test"], "account_tags": ["env:prod"],
            "regions": ["eu-west-1"], "severities": ["critical"], "excluded": ["s3-*"]}
    made = runs.run(tmp_path / "none", [found("s3-bucket-versioning")])
    with made.store:
        assert fix_all_command(made) == ""
