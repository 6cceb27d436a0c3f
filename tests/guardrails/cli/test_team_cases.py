"""`test` in a team's repository: the cases of the team's own policies, as ours are run."""
from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from junitparser import JUnitXml

from guardrails.cases import run as running

from ...team_elements import POLICY, program, replace, verb, write_team
from ..conftest import guardrails

CASES = "tests/policies/periodic/ec2.yml"
REALTIME = """
policies:
  - name: team-user-alert
    resource: iam-user
    mode:
      type: cloudtrail
      events: [{source: iam.amazonaws.com, event: CreateUser, ids: requestParameters.userName}]
      role: arn:aws:iam::{account_id}:role/guardrails
    filters: [{type: value, key: UserName, op: glob, value: "temp-*"}]
    actions:
      - {type: notify, to: [x@example.org], transport: {type: sns, topic: team-alerts}}
"""
REALTIME_CASES = """
team-user-alert:
  - case: a temporary user
    make: []
    change:
      - iam.create_user: {UserName: temp-1}
      - iam.create_user: {UserName: other}
    match: [temp-1]
    pass: [other]
    absent: [other]
    alert: {"[].resources[].UserName": [temp-1]}
"""
ELEMENT_CASES = """
group-without-change-request:
  - case: with and without a change request, and one that was reviewed
    make:
      - ec2.create_security_group: {GroupName: a, Description: nobody asked}
        keep: {bad: GroupId}
      - ec2.create_security_group: {GroupName: b, Description: for CHG0012345}
        keep: {good: GroupId}
      - ec2.create_security_group: {GroupName: c, Description: nobody asked}
        keep: {reviewed: GroupId}
      - ec2.create_tags: {Resources: ["{reviewed}"], Tags: [{Key: review, Value: others}]}
    match: [bad]
    pass: [good, reviewed]
    absent: [bad]
    fixed:
      - ec2.describe_security_groups: {GroupIds: ["{bad}"]}
        expect: {"SecurityGroups[0].Tags": [{Key: review, Value: network}]}
"""


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new repository, which is the current directory."""
    assert guardrails("init", tmp_path / "team").exit_code == 0
    monkeypatch.chdir(tmp_path / "team")
    return tmp_path / "team"


def test_a_new_repository_passes_and_writes_junit(team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = (team / ".github" / "workflows" / "guardrails.yml").read_text()
    assert "run: guardrails test --junit test-results.xml" in workflow
    monkeypatch.chdir(team / "policies")
    result = guardrails("test", "--junit", "test-results.xml", "-j", "1", "-v")
    assert result.exit_code == 0, result.output
    assert re.sub(r"\d+\.\d", "0.0", result.stdout).splitlines() == [
        "passed   team-instance-owner  1 case, 0.0 s",
        "    passed  one instance has an owner, and one has none  0.0 s",
        "1 policy: 1 passed; 1 case",
    ]
    [suite] = JUnitXml.fromfile("test-results.xml")
    assert (suite.name, suite.tests, suite.failures) == ("team-instance-owner", 2, 0)


def expect_failure(change: Callable[[dict[str, Any]], object], *arguments: str) -> Result:
    """Change the case of the new repository; returns the run, which must fail."""
    cases = yaml.safe_load(Path(CASES).read_text())
    change(cases)
    Path(CASES).write_text(yaml.safe_dump(cases, sort_keys=False))
    result = guardrails("test", "-j", "1", *arguments)
    assert result.exit_code == 1, result.output
    return result


def test_a_wrong_expectation_says_what_was_expected_and_seen(team: Path) -> None:
    result = expect_failure(
        lambda cases: cases["team-instance-owner"][0].update({"match": ["bad", "good"], "pass": ["gone"]}),
        "--junit", "results.xml")
    first, where, expected, seen, *_, last = result.stdout.splitlines()
    assert first.startswith("FAILED   team-instance-owner  1 case, ")
    assert where == f"    {CASES}:2: one instance has an owner, and one has none"
    assert re.fullmatch(r"      expected: of match and pass, these match: \['i-\w+', 'i-\w+'\]", expected)
    assert re.fullmatch(r"      seen:     these match: \['i-\w+'\]", seen)
    assert last == "1 policy: 0 passed, 1 failed; 1 case"
    [suite] = JUnitXml.fromfile("results.xml")
    case, whole = suite
    assert (suite.failures, case.name, whole.name) == (
        1, "one instance has an owner, and one has none", "the cases as a whole")
    assert "these match: [" in case.result[0].message and CASES in case.result[0].text


def test_a_filter_that_no_case_decides_is_named(team: Path) -> None:
    result = expect_failure(lambda cases: cases["team-instance-owner"][0].update({"pass": ["good"]}))
    assert f"    {team.name}/" not in result.stdout
    assert "    policies/periodic/ec2.yml:15\n" in result.stdout
    assert "give each filter a resource that only it decides" in result.stdout
    assert 'all cases pass without: {"type": "value", "key": "State.Name", "op": "ne", "value": "terminated"}' \
        in result.stdout


def test_an_error_of_a_call_has_its_step_and_its_traceback_on_request(team: Path) -> None:
    def wrong(cases: dict[str, Any]) -> None:
        cases["team-instance-owner"][0]["make"].append({"ec2.terminate_instances": {"InstanceIds": ["i-0"]}})

    result = expect_failure(wrong)
    assert "seen:     ClientError: An error occurred" in result.stdout
    assert "step: {'ec2.terminate_instances': {'InstanceIds': ['i-0']}}" in result.stdout
    assert "Traceback" not in result.stdout and "-v shows tracebacks" in result.stderr
    assert "Traceback" in guardrails("test", "-v").stdout


def test_a_policy_without_a_case_is_named(team: Path) -> None:
    Path("policies/plain.yml").write_text("policies:\n- {name: plain, resource: sqs, filters: [{QueueUrl: x}]}\n")
    result = guardrails("test", "plain", "--junit", "results.xml")
    assert (result.exit_code, result.stdout.splitlines()) == (1, [
        "no case  plain  policies/plain.yml:2",
        "    add one to tests/policies/periodic/plain.yml: docs/policies.md",
        "1 policy: 0 passed, 1 without a case; 0 cases",
    ])
    assert JUnitXml.fromfile("results.xml").failures == 1
    allowed = guardrails("test", "plain", "--allow-missing", "--junit", "results.xml")
    assert (allowed.exit_code, allowed.stdout) == (0, result.stdout)
    read = JUnitXml.fromfile("results.xml")
    assert (read.failures, read.skipped) == (0, 1)


def test_the_parameters_of_the_settings_change_no_case(team: Path) -> None:
    """A case runs with the policy as it is in its file; `vars` of the case are what an account would say."""
    Path("policies/plain.yml").write_text("""
