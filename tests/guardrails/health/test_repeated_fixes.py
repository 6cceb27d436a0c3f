"""A deployed function fixes a group; its log is enough to roll back, and the rollback says who will fix it again."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from custom_actions.names import RESPONDER
from guardrails.accounts.account import Account
from guardrails.cli.main import main
from guardrails.health import repeated_fixes
from guardrails.health.facts import Unread
from guardrails.health.repeated_fixes import UndoneFix, fixes_again
from guardrails.sandbox import Sandbox
from tests.guardrails.conftest import HOME, Cloud
from tests.guardrails.sandbox.conftest import eventually
from tests.sandboxed import MODE, sandboxed

ACCOUNT, REGION = "999999999999", "eu-west-1"
POLICIES = """
  - name: ports
    resource: aws.security-group
    metadata: {response: revert}
    mode:
      <<: *mode
      type: cloudtrail
      events:
        - {source: ec2.amazonaws.com, event: AuthorizeSecurityGroupIngress, ids: requestParameters.groupId}
    filters: [{type: ingress-drift, forbidden: [tcp 22 from world]}]
    actions: [revert-ingress]
  - name: checked
    resource: aws.security-group
    metadata: {response: revert}
    mode: {<<: *mode, type: config-rule}
    filters: [{type: ingress-drift, forbidden: [tcp 23 from world]}]
    actions: [revert-ingress]
  - name: hourly
    resource: aws.security-group
    metadata: {response: revert}
    mode: {<<: *mode, type: periodic, schedule: rate(1 hour)}
    filters: [{type: ingress-drift, forbidden: [tcp 24 from world]}]
    actions: [revert-ingress]
