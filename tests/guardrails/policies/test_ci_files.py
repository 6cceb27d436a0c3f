"""The hook and the workflow call verbs that there are, with options that they have."""
from __future__ import annotations

import os
import re
import shlex

import click
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


def test_the_workflow_calls_verbs_that_there_are_and_gives_no_right_to_all_jobs() -> None:
    workflow = yaml.safe_load((ROOT / "examples/ci/policies.yml").read_text())
    assert workflow["permissions"] == {}
    commands = [
        shlex.split(line.partition("||")[0])
        for job in workflow["jobs"].values() for step in job["steps"] for line in step.get("run", "").splitlines()
        if line.startswith("guardrails/run.sh")
    ]
    assert [command[1] for command in commands] == ["validate", "diff"]
    for command in commands:
        check(command)
