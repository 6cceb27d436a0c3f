"""Policies of all three modes, from their first deployment in two accounts to the last trace of them."""
from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from guardrails.cli.main import main
from guardrails.policies.policy import load
from guardrails.sandbox import Sandbox
from guardrails.stacks.iam.operator import of_deploy
from tests.sandboxed import MODE, not_allowed, sandboxed

HOME, RED, BLUE = "999999999999", "111111111111", "222222222222"
"""Where the credentials are; the account that heals; the one that observes."""
REGION = "eu-west-1"
REALTIME = """
  - name: ports
    resource: aws.security-group
    metadata: {response: revert}
    mode:
      <<: *mode
      type: cloudtrail
      events:
        - {source: ec2.amazonaws.com, event: AuthorizeSecurityGroupIngress, ids: requestParameters.groupId}
        - {source: iam.amazonaws.com, event: CreateUser, ids: requestParameters.userName}
    filters: [{type: ingress-drift, forbidden: [tcp 22 from world]}]
    actions: [revert-ingress]
"""
CONFIG_RULE = """
  - name: groups
    resource: aws.security-group
    description: Of groups.
    metadata: {response: terminate}
    mode: {<<: *mode, type: config-rule}
    filters: [unused]
    actions: [delete]
"""
PERIODIC = """
  - name: users
    resource: aws.iam-user
    metadata: {response: none}
    mode: {<<: *mode, type: periodic, schedule: rate(1 day)}
    filters: [{UserName: nobody}]
"""


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with sandboxed(tmp_path, monkeypatch, HOME, REGION) as running:
        for number in (RED, BLUE):
            running.client("iam", number).create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
        yield running


@pytest.fixture
def accounts_yml(tmp_path: Path) -> Path:
    file = tmp_path / "accounts.yml"
    file.write_text("accounts:\n" + "".join(
        f"- {{name: {name}, account_id: '{number}', role: arn:aws:iam::{number}:role/deploy,"
        f" regions: [{REGION}]{more}}}\n"
        for name, number, more in (("red", RED, ", guardrails: heal"), ("blue", BLUE, ""))))
    return file


def write(directory: Path, *policies: str) -> None:
    directory.mkdir(exist_ok=True)
    (directory / "all.yml").write_text(MODE + "".join(policies))


def there(sandbox: Sandbox) -> dict[str, Any]:
    """All that a deployment leaves, by listing: name to what changes when it is touched."""
    found: dict[str, Any] = {}
    for number in (RED, BLUE):
        functions, events = sandbox.client("lambda", number, REGION), sandbox.client("events", number, REGION)
        for function in functions.list_functions()["Functions"]:
            name = function["FunctionName"]
            versions = functions.list_versions_by_function(FunctionName=name)["Versions"]
            found[f"{number} function {name}"] = [(each["Version"], each["LastModified"]) for each in versions]
            found[f"{number} permissions {name}"] = functions.get_policy(FunctionName=name)["Policy"]
        for rule in events.list_rules()["Rules"]:
            targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
            # c7n lists the services of a pattern in another order each time.
            pattern = sorted(rule.pop("EventPattern", ""))
            found[f"{number} event rule {rule['Name']}"] = (rule, pattern, targets)
        for rule in sandbox.client("config", number, REGION).describe_config_rules()["ConfigRules"]:
            found[f"{number} Config rule {rule['ConfigRuleName']}"] = rule
        for group in sandbox.client("logs", number, REGION).describe_log_groups()["logGroups"]:
            found[f"{number} log group {group['logGroupName']}"] = group["arn"]
    return found


def content(sandbox: Sandbox, account: str, policy: str) -> dict[str, Any]:
    """The policy as it lies in the function's archive."""
    answer = sandbox.client("lambda", account, REGION).get_function(FunctionName=f"custodian-{policy}")
    with urlopen(answer["Code"]["Location"]) as stream:  # noqa: S310 - our own server
        archive = zipfile.ZipFile(io.BytesIO(stream.read()))
    [deployed] = json.loads(archive.read("config.json"))["policies"]
    return dict(deployed)


