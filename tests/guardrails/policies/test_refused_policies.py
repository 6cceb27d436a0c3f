"""Policies that no verb may run: with braces that read variables, and of another cloud."""
from __future__ import annotations

from pathlib import Path

import pytest

from guardrails.errors import GuardrailsError
from guardrails.policies.file_verdict import FileProblem
from guardrails.policies.policy import load
from guardrails.policies.validation import validate_files

READS = """\
policies:
  - name: reads-the-process
    resource: aws.s3
    description: "{now.__init__.__globals__[os].environ[PATH]}"
    filters:
      - type: value
        key: Name
        value: "{now.__init__.__globals__[os].environ[PATH]}"
"""
FOREIGN = """\
policies:
  - name: gcp-instance-any
    resource: gcp.instance
"""
HEALTHY = """\
policies:
  - name: healthy
    resource: aws.s3
    description: "{{a.b}}"
"""
WRONG = HEALTHY.replace("healthy", "wrong") + "    filters: [{type: nope}]\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name, text in (("healthy", HEALTHY), ("wrong", WRONG)):
        (tmp_path / f"{name}.yml").write_text(text, encoding="utf-8")
    return tmp_path


def problems(directory: Path, text: str) -> list[FileProblem]:
    """The problems of a file with this text, beside two other files of which each is judged too."""
    file = directory / "z.yml"
    file.write_text(text, encoding="utf-8")
    found = [problem for problem in validate_files(sorted(directory.glob("*.yml")), {}).problems
             if "metadata" not in problem.problem]
    assert [problem.problem for problem in found if problem.file.name == "wrong.yml"] == [
        "wrong: aws.s3 has no filter 'nope'"]
    assert not [problem for problem in found if problem.file.name == "healthy.yml"]
    return [problem for problem in found if problem.file == file]


def test_validate_refuses_braces_that_read_the_process_each_with_its_line(directory: Path) -> None:
    found = problems(directory, READS)
    assert [problem.line for problem in found] == [4, 8]
    assert [problem.problem.split(": ")[:2] for problem in found] == [
        ["reads-the-process", "description"], ["reads-the-process", "filters.0.value"]]
    for problem in found:
        assert "reads an attribute or an item of a variable" in problem.problem
        assert "{account_id}" in problem.fix


def test_it_is_one_error_beside_those_of_the_schema(directory: Path) -> None:
    found = problems(directory, READS + "    max-resources: 0\n")
    assert [problem.line for problem in found] == [4, 8, 9]


@pytest.mark.parametrize(("resource", "said", "fix"), [
    ("gcp.instance", "of the provider 'gcp'", "use a resource type of AWS"),
    ("azure.vm", "of the provider 'azure'", "use a resource type of AWS"),
    ("k8s.pod", "of the provider 'k8s'", "use a resource type of AWS"),
    ("tencentcloud.cvm", "of the provider 'tencentcloud'", "use a resource type of AWS"),
    ("awscc.logs_loggroup", "of the provider 'awscc'", "did you mean aws?"),
    ("nobody.knows", "of the provider 'nobody'", "use a resource type of AWS"),
    ("awz.ec2", "of the provider 'awz'", "did you mean aws?"),
    ("aws.ec3", "unknown resource type aws.ec3", "did you mean"),
    ("aws.", "unknown resource type aws.", "did you mean"),
    ("[aws.ec2, aws.s3]", "it is not a string", "add resource: …"),
    ("3", "it is not a string", "add resource: …"),
])
def test_a_resource_type_that_cannot_be_evaluated(directory: Path, resource: str, said: str, fix: str) -> None:
    [found] = problems(directory, FOREIGN.replace("gcp.instance", resource))
    assert said in found.problem
    assert fix in found.fix
    assert found.line == (2 if "string" in said else 3)


def test_a_policy_without_resource(directory: Path) -> None:
    [found] = problems(directory, FOREIGN.replace("    resource: gcp.instance\n", ""))
    assert (found.line, found.fix) == (2, "add resource: …")


@pytest.mark.parametrize(("text", "line", "said", "fix"), [
    (READS, 4, "reads-the-process: description: {now.__init__", "use a plain name"),
    (FOREIGN, 3, "gcp-instance-any: resource type gcp.instance", "use a resource type of AWS"),
    (FOREIGN.replace("gcp.instance", "[a.b]"), 3, "resource must be a string, got ['a.b']", "one policy for each type"),
    (FOREIGN.replace("    resource: gcp.instance\n", ""), 2, "a policy needs a name and a resource", "validate"),
])
def test_every_other_verb_refuses_it_too(directory: Path, text: str, line: int, said: str, fix: str) -> None:
    assert {policy.name for policy in load(directory)} == {"healthy", "wrong"}
    file = directory / "z.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(GuardrailsError) as raised:
        load(directory)
    assert raised.value.problem.startswith(f"{file}:{line}: ")
    assert said in raised.value.problem
    assert fix in raised.value.fix
