"""From what drifts to what is put right: evaluators that only tell, the topic of the template, and the responder."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from custom_actions.names import RESPONDER
from guardrails.accounts.account import Account
from guardrails.cli.main import main
from guardrails.health.reading import AccountReader, now
from guardrails.health.responder import read_responder, responder_verdicts
from guardrails.policies.policy import load
from guardrails.sandbox import Sandbox
from guardrails.stacks.compliance_stack import compliance
from guardrails.stacks.iam.operator import of_deploy, of_doctor
from tests.custom_actions.functions.test_messages import alert
from tests.guardrails.sandbox.conftest import eventually, open_port, security_group, start_recorder
from tests.sandboxed import MODE, not_allowed, sandboxed

HOME, RED = "999999999999", "111111111111"
REGION = "eu-west-1"
POLICIES = MODE + """  - name: ssh
    resource: aws.security-group
    metadata: {response: revert}
    mode: {<<: *mode, type: config-rule}
    filters: [{type: ingress, Ports: [22], Cidr: {value: 0.0.0.0/0}}]
    actions: [{type: remove-permissions, ingress: matched}]
  - name: telnet
    resource: aws.security-group
    metadata: {response: revert}
    mode:
      <<: *mode
      type: cloudtrail
      events: [{source: ec2.amazonaws.com, event: AuthorizeSecurityGroupIngress, ids: requestParameters.groupId}]
    filters: [{type: ingress-drift, forbidden: [tcp 23 from world]}]
    actions: [revert-ingress]
  - name: idle
    resource: aws.ec2
    metadata: {response: terminate}
    mode: {<<: *mode, type: periodic, schedule: rate(1 day)}
    filters: [{"tag:idle": present}, {"State.Name": running}]
    actions: [terminate]
"""


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with sandboxed(tmp_path, monkeypatch, HOME, REGION) as running:
        for role in ("guardrails", "guardrails-respond"):
            running.client("iam", RED).create_role(RoleName=role, AssumeRolePolicyDocument="{}")
        yield running


def call(*arguments: str) -> str:
    done = CliRunner().invoke(main, [*arguments, "-c", "accounts.yml", "--policies", "policies"])
    assert done.exit_code == 0, done.output
    return done.output


def test_what_evaluators_tell_is_put_right_by_the_responder_alone(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "all.yml").write_text(POLICIES)
    (tmp_path / "accounts.yml").write_text(
        f"accounts:\n- {{name: red, account_id: '{RED}', role: arn:aws:iam::{RED}:role/deploy, regions: [{REGION}],"
        " guardrails: respond}\n")
    clients: dict[str, Any] = {
        name: sandbox.client(name, RED, REGION)
        for name in ("cloudformation", "sns", "ec2", "lambda", "logs", "events", "config")}
    clients["cloudformation"].create_stack(
        StackName="compliance", TemplateBody=json.dumps(compliance()),
        Parameters=[{"ParameterKey": "Publishers", "ParameterValue": "functions"}])
    clients["cloudformation"].get_waiter("stack_create_complete").wait(
        StackName="compliance", WaiterConfig={"Delay": 1})
    topic = f"arn:aws:sns:{REGION}:{RED}:guardrails-compliance"
    made = json.loads(clients["sns"].get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    assert [each["Sid"] for each in made["Statement"]] == ["EventBridge", "Account", "FunctionsOnly"]
    # EventBridge gives SNS nothing that a condition could compare: one would never hold.
    assert next(each["Principal"] for each in made["Statement"] if "Condition" not in each) == {
        "Service": "events.amazonaws.com"}
    assert "COMPLETE: 4 created" in call("deploy", "--yes")
    reader = AccountReader(Account(RED, "red", (REGION,), {"role": f"arn:aws:iam::{RED}:role/deploy"}), REGION, now())
    health = responder_verdicts(read_responder(reader, redelivers=False))
    assert {verdict.check: verdict.state.value for verdict in health} == dict.fromkeys(
        ("function", "subscription", "permission", "event-rule", "dead-letters"), "ok")
    ec2 = clients["ec2"]
    groups = {port: security_group(sandbox, RED, REGION, f"port-{port}") for port in (22, 23, 80)}
    [idle, busy] = (each["InstanceId"] for each in ec2.run_instances(
        ImageId="ami-12c6146b", MinCount=2, MaxCount=2)["Instances"])
    ec2.create_tags(Resources=[idle], Tags=[{"Key": "idle", "Value": "yes"}])

    start_recorder(sandbox, RED, REGION)
    for port, group in groups.items():
        open_port(sandbox, RED, group, port, REGION)
    # As its evaluator tells on its day; `busy` does not match, whatever the message says.
    for message in ("terminate everything", alert(
            account_id=RED, region=REGION, policy={"name": "idle"},
            resources=[{"InstanceId": idle}, {"InstanceId": busy}])):
        clients["sns"].publish(TopicArn=topic, Message=message)

    def open_ports() -> set[int]:
        return {
            rule["FromPort"] for group in ec2.describe_security_groups(GroupIds=list(groups.values()))["SecurityGroups"]
            for rule in group["IpPermissions"]}

    eventually(lambda: open_ports() == {80}, 90)
    eventually(lambda: _state(ec2, idle) != "running", 90)
    assert _state(ec2, busy) == "running"
    changed = {event["eventName"]: event["userIdentity"]["arn"] for event in sandbox.events(RED)
               if event["eventName"] in ("RevokeSecurityGroupIngress", "TerminateInstances")}
    assert set(changed.values()) == {f"arn:aws:sts::{RED}:assumed-role/guardrails-respond/{RESPONDER}"}
    # A run's log comes when it ends.
    lines = {
        f"policy:ssh resource:{groups[22]} fixed and verified", f"revert-ingress {groups[23]}: reverted",
        "policy:idle resource:", "message ignored: neither JSON nor an alert of c7n's notify: 'terminate everything'"}
    eventually(lambda: (said := sandbox.logs(RESPONDER, RED, REGION)) and all(line in said for line in lines), 90)

    sandbox.settle()
    assert "Plan: 4 unchanged" in call("deploy", "--dry-run")
    assert "COMPLETE" in call("undeploy", "*", "--yes")
    assert [verdict.reason for verdict in responder_verdicts(
        read_responder(reader, redelivers=False))] == [
        "it is not deployed: nothing is fixed"]
    assert clients["lambda"].list_functions()["Functions"] == []
    assert clients["sns"].list_subscriptions()["Subscriptions"] == []
    assert clients["logs"].describe_log_groups()["logGroups"] == []
    needed = [*of_deploy(load(tmp_path / "policies")), *of_doctor()]
    assert not_allowed(sandbox, f"arn:aws:iam::{RED}:role/deploy", *needed) == set()


def _state(ec2: Any, instance: str) -> str:
    [found] = ec2.describe_instances(InstanceIds=[instance])["Reservations"]
    return str(found["Instances"][0]["State"]["Name"])