def test_from_the_first_deployment_to_the_last_trace(sandbox: Sandbox, accounts_yml: Path, tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    runs = iter(range(100))

    def run(verb: str, *arguments: str) -> tuple[str, dict[str, Any], str]:
        """The first line, the report, and what was said on standard error."""
        output = tmp_path / f"out-{next(runs)}"
        done = CliRunner().invoke(main, [
            verb, *arguments, "-c", str(accounts_yml), "--policies", str(policies), "-o", str(output)])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        report = output / f"{verb}.json"
        return done.stdout.splitlines()[0], json.loads(report.read_text()) if report.exists() else {}, done.stderr

    before = there(sandbox)
    assert before == {}

    write(policies, REALTIME, CONFIG_RULE, PERIODIC)

    def plan() -> tuple[int, dict[str, Any]]:
        done = CliRunner().invoke(main, [
            "deploy", "--dry-run", "--json", "-c", str(accounts_yml), "--policies", str(policies)])
        return done.exit_code, json.loads(done.stdout)

    code, planned = plan()
    assert (code, planned["changes"], planned["known"], there(sandbox)) == (2, True, True, {})
    assert [each["change"] for each in planned["functions"]] == ["create"] * 6
    assert run("deploy", "--yes")[0] == "COMPLETE: 6 created"
    first = there(sandbox)
    assert len(first) == 2 * (3 + 3 + 2 + 1)
    assert content(sandbox, RED, "ports")["actions"] == ["revert-ingress"]
    # Blue observes: what would change something is not in the function at all.
    told = content(sandbox, BLUE, "ports")
    assert ([action["type"] for action in told["actions"]], told["metadata"]) == (["notify"], {"response": "alert"})
    judged = content(sandbox, BLUE, "groups")
    assert ("actions" in judged, judged["metadata"]) == (False, {"response": "none"})

    code, planned = plan()
    assert (code, planned["changes"], {each["change"] for each in planned["functions"]}) == (0, False, {"unchanged"})
    line, _, said = run("deploy", "--yes")
    assert (line, said.splitlines()[-1]) == ("COMPLETE: 6 unchanged", "Plan: 6 unchanged")
    assert there(sandbox) == first

    # Red's entry no longer says that it heals: --yes is no answer to that.
    healing = accounts_yml.read_text()
    accounts_yml.write_text(healing.replace("guardrails: heal", "guardrails: observe"))
    arguments = ["deploy", "--yes", "-c", str(accounts_yml), "--policies", str(policies)]
    refused = CliRunner().invoke(main, arguments)
    assert (refused.exit_code, there(sandbox)) == (1, first)
    assert "2 functions fix today, and would only observe; nothing was deployed" in refused.stderr
    assert "its response is heal today, and would be observe" in refused.stderr
    assert run("deploy", "--yes", "--stop-fixing")[0] == "COMPLETE: 4 unchanged, 2 updated"
    assert [action["type"] for action in content(sandbox, RED, "ports")["actions"]] == ["notify"]
    accounts_yml.write_text(healing)
    assert run("deploy", "--yes")[0] == "COMPLETE: 4 unchanged, 2 updated"
    first = there(sandbox)

    write(policies, REALTIME.replace("tcp 22 ", "tcp 23 "), CONFIG_RULE, PERIODIC)
    both = accounts_yml.read_text()
    accounts_yml.write_text("\n".join(both.splitlines()[:2]) + "\n")
    line, report, _ = run("deploy", "--yes")
    assert line == "COMPLETE: 2 unchanged, 1 updated"
    assert [f["reason"] for f in report["functions"] if f["outcome"] == "updated"] == ["code"]
    second = there(sandbox)
    assert {name for name in first if first[name] != second[name]} == {f"{RED} function custodian-ports"}

    # AWS Config may no longer call its function, though the rule is there: c7n by itself would leave it so.
    function = sandbox.client("lambda", RED, REGION)
    function.remove_permission(FunctionName="custodian-groups", StatementId="custodian-groups")
    line, report, _ = run("deploy", "--yes")
    assert line == "COMPLETE: 2 unchanged, 1 updated"
    assert [f["reason"] for f in report["functions"] if f["outcome"] == "updated"] == [
        "permission of config.amazonaws.com"]

    # One function has run, and has a log group.
    assert "FunctionError" not in function.invoke(FunctionName="custodian-users", Payload=b"{}")
    assert f"{RED} log group /aws/lambda/custodian-users" in there(sandbox)

    write(policies, REALTIME.replace("tcp 22 ", "tcp 23 "), CONFIG_RULE)
    _, report, said = run("deploy", "--yes")
    assert [gone["function"] for gone in report["surplus"]] == ["custodian-users"]
    assert "2 unchanged, 1 remove" in said
    # In a script, and nobody said --yes.
    assert run("undeploy")[0] == "3 resources would be removed; add --yes to remove them"
    assert run("undeploy", "--yes")[0] == "COMPLETE: 3 of 3 removed"
    third = there(sandbox)
    assert set(second) - set(third) == {
        f"{RED} {what} custodian-users" for what in ("function", "permissions", "event rule")}

    # Somebody else's function, by a name like ours, in the way of the globs.
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    function.create_function(
        FunctionName="custodian-other", Runtime="python3.12", Handler="x.run",
        Role=f"arn:aws:iam::{RED}:role/guardrails", Code={"ZipFile": empty.getvalue()})
    accounts_yml.write_text(both)
    # With the queue and the table of both accounts.
    assert run("undeploy", "*", "--yes")[0] == "COMPLETE: 14 of 14 removed"
    assert [name for name in there(sandbox) if " function " in name] == [f"{RED} function custodian-other"]
    function.delete_function(FunctionName="custodian-other")
    assert there(sandbox) == before
    # `iam` writes a role that may do all of this.
    assert not_allowed(sandbox, f"arn:aws:iam::{RED}:role/deploy", *of_deploy(load(policies))) == set()
