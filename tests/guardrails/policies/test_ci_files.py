"""The hook and the workflow call verbs that there are, with options that they have."""
from __future__ import annotations

import os
import re
import shlex
from typing import Any

import click
import pytest
import yaml

from guardrails.cli.main import main
from guardrails.paths import ROOT


def options_of(verb: str) -> set[str]:
    command = main.get_command(click.Context(main), verb)
    assert command is not None, verb
    return {option for parameter in command.params for option in parameter.opts}


def check(command: list[str]) -> None:
    program, verb, *rest = command
    assert os.access(ROOT / program.removeprefix("guardrails/"), os.X_OK)
    assert {word for word in rest if word.startswith("-")} <= options_of(verb)


def test_the_hook_can_be_run() -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    check([*shlex.split(hook["entry"]), *hook["args"]])
    assert re.search(hook["files"], "policies/periodic/iam.yml")


@pytest.fixture
def workflow() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "examples/ci/policies.yml").read_text()))


def on_main_only(job: dict[str, Any]) -> bool:
    return job.get("if") == "github.event_name == 'push' && github.ref == 'refs/heads/main'"


def uses(job: dict[str, Any], action: str) -> list[dict[str, Any]]:
    return [step for step in job["steps"] if step.get("uses", "").startswith(action)]


def test_the_workflow_calls_verbs_that_there_are_and_gives_no_right_to_all_jobs(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {}
    commands = [
        shlex.split(line.partition("||")[0])
        for job in workflow["jobs"].values() for step in job["steps"] for line in step.get("run", "").splitlines()
        if line.startswith("guardrails/run.sh")
    ]
    assert [command[1] for command in commands] == ["validate", "diff", "deploy"]
    for command in commands:
        check(command)


def test_every_action_is_pinned_to_a_commit_and_says_which_version_that_is(workflow: dict[str, Any]) -> None:
    lines = [line for line in (ROOT / "examples/ci/policies.yml").read_text().splitlines() if "uses:" in line]
    versions: dict[str, set[str]] = {}
    for line in lines:
        found = re.fullmatch(r" +- uses: ([a-z-]+/[a-z-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", line)
        assert found, line
        versions.setdefault(found[1], set()).add(f"{found[2]} {found[3]}")
    assert all(len(each) == 1 for each in versions.values()), versions
    assert len(lines) == sum(len(uses(job, "")) for job in workflow["jobs"].values()) - sum(
        "run" in step for job in workflow["jobs"].values() for step in job["steps"])


def test_a_pull_requests_policies_run_without_the_right_to_write(workflow: dict[str, Any]) -> None:
    triggers = workflow[True]  # YAML 1.1 reads `on` as true
    # pull_request_target would run with the rights of the base branch.
    assert set(triggers) == {"pull_request", "push"}
    assert triggers["push"]["branches"] == ["main"]
    for name, job in workflow["jobs"].items():
        writes = {key for key, right in job["permissions"].items() if right != "read"}
        runs_ours = any("guardrails/run.sh" in step.get("run", "") for step in job["steps"])
        if on_main_only(job):
            assert writes == {"id-token"} and job["environment"] == "production", name
            continue
        assert "environment" not in job and "secrets." not in yaml.safe_dump(job), name
        # id-token lets a job assume a role; the only role that a pull request's job assumes is the one that reads.
        for step in uses(job, "aws-actions/configure-aws-credentials"):
            assert step["with"]["role-to-assume"] == "${{ vars.AUDIT_ROLE_ARN }}", name
            assert "head.repo.full_name == github.repository" in job["if"], name
        if runs_ours:
            assert writes <= {"id-token"}, name
        if "id-token" in writes:
            assert uses(job, "aws-actions/configure-aws-credentials"), name
        if writes - {"id-token"}:
            # What may write to the repository has no file of the pull request, and no checkout of anything.
            assert (writes, uses(job, "actions/checkout")) == ({"pull-requests"}, []), name
    assert sum(map(on_main_only, workflow["jobs"].values())) == 1


def test_no_expression_of_a_pull_request_reaches_a_shell_and_no_checkout_keeps_its_token(
    workflow: dict[str, Any]
) -> None:
    for job in workflow["jobs"].values():
        assert not any("${{" in step.get("run", "") for step in job["steps"])
        assert all(step["with"]["persist-credentials"] is False for step in uses(job, "actions/checkout"))


NIGHTLY = (
    "examples/ci/nightly.yml", "examples/ci/nightly.gitlab-ci.yml", "guardrails/settings/team/github/guardrails.yml")


def commands_in(data: Any) -> list[list[str]]:
    """Every command of our program in a workflow, a pipeline or a shell script."""
    if isinstance(data, str):
        return [shlex.split(line.partition(" ||")[0].partition(" >")[0], comments=True) for line in
                map(str.strip, data.splitlines()) if line.startswith("guardrails ")]
    inside = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return [command for each in inside for command in commands_in(each)]


@pytest.mark.parametrize("file", NIGHTLY)
def test_the_nightly_jobs_call_verbs_and_options_that_there_are(file: str) -> None:
    commands = commands_in(yaml.safe_load((ROOT / file).read_text()))
    assert "audit" in [command[1] for command in commands]
    for _, verb, *rest in commands:
        if verb != "test":  # its arguments go to pytest
            assert {word for word in rest if word.startswith("-")} <= options_of(verb), (file, verb)
    [audit] = [command for command in commands if command[1] == "audit"]
    assert audit[audit.index("--history") + 1].startswith("s3://$")


@pytest.mark.parametrize("file", [NIGHTLY[0], NIGHTLY[2]])
def test_the_nightly_workflows_pin_actions_and_have_few_permissions(file: str) -> None:
    text = (ROOT / file).read_text()
    pinned = [re.fullmatch(r" +- uses: [a-z-]+/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)
              for line in text.splitlines() if "uses:" in line]
    assert pinned and all(pinned)
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    audit = workflow["jobs"]["audit"]
    assert audit["permissions"] == {"contents": "read", "id-token": "write"}
    # No expression reaches a shell, and no checkout keeps its token.
    assert not any("${{" in step.get("run", "") for step in audit["steps"])
    assert all(step["with"]["persist-credentials"] is False for step in uses(audit, "actions/checkout"))


def test_the_pipeline_runs_on_a_schedule_only_and_its_token_is_private() -> None:
    job = yaml.safe_load((ROOT / NIGHTLY[1]).read_text())["nightly"]
    assert [rule["if"] for rule in job["rules"]] == ['$CI_PIPELINE_SOURCE == "schedule"']
    assert job["script"][0] == "umask 077"
    assert job["variables"]["AWS_WEB_IDENTITY_TOKEN_FILE"] == "/tmp/web-identity-token"
