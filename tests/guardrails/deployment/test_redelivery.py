"""A fix that needs CloudTrail's event history waits for it: the real archive, and the scheduler that delivers again."""
from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from custom_actions.names import REDELIVERY_PREFIX, REDELIVERY_ROLE
from guardrails.cli.main import main
from guardrails.sandbox import Sandbox
from guardrails.stacks.compliance_stack import compliance
from tests.guardrails.sandbox.conftest import eventually
from tests.sandboxed import sandboxed

ACCOUNT, REGION = "555555555555", "eu-west-1"
KEYS = "kms-key-revert"


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with sandboxed(tmp_path, monkeypatch, ACCOUNT, REGION) as running:
        yield running


def doctor() -> dict[str, tuple[str, str]]:
    """The region's checks that are not ok, by check."""
    ended = CliRunner().invoke(main, ["doctor", KEYS, "--json"])
    assert isinstance(ended.exception, SystemExit), ended.exc_info
    return {check["check"]: (check["state"], check["reason"]) for check in json.loads(ended.stdout)["checks"]
            if not check["policy"] and check["state"] != "ok"}


def test_a_fix_waits_until_the_history_confirms_its_event(sandbox: Sandbox) -> None:
    def client(service: str) -> Any:
        return sandbox.client(service, ACCOUNT, REGION)

    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName="compliance", TemplateBody=json.dumps(compliance()), Capabilities=["CAPABILITY_NAMED_IAM"])
    cloudformation.get_waiter("stack_create_complete").wait(StackName="compliance", WaiterConfig={"Delay": 1})
    deployed = CliRunner().invoke(main, ["deploy", KEYS, "--heal", "--yes", "-o", "deploy"])
    assert deployed.exit_code == 0, deployed.output
    # The stack's roles are ministack's; what else asks about roles asks moto.
    assert doctor()["redelivery"] == (
        "broken", f"the role {REDELIVERY_ROLE} does not exist: fixes of {KEYS} cannot wait until CloudTrail's event "
        "history confirms an event, and are refused")
    client("iam").create_role(RoleName=REDELIVERY_ROLE, AssumeRolePolicyDocument=json.dumps({"Statement": [{
        "Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))
    assert "does not allow lambda:InvokeFunction" in doctor()["redelivery"][1]
    client("iam").put_role_policy(RoleName=REDELIVERY_ROLE, PolicyName="calls", PolicyDocument=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}]}))
    assert "redelivery" not in doctor()

    sandbox.delay_history(3600)
    key = client("kms").create_key()["KeyMetadata"]["KeyId"]
    client("kms").disable_key(KeyId=key)

    def enabled() -> bool:
        return bool(client("kms").describe_key(KeyId=key)["KeyMetadata"]["Enabled"])

    [schedule] = eventually(lambda: client("scheduler").list_schedules()["Schedules"])
    assert schedule["Name"].startswith(REDELIVERY_PREFIX)
    assert "in 3 minutes" in eventually(lambda: sandbox.logs(f"custodian-{KEYS}", ACCOUNT, REGION))
    assert not enabled()

    # Minutes later: the history has the event, and the schedule is due.
    sandbox.delay_history(0)
    waiting = client("scheduler").get_schedule(Name=schedule["Name"])
    assert waiting["Target"]["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/{REDELIVERY_ROLE}"
    client("scheduler").update_schedule(
        **{name: waiting[name] for name in ("Name", "FlexibleTimeWindow", "ActionAfterCompletion", "Target")},
        ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})")
    eventually(enabled)
    assert client("scheduler").list_schedules()["Schedules"] == []
    enabling = [each for each in sandbox.events(ACCOUNT) if each["eventName"] == "EnableKey"]
    assert len(enabling) == 1
