"""A realtime and a periodic policy, deployed for real in the sandbox; one thing after another breaks."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from guardrails.cli.main import main
from guardrails.paths import POLICIES
from guardrails.sandbox import Sandbox
from guardrails.stacks.compliance_stack import compliance
from tests.cloudformation import topic_policy
from tests.moto_server import Moto
from tests.sandboxed import sandboxed

ACCOUNT, REGION = "444444444444", "eu-west-1"
RESTART, ACLS = "cloudtrail-logging-restart", "s3-account-public-acls-ignored"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


def allowing(*actions: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": list(actions), "Resource": "*"}]})


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with sandboxed(tmp_path, monkeypatch, ACCOUNT, REGION) as running:
        yield running


class Account:
    """The account, and what the doctor says of it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.client = lambda service: sandbox.client(service, ACCOUNT, REGION)
        iam, trail = self.client("iam"), self.client("cloudtrail")
        iam.create_role(RoleName="guardrails", AssumeRolePolicyDocument=TRUST)
        iam.put_role_policy(RoleName="guardrails", PolicyName="p", PolicyDocument=allowing("*"))
        self.topic = self.client("sns").create_topic(Name="guardrails-compliance")["TopicArn"]
        self.client("sns").set_topic_attributes(
            TopicArn=self.topic, AttributeName="Policy",
            AttributeValue=json.dumps(topic_policy(compliance(), ACCOUNT, REGION)))
        self.client("s3").create_bucket(
            Bucket="trail", CreateBucketConfiguration={"LocationConstraint": REGION})
        trail.create_trail(Name="main", S3BucketName="trail", IsMultiRegionTrail=True)
        trail.start_logging(Name="main")

    def doctor(self, *arguments: str) -> tuple[int, dict[tuple[str, str], tuple[str, str]]]:
        """The exit code, and of everything that is not ok (policy, check) to (state, reason); of `fire` also ok."""
        result = CliRunner().invoke(main, ["doctor", "--json", *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        checks = json.loads(result.stdout)["checks"]
        return result.exit_code, {
            (check["policy"], check["check"]): (check["state"], check["reason"])
            for check in checks if check["state"] != "ok" or check["check"] == "fire"}


def test_each_thing_that_breaks_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    account = Account(sandbox)
    deployed = CliRunner().invoke(main, ["deploy", RESTART, ACLS, "--yes", "-o", "deploy"])
    assert deployed.exit_code == 0, deployed.output

    healthy = CliRunner().invoke(main, ["doctor"])
    assert healthy.exit_code == 0, healthy.output
    assert healthy.stdout.startswith("HEALTHY: 2 functions")
    code, said = account.doctor("--fire")
    assert said == {(RESTART, "fire"): ("ok", "the event arrived")}, sandbox.logs(
        f"custodian-{RESTART}", ACCOUNT, REGION)
    assert code == 0
    # The sandbox counts no runs, as CloudWatch does, and the log has that of the probe.
    ran = {(RESTART, "errors"): (
        "unknown", "its log has lines of the last day, but CloudWatch counted no run")}
    assert account.doctor() == (2, ran)

    # One policy goes on, the other goes.
    text = (POLICIES / "realtime" / "cloudtrail.yml").read_text()
    (tmp_path / "policies" / "realtime").mkdir(parents=True)
    (tmp_path / "policies" / "realtime" / "cloudtrail.yml").write_text(text.replace("after it was stopped", "at once"))
    code, said = account.doctor("--policies", "policies")
    assert said == {
        (RESTART, "policy"): ("broken", "it is not up to date with the policy's description"),
        (RESTART, "settings"): ("broken", "they differ from the policy: Description"),
        ("", "stray"): (
            "broken", f"custodian-{ACLS} belongs to this project by its tags, but no policy deploys it"), **ran}
    assert code == 1

    restart, acls = f"custodian-{RESTART}", f"custodian-{ACLS}"
    account.client("events").disable_rule(Name=restart)
    account.client("events").remove_targets(Rule=acls, Ids=[acls])
    account.client("lambda").remove_permission(FunctionName=acls, StatementId=acls)
    account.client("cloudtrail").stop_logging(Name="main")
    account.client("sns").delete_topic(TopicArn=account.topic)
    account.client("iam").put_role_policy(
        RoleName="guardrails", PolicyName="p", PolicyDocument=allowing(
            "s3:*", "logs:*", "sns:*", "iam:List*", "tag:*", "sqs:*", "dynamodb:*"))
    code, said = account.doctor()
    no_topic = ("broken", f"{account.topic} does not exist: nobody is notified")
    assert said == {
        ("", "trail"): ("broken", f"the trail main does not log: no events for {RESTART}"),
        (RESTART, "event-rule"): ("broken", "it is disabled: nothing starts the function"),
        (RESTART, "permissions"): ("broken", "its role does not allow cloudtrail:DescribeTrails"),
        (RESTART, "topic"): no_topic, (ACLS, "topic"): no_topic,
        (ACLS, "permission"): ("broken", "the function does not allow events.amazonaws.com to invoke it"),
        (ACLS, "target"): ("broken", "the function is not a target of its event rule"), **ran}
    assert code == 1

    account.client("lambda").delete_function(FunctionName=restart)
    account.client("events").delete_rule(Name=acls)
    code, said = account.doctor(RESTART, ACLS)
    assert said[RESTART, "function"] == ("broken", "its event rule exists, but the function does not")
    assert said[ACLS, "event-rule"] == ("broken", "it does not exist: nothing starts the function")


def test_where_nothing_is_deployed_nothing_is_healthy(moto: Moto) -> None:
    found = CliRunner().invoke(main, ["doctor"])
    assert (found.exit_code, found.stdout.splitlines()[0]) == (2, "INCOMPLETE: 0 functions; checks: 1 unknown")
    named = CliRunner().invoke(main, ["doctor", RESTART])
    assert (named.exit_code, named.stdout.splitlines()[0]) == (1, "BROKEN: 1 function; checks: 1 broken")