policies:
- name: plain
  resource: iam-user
  metadata: {parameters: {name: bad}}
  filters: [{type: value, key: UserName, value: "{name}"}]
""")
    Path("tests/policies/plain.yml").write_text("""
plain:
  - case: the default
    make: [{iam.create_user: {UserName: bad}}, {iam.create_user: {UserName: good}}]
    match: [bad]
    pass: [good]
    absent: [good]
  - case: another value
    make: [{iam.create_user: {UserName: bad}}, {iam.create_user: {UserName: good}}]
    vars: {name: good}
    match: [good]
    pass: [bad]
""")
    settings = yaml.safe_load(Path("guardrails.yml").read_text())
    Path("guardrails.yml").write_text(yaml.safe_dump({**settings, "parameters": {"name": "third"}}))
    result = guardrails("test", "pl*")
    assert (result.exit_code, "passed   plain  2 cases" in result.stdout) == (0, True), result.output


def test_realtime_policies_answer_in_the_sandbox(team: Path) -> None:
    Path("policies/realtime").mkdir()
    Path("tests/policies/realtime").mkdir()
    Path("policies/realtime/iam.yml").write_text(REALTIME)
    cases = Path("tests/policies/realtime/iam.yml")
    cases.write_text(REALTIME_CASES)
    result = guardrails("test", "-v")
    assert result.exit_code == 0, result.output
    assert "passed   team-user-alert  1 case" in result.stdout
    assert "2 policies: 2 passed; 2 cases" in result.stdout

    cases.write_text(REALTIME_CASES.replace("resources[].UserName\": [temp-1]", "resources[].UserName\": [temp-2]"))
    again = guardrails("test", "team-user-alert")
    assert again.exit_code == 1
    assert "expected: of the policy's alerts, [].resources[].UserName is ['temp-2']" in again.stdout
    assert "seen:     ['temp-1'] in [" in again.stdout

    # c7n refuses to deploy it; the cases of other policies are run all the same.
    replace(Path("policies/realtime/iam.yml"), "{type: sns,", "{type: snss,")
    refused = guardrails("test")
    assert refused.exit_code == 1
    assert "custodian could not deploy the policies" in refused.stdout
    assert "2 policies: 1 passed, 1 failed; 2 cases" in refused.stdout


def test_events_that_no_case_can_make_are_said_to_be_so(team: Path) -> None:
    Path("policies/states.yml").write_text("""
policies:
- name: started
  resource: ec2
  mode: {type: ec2-instance-state, events: [running], role: arn:aws:iam::{account_id}:role/guardrails}