"""
RULE = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "x"}]}]


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with sandboxed(tmp_path, monkeypatch, ACCOUNT, REGION) as running:
        running.client("iam", ACCOUNT).create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
        yield running


def verb(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_from_the_log_of_a_function_to_the_state_before(sandbox: Sandbox, tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "all.yml").write_text(MODE + POLICIES)
    exceptions = tmp_path / "exceptions.yml"
    exceptions.write_text("exceptions: []\n")
    (tmp_path / "accounts.yml").write_text(
        f"accounts: [{{name: home, account_id: '{ACCOUNT}', role: [], regions: [{REGION}], guardrails: heal}}]\n")

    def deploy() -> None:
        done = verb("deploy", "-c", "accounts.yml", "--policies", policies, "--exceptions", exceptions, "--yes")
        assert done.exit_code == 0, done.output

    deploy()
    ec2 = sandbox.client("ec2", ACCOUNT, REGION)
    group = ec2.create_security_group(GroupName="web", Description="test")["GroupId"]

    def rules() -> Any:
        return ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]

    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=RULE)
    eventually(lambda: not rules())

    def logged() -> Any:
        found = verb("receipts", "logs", "-r", REGION, "--json")
        return next((each["receipt"] for each in json.loads(found.stdout)
                     if each["receipt"]["outcome"] == "reverted"), None)

    made = eventually(logged)
    assert (made["resource"], made["account"], made["region"], made["policy"]) == (group, ACCOUNT, REGION, "ports")
    arguments = ("rollback", made["id"], "--from", "/aws/lambda/custodian-ports", "-r", REGION,
                 "--policies", policies)
    asked = verb(*arguments, "--write-exception", tmp_path / "proposed.yml")
    assert asked.exit_code == 1
    assert "Will be fixed again" in asked.stderr
    assert "within seconds of the next AuthorizeSecurityGroupIngress" in asked.stderr
    assert rules() == []

    # With the exception deployed, nothing fixes it again, and nothing is said of it.
    exceptions.write_text((tmp_path / "proposed.yml").read_text())
    deploy()
    done = verb(*arguments, "--yes")
    assert done.exit_code == 0, done.output
    assert "fixed again" not in done.output
    assert f"as before the fix: {group}" in done.stdout
    [permission] = rules()
    assert permission["IpRanges"] == RULE[0]["IpRanges"]

    account = Account(ACCOUNT, ACCOUNT, (REGION,))
    again = {each.function: (each.when, each.known) for each in fixes_again([
        UndoneFix("checked", REGION, "revert-ingress", group), UndoneFix("hourly", REGION, "revert-ingress", group),
        UndoneFix("hourly", REGION, "another-fix", group), UndoneFix("gone", REGION, "revert-ingress", group),
    ], account, [])}
    assert again.keys() == {"custodian-checked", "custodian-hourly"}
    assert again["custodian-checked"][0].startswith("minutes after AWS Config records a change")
    assert again["custodian-hourly"] == ("at its next scheduled run: rate(1 hour)", True)
    sandbox.client("events", ACCOUNT, REGION).disable_rule(Name="custodian-hourly")
    assert fixes_again([UndoneFix("hourly", REGION, "revert-ingress", group)], account, []) == []


FIX = UndoneFix("ports", "us-east-1", "revert-ingress", "sg-1")
TELLS = {"name": "ports", "mode": {"type": "config-rule"}, "actions": [{"type": "notify"}]}
FIXES = {**TELLS, "actions": ["revert-ingress"]}


def excepted(resource: str, until: str, **more: Any) -> dict[str, Any]:
    rule = {"policy": "ports", "account": HOME, "resource": resource, "reason": "r", "owner": "o", "expires": until}
    return {**FIXES, "filters": [{"type": "excepted", "exceptions": [{**rule, **more}]}]}


@pytest.mark.parametrize(("own", "responder", "expected"), [
    (None, None, {}),
    (FIXES, None, {"custodian-ports": True}),
    (TELLS, None, {}),
    (TELLS, FIXES, {RESPONDER: True}),
    (TELLS, TELLS, {}),
    (TELLS, Unread("denied"), {RESPONDER: False}),
    (None, FIXES, {}),
    (Unread("denied"), None, {"custodian-ports": False}),
    ({**FIXES, "name": "another"}, None, {}),
    (excepted("sg-1", "2999-01-01"), None, {}),
    (excepted("sg-1", "2020-01-01"), None, {"custodian-ports": True}),
    (excepted("sg-2", "2999-01-01"), None, {"custodian-ports": True}),
    (excepted("*", "2999-01-01", name="k8s-*"), None, {"custodian-ports": False}),
    (excepted("sg-2", "2999-01-01", name="k8s-*"), None, {"custodian-ports": True}),
    (excepted("*", "2020-01-01", name="k8s-*"), None, {"custodian-ports": True}),
    ({**excepted("*", "2999-01-01", name="k8s-*"), "actions": ["notify"]}, None, {}),
    (TELLS, excepted("*", "2999-01-01", name="k8s-*", tags={"a": "b"}), {RESPONDER: False}),
], ids=["none", "fixes", "tells", "responder", "responder tells", "responder denied", "responder alone", "denied",
        "another policy", "excepted", "exception ended", "another exception", "by name", "by name and id",
        "by name, ended", "by name, tells", "responder by name"])
def test_which_function_fixes_again(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, own: Any, responder: Any, expected: dict[str, bool]
) -> None:
    """The archives are given, because moto offers none to download."""
    iam, functions = cloud.client("iam"), cloud.client("lambda")
    role = iam.create_role(RoleName="f", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17"}))["Role"]["Arn"]
    archives = {"custodian-ports": own, RESPONDER: responder}
    for name, policy in archives.items():
        if policy is not None:
            functions.create_function(
                FunctionName=name, Runtime="python3.12", Role=role, Handler="a.b", Code={"ZipFile": b"x"})

    def archive(found: Any) -> Any:
        policy = archives[found["Configuration"]["FunctionName"]]
        return policy if isinstance(policy, Unread) else {"config": {"policies": [policy]}}

    monkeypatch.setattr(repeated_fixes, "archive_of", archive)
    account = Account(HOME, HOME, ())
    assert {each.function: each.known for each in fixes_again([FIX], account, [])} == expected


def test_a_function_that_never_runs_fixes_nothing(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """moto does not show a reserved concurrency of 0, as GetFunction on AWS does."""
    off = {"Configuration": {"FunctionName": "custodian-ports"}, "Concurrency": {"ReservedConcurrentExecutions": 0}}
    monkeypatch.setattr(repeated_fixes._Region, "_function", lambda *_: off)
    assert fixes_again([FIX], Account(HOME, HOME, ()), []) == []


def test_a_hub_may_fix_it_again(cloud: Cloud) -> None:
    events = cloud.client("events")
    events.put_rule(Name="guardrails-forward-1", EventPattern='{"source": ["aws.ec2"]}')
    events.put_targets(Rule="guardrails-forward-1", Targets=[
        {"Id": "hub", "Arn": "arn:aws:events:eu-west-1:999999999999:event-bus/guardrails"}])
    [found] = fixes_again([FIX], Account(HOME, HOME, ()), [])
    assert not found.known
    assert "forwarded to the hub 999999999999 eu-west-1" in found.when
