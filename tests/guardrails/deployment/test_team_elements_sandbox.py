"""A team's elements in deployed functions: deployed by the verb, run from the archive, and compared after a change."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from guardrails.sandbox import Sandbox
from tests.sandboxed import sandboxed
from tests.team_elements import PACKAGE, POLICY, replace, verb, write_team

HOME, RED, REGION = "999999999999", "111111111111", "eu-west-1"


def test_a_function_runs_them_and_a_change_is_an_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    team = write_team(tmp_path / "team")
    (team / "accounts.yml").write_text(
        f"accounts:\n- {{name: red, account_id: '{RED}', role: arn:aws:iam::{RED}:role/deploy, regions: [{REGION}],"
        " guardrails: heal}\n")
    with sandboxed(tmp_path, monkeypatch, HOME, REGION) as sandbox:
        sandbox.client("iam", RED).create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
        assert "1 created" in deploy(team)
        [group] = sandbox.client("ec2", RED, REGION).describe_security_groups()["SecurityGroups"]
        assert review(sandbox, group["GroupId"]) == ["network"]
        assert "1 unchanged" in deploy(team)
        sandbox.client("ec2", RED, REGION).delete_tags(Resources=[group["GroupId"]], Tags=[{"Key": "review"}])
        replace(team / PACKAGE / "groups.py", '"Value": value}]', '"Value": value.upper()}]')
        replace(team / PACKAGE / "groups.py", 'tags.get("review") == team', 'tags.get("review") == team.upper()')
        output = deploy(team)
        assert "1 updated" in output, output
        assert review(sandbox, group["GroupId"]) == ["NETWORK"]


def deploy(team: Path) -> str:
    done = verb("deploy", "-c", "accounts.yml", "--yes", cwd=team)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def review(sandbox: Sandbox, group: str) -> list[str]:
    """Run the function as its schedule does; returns the values of the group's tag."""
    answer = sandbox.client("lambda", RED, REGION).invoke(
        FunctionName=f"custodian-{POLICY}", Payload=json.dumps({"detail": {}}).encode())
    assert "FunctionError" not in answer, answer["Payload"].read().decode()
    [found] = sandbox.client("ec2", RED, REGION).describe_security_groups(GroupIds=[group])["SecurityGroups"]
    return [tag["Value"] for tag in found.get("Tags", ()) if tag["Key"] == "review"]
