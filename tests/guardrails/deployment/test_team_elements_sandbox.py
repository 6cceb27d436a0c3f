"""A team's elements in deployed functions: deployed by the verb, run from the archive, and compared after a change."""
from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from guardrails.sandbox import Sandbox
from tests.sandboxed import sandboxed
from tests.team_elements import PACKAGE, POLICY, replace, verb, write_team

RESTART, ACLS = "cloudtrail-logging-restart", "s3-account-public-acls-ignored"
"""Two shipped policies: a realtime one, and a periodic one."""
REALTIME = """
policies:
  - name: new-group-without-change-request
    resource: aws.security-group
    mode:
      type: cloudtrail
      events: [{source: ec2.amazonaws.com, event: CreateSecurityGroup, ids: responseElements.groupId}]
      role: arn:aws:iam::{account_id}:role/guardrails
      packages: [custom_actions, team_elements]
      handler: custom_actions.lambda_entry.run
      runtime: python3.12
      memory: 256
      timeout: 120
    filters: [no-change-request]
    actions: [{type: tag-for-review, team: network}]
"""
OWN = "new-group-without-change-request"
SETTINGS = f"""
packs: [{{name: aws-guardrails, policies: [{RESTART}, {ACLS}]}}]
policies: [policies]
elements: [team_elements]
accounts: accounts.yml
"""
HOME, RED, REGION = "999999999999", "111111111111", "eu-west-1"


def test_a_function_runs_them_and_a_change_is_an_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    team = write_team(tmp_path / "team")
    write_accounts(team)
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


def test_an_own_policy_lives_beside_shipped_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deployed, answering an event with the team's own action, seen by doctor, removed: without an option."""
    team = write_team(tmp_path / "team")
    (team / "guardrails.yml").write_text(SETTINGS)
    (team / "policies" / "groups.yml").write_text(REALTIME)
    write_accounts(team)
    with sandboxed(tmp_path, monkeypatch, HOME, REGION) as sandbox:
        sandbox.client("iam", RED).create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
        assert "3 created" in run("deploy", "--yes", team=team)
        assert functions(sandbox) == {OWN, RESTART, ACLS}

        ec2 = sandbox.client("ec2", RED, REGION)
        bad = ec2.create_security_group(GroupName="bad", Description="nobody asked for it")["GroupId"]
        good = ec2.create_security_group(GroupName="good", Description="for CHG0012345")["GroupId"]
        end = time.monotonic() + 90
        while sandbox.logs(f"custodian-{OWN}", RED, REGION).count("END RequestId") < 2:
            assert time.monotonic() < end, "the events were not answered"
            time.sleep(0.2)
        assert (reviewed(sandbox, bad), reviewed(sandbox, good)) == (["network"], [])

        seen = json.loads(verb("doctor", "--json", cwd=team).stdout)["checks"]
        own = {check["check"]: check["state"] for check in seen if check["policy"] == OWN}
        assert {own["policy"], own["settings"]} == {"ok"}, own
        assert not [check for check in seen if check["check"] == "stray"]

        (team / "guardrails.yml").write_text(f"{SETTINGS}exclude: [{OWN}]\n")
        stray = [check["reason"] for check in json.loads(verb("doctor", "--json", cwd=team).stdout)["checks"]
                 if check["check"] == "stray"]
        assert len(stray) == 1 and stray[0].startswith(f"custodian-{OWN} belongs to this project")
        run("undeploy", "--yes", team=team)
        assert functions(sandbox) == {RESTART, ACLS}
        rules = {rule["Name"] for rule in sandbox.client("events", RED, REGION).list_rules()["Rules"]}
        assert f"custodian-{RESTART}" in rules and f"custodian-{OWN}" not in rules
        assert "2 unchanged" in run("deploy", "--yes", team=team)


def write_accounts(team: Path) -> None:
    (team / "accounts.yml").write_text(
        f"accounts:\n- {{name: red, account_id: '{RED}', role: arn:aws:iam::{RED}:role/deploy, regions: [{REGION}],"
        " guardrails: heal}\n")


def functions(sandbox: Sandbox) -> set[str]:
    """The policies with a function."""
    found = sandbox.client("lambda", RED, REGION).list_functions()["Functions"]
    return {each["FunctionName"].removeprefix("custodian-") for each in found}


def run(*arguments: str, team: Path) -> str:
    done = verb(*arguments, cwd=team)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def deploy(team: Path) -> str:
    return run("deploy", "-c", "accounts.yml", "--yes", team=team)


def review(sandbox: Sandbox, group: str) -> list[str]:
    """Run the function as its schedule does; returns the values of the group's tag."""
    answer = sandbox.client("lambda", RED, REGION).invoke(
        FunctionName=f"custodian-{POLICY}", Payload=json.dumps({"detail": {}}).encode())
    assert "FunctionError" not in answer, answer["Payload"].read().decode()
    return reviewed(sandbox, group)


def reviewed(sandbox: Sandbox, group: str) -> list[str]:
    """The values of the group's tag."""
    [found] = sandbox.client("ec2", RED, REGION).describe_security_groups(GroupIds=[group])["SecurityGroups"]
    return [tag["Value"] for tag in found.get("Tags", ()) if tag["Key"] == "review"]