""".replace("{account_id}", "123456789012"))
    Path("tests/policies/states.yml").write_text("started: [{case: one, make: [], match: [x]}]")
    result = guardrails("test", "started")
    assert result.exit_code == 1
    assert "seen:     the mode ec2-instance-state" in result.stdout


def test_what_a_policy_claims_must_be_shown(team: Path) -> None:
    replace(Path("policies/periodic/ec2.yml"), "controls: {}", "controls: {aws-fsbp: ['EC2.2']}")
    result = guardrails("test")
    assert result.exit_code == 1
    assert "seen:     aws-fsbp EC2.2: no case shows default-group-inbound" in result.stdout


@pytest.mark.parametrize(("arguments", "settings", "code", "problem"), [
    (["nobody"], {}, 1, "nobody: none of your own policies has this name"),
    ([], {"cases": []}, 1, "cases: no directory of test cases is named"),
    (["--changed"], {}, 2, "--changed is for a checkout of aws-guardrails"),
    (["-k", "x"], {}, 2, "No such option"),
    (["-j", "0"], {}, 2, "0 is not in the range"),
])
def test_mistakes(team: Path, arguments: list[str], settings: dict[str, Any], code: int, problem: str) -> None:
    content = yaml.safe_load(Path("guardrails.yml").read_text())
    Path("guardrails.yml").write_text(yaml.safe_dump({**content, **settings}))
    result = guardrails("test", *arguments)
    assert (result.exit_code, problem in result.stderr) == (code, True), result.output


def test_cases_of_a_policy_that_is_switched_off_are_no_mistake(team: Path) -> None:
    Path("guardrails.yml").write_text("policies: [policies]\ncases: [tests/policies]\nexclude: [team-instance-owner]\n")
    result = guardrails("test")
    assert (result.exit_code, "names no policies of your own" in result.stdout) == (0, True)


def test_options_may_stand_behind_names_and_defaults_are_read(team: Path) -> None:
    Path("guardrails.yml").write_text(
        "policies: [policies]\ncases: [tests/policies]\ndefaults: {test: {junit: results.xml}}\n")
    result = guardrails("test", "team-*", "-v")
    assert (result.exit_code, "    passed  one instance" in result.stdout) == (0, True), result.output
    assert Path("results.xml").is_file()


def test_without_the_extra_the_error_says_how_to_install_it(team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(running, "find_spec", lambda name: None if name == "moto" else find_spec(name))
    monkeypatch.setattr("guardrails.command.INSTALLED", True)
    result = guardrails("test")
    assert result.exit_code == 1
    assert "run against a local AWS, and moto, which it needs, is not installed" in result.stderr
    assert "aws-guardrails[sandbox]" in result.stderr


def test_the_package_imports_without_the_extra(team: Path) -> None:
    code = ("import sys; sys.modules['moto'] = sys.modules['flask'] = None\n"
            "from guardrails.cases import Case, read_cases, run_cases, claim_failures\n"
            "import guardrails.cases.state, guardrails.cases.realtime, guardrails.cases.world")
    done = program("python", "-c", code, cwd=team)
    assert done.returncode == 0, done.stderr


def test_own_elements_work_and_their_fix_is_checked(tmp_path: Path) -> None:
    team = write_team(tmp_path / "team")
    replace(team / "guardrails.yml", "policies: [policies]\n", "policies: [policies]\ncases: [cases]\n")
    (team / "cases").mkdir()
    (team / "cases" / "groups.yml").write_text(ELEMENT_CASES)
    done = verb("test", cwd=team)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"passed   {POLICY}  1 case" in done.stdout
    # An action that tags another team does not do what the case says.
    replace(team / "team_elements" / "groups.py", 'self.data["team"])', 'self.data["team"].upper())')
    broken = verb("test", cwd=team)
    assert broken.returncode == 1
    assert "SecurityGroups[0].Tags is [{'Key': 'review', 'Value': 'network'}]" in broken.stdout
    assert "[{'Key': 'review', 'Value': 'NETWORK'}] in {" in broken.stdout


def test_in_a_checkout_the_options_are_those_of_pytest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from guardrails.cli import test as checks

    seen: list[dict[str, list[str]]] = []
    monkeypatch.setattr(checks, "run_steps", lambda commands, directory: seen.append(commands) or [])
    assert guardrails("test", "--junit", "results.xml", "-v", "-j", "3", "tests/a").exit_code == 0
    assert seen[0]["pytest"][3:] == ["-v", "-n", "3", f"--junitxml={Path.cwd() / 'results.xml'}", "tests/a"]
    refused = guardrails("test", "--allow-missing")
    assert (refused.exit_code, "no guardrails.yml applies here" in refused.stderr) == (2, True)
