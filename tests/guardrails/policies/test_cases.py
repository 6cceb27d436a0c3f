"""`validate`: cases, and what is not safe."""
from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from guardrails.cli.main import main
from guardrails.cli.validate import CASES
from guardrails.policies.cases import case_problems
from guardrails.policies.file_verdict import CheckedPolicy
from guardrails.policies.policy import load

POLICY = """\
policies:
  - name: old-volumes
    resource: aws.ebs
    mode: {type: periodic, schedule: rate(1 day), role: r, memory: 256}
    conditions:
      - {type: value, key: policy.metadata.profile, op: in, value: "{profiles}"}
    metadata:
      title: Volumes that nobody uses are gone
      severity: low
      response: terminate
      controls: {}
      rationale: They cost.
      fix: They are deleted.
      replaces: []
      profile: clean
      parameters: {profiles: []}
    filters:
      - {type: marked-for-op, op: delete}
    actions:
      - delete
"""


def validate(tmp_path: Path, text: str, *arguments: object) -> str:
    """What validate says of a file of this content; empty when it is valid."""
    folder = tmp_path / "periodic"
    folder.mkdir(exist_ok=True)
    (folder / "ebs.yml").write_text(text)
    result = CliRunner().invoke(main, ["validate", "--strict", str(folder), *map(str, arguments)])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return "" if result.exit_code == 0 else result.stdout.replace(f"{tmp_path}/", "")


def test_the_policy_is_valid(tmp_path: Path) -> None:
    assert validate(tmp_path, POLICY) == ""


@pytest.mark.parametrize(("old", "new", "line", "what"), [
    ("profiles: []", "profiles: [clean]", 15, "the profile clean is enabled by default; an account must choose it"),
    ("memory: 256", "memory: 64", 4, "mode.memory is 64"),
    ("memory: 256", "timeout: 1000", 4, "mode.timeout is 1000"),
    ("name: old-volumes", "name: old^volumes", 2, "has a character that Lambda does not allow"),
])
def test_what_is_not_safe_is_an_error(tmp_path: Path, old: str, new: str, line: int, what: str) -> None:
    assert old in POLICY
    said = validate(tmp_path, POLICY.replace(old, new, 1))
    assert [error for error in said.splitlines() if error.startswith(f"periodic/ebs.yml:{line}: ") and what in error], \
        said


@pytest.mark.parametrize(("action", "errors"), [
    ("remove-keys", 2), ("{type: remove-keys, disable: true}", 0), ("delete-ssh-keys", 2),
])
def test_credentials_that_are_deleted_cannot_be_taken_back(tmp_path: Path, action: str, errors: int) -> None:
    lines = [line for line in POLICY.splitlines() if "profile" not in line and line != "    conditions:"]
    text = "\n".join(lines).replace("aws.ebs", "aws.iam-user").replace("- delete", f"- {action}")
    text = text.replace("{type: marked-for-op, op: delete}", "access-key").replace("terminate", "disable")
    text = text.replace("- access-key", "- {UserName: eve}")
    said = validate(tmp_path, text + "\n")
    assert said.count("cannot be undone") == errors, said


def test_each_policy_has_a_case_when_cases_are_asked_for(tmp_path: Path) -> None:
    cases = tmp_path / "cases"
    (cases / "periodic").mkdir(parents=True)
    file = cases / "periodic" / "ebs.yml"
    file.write_text("old-volume:\n  - case: one\n")
    said = validate(tmp_path, POLICY, "--cases", cases)
    assert "periodic/ebs.yml:2: old-volumes: the policy has no test case\n    did you mean old-volume?" in said
    file.write_text("old-volumes: []\n")
    assert "add one to cases/periodic/ebs.yml; see docs/policies.md" in validate(tmp_path, POLICY, "--cases", cases)
    file.write_text("old-volumes:\n  - case: one\n")
    assert validate(tmp_path, POLICY, "--cases", cases) == ""
    file.write_text("old-volumes: [")
    assert "cases/periodic/ebs.yml:1: invalid YAML" in validate(tmp_path, POLICY, "--cases", cases)


def test_the_projects_own_policies_have_cases_and_a_case_has_its_policy() -> None:
    policies = [CheckedPolicy.of(policy) for policy in load()]
    assert list(case_problems(policies, CASES, whole=True)) == []
    [missing] = case_problems(policies[1:], CASES, whole=True)
    assert missing.problem == f"{policies[0].name}: these cases belong to no policy"
