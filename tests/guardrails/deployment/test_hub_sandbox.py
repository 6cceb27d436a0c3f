"""One function in a hub answers for all accounts: the templates applied, the real archive run, two regions."""
from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from custom_actions.fixing.receipt import RECEIPTS
from custom_actions.names import HUB_BUS, HUB_ROLE, MEMBER_ROLE
from guardrails.accounts.account import find_accounts
from guardrails.cli.main import main
from guardrails.deployment.hub import hub_of
from guardrails.policies.policy import load
from guardrails.sandbox import Sandbox
from guardrails.stacks.compliance_stack import compliance
from guardrails.stacks.hub_stack import hub_template, member_template
from guardrails.stacks.iam.operator import of_deploy, of_doctor
from tests.cloudformation import bus_policy, topic_policy
from tests.guardrails.sandbox.conftest import eventually
from tests.sandboxed import not_allowed, sandboxed

HUB, RED, BLUE = "999999999999", "111111111111", "222222222222"
BUS_POLICY = "AWS::Events::EventBusPolicy"
HOME, AWAY = "eu-west-1", "eu-north-1"
PORTS = "security-group-admin-ports-revert"


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with sandboxed(tmp_path, monkeypatch, HUB, HOME) as running:
        yield running


@pytest.fixture
def accounts_yml(tmp_path: Path) -> Path:
    """Red heals, and lets port 22 be open; blue observes."""
    file = tmp_path / "accounts.yml"
    file.write_text(f"""
accounts:
- {{name: security, account_id: '{HUB}', role: [], regions: [{HOME}], guardrails-hub: {HOME}}}
- name: red
  account_id: '{RED}'
  role: arn:aws:iam::{RED}:role/deploy
  regions: [{HOME}, {AWAY}]
  guardrails: heal
  vars: {{admin_ports: [tcp 3389 from world]}}
- {{name: blue, account_id: '{BLUE}', role: 'arn:aws:iam::{BLUE}:role/deploy', regions: [{HOME}]}}
""")
    return file


def apply(sandbox: Sandbox, name: str, account: str, region: str, template: dict[str, Any], **parameters: str) -> None:
    """Apply the template; what ministack's CloudFormation does not know, by the service's API."""
    known = {key: each for key, each in template["Resources"].items() if each["Type"] != BUS_POLICY}
    cloudformation = sandbox.client("cloudformation", account, region)
    cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps({**template, "Resources": known}),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"])
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    if name == "hub":
        policy = bus_policy(template, account, region, **parameters)
        sandbox.client("events", account, region).put_permission(EventBusName=HUB_BUS, Policy=json.dumps(policy))


def prepare(sandbox: Sandbox, accounts_yml: Path) -> None:
    accounts = find_accounts(accounts_yml, ())
    hub = hub_of(accounts.reached)
    assert hub is not None
    policies = [policy for policy in load() if policy.name == PORTS]
    apply(sandbox, "hub", HUB, HOME, hub_template(), OrganizationId="o-exampleorgid")
    member = member_template(policies, hub, accounts.different_vars())
    for account, region, response in ((HUB, HOME, "observe"), (BLUE, HOME, "observe"), (RED, HOME, "heal"),
                                      (RED, AWAY, "heal")):
        apply(sandbox, "member", account, region, member, Response=response)


def deploy(accounts_yml: Path, target: Path) -> dict[str, Any]:
    ended = CliRunner().invoke(main, ["deploy", PORTS, "-c", str(accounts_yml), "--yes", "-o", str(target)])
    assert ended.exit_code == 0, ended.output
    return {(each["account_name"], each["region"], each["policy"]): (each["response"], each["outcome"])
            for each in json.loads((target / "deploy.json").read_text())["functions"]}


def open_ports(sandbox: Sandbox, account: str, region: str) -> str:
    ec2 = sandbox.client("ec2", account, region)
    group = str(ec2.create_security_group(GroupName="web", Description="test")["GroupId"])
    for port in (22, 3389):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    return group


def ports_of(sandbox: Sandbox, account: str, region: str, group: str) -> list[int]:
    [found] = sandbox.client("ec2", account, region).describe_security_groups(GroupIds=[group])["SecurityGroups"]
    return sorted(each["FromPort"] for each in found["IpPermissions"])


def test_the_hub_answers_each_account_as_accounts_yml_says(
    sandbox: Sandbox, accounts_yml: Path, tmp_path: Path
) -> None:
    topic = sandbox.client("sns", HUB, HOME).create_topic(Name="guardrails-compliance")["TopicArn"]
    sqs = sandbox.client("sqs", HUB, HOME)
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    sandbox.client("sns", HUB, HOME).subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{HOME}:{HUB}:told",
        Attributes={"RawMessageDelivery": "true"})
    prepare(sandbox, accounts_yml)

    assert deploy(accounts_yml, tmp_path / "first") == {("security", HOME, PORTS): ("central", "created")}
    assert deploy(accounts_yml, tmp_path / "again") == {("security", HOME, PORTS): ("central", "unchanged")}
    for account in (RED, BLUE):
        assert sandbox.client("lambda", account, HOME).list_functions()["Functions"] == []

    def told() -> dict[str, Any] | None:
        """What the hub's topic hears next."""
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1).get("Messages", ()):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(message["Body"])))
            return found
        return None

    # Red has a list of its own, and is healed, in a region where the hub has no function.
    red = open_ports(sandbox, RED, AWAY)
    eventually(lambda: ports_of(sandbox, RED, AWAY, red) == [22])
    message = eventually(told)
    assert (message["account_id"], message["region"], message["resources"][0]["GroupId"]) == (RED, AWAY, red)
    [receipt] = message["resources"][0][RECEIPTS]
    assert (receipt["account"], receipt["region"], receipt["outcome"]) == (RED, AWAY, "reverted")
    # Blue has the policy's own list, and is only told of: blue's group, and who opened it.
    blue = open_ports(sandbox, BLUE, HOME)
    # Red's two events may have been handled at once, and told of twice.
    message = eventually(lambda: next((heard for heard in iter(told, None) if heard["account_id"] == BLUE), None))
    assert (message["region"], message["resources"][0]["GroupId"]) == (HOME, blue)
    assert message["event"]["detail"]["userIdentity"]["accountId"] == BLUE
    assert ports_of(sandbox, BLUE, HOME, blue) == [22, 3389]
    # The hub's own events come from its default bus too.
    own = open_ports(sandbox, HUB, HOME)
    message = eventually(lambda: next((heard for heard in iter(told, None) if heard["account_id"] == HUB), None))
    assert message["resources"][0]["GroupId"] == own
    nobody_forges(sandbox, red)

    made = [each for each in sandbox.events(RED) if each["eventName"] == "RevokeSecurityGroupIngress"]
    roles = {each["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] for each in made}
    assert roles == {f"arn:aws:iam::{RED}:role/{MEMBER_ROLE}"}
    config = sandbox.client("lambda", HUB, HOME).get_function(FunctionName=f"custodian-{PORTS}")["Configuration"]
    assert config["Role"] == f"arn:aws:iam::{HUB}:role/{HUB_ROLE}"

    # The doctor follows an event's whole way, from each account into the hub's log.
    for account in (HUB, RED, BLUE):
        # The stack's roles are ministack's; what else asks about roles asks moto.
        sandbox.client("iam", account).create_role(RoleName=MEMBER_ROLE, AssumeRolePolicyDocument=json.dumps({
            "Statement": [{"Principal": {"AWS": f"arn:aws:iam::{HUB}:root"}}]}))
    assert doctor(accounts_yml, "--fire")[RED, AWAY] == {("", "trail"): "broken", (PORTS, "fire"): "ok"}
    sandbox.client("events", RED, AWAY).disable_rule(Name="guardrails-forward-1")
    sandbox.client("events", HUB, HOME).remove_permission(
        StatementId="guardrails-organization", EventBusName=HUB_BUS)
    sandbox.client("iam", BLUE).delete_role(RoleName=MEMBER_ROLE)
    found = doctor(accounts_yml)
    assert found[RED, AWAY]["", "forward"] == "broken" and ("", "forward") not in found[RED, HOME]
    assert found[HUB, HOME]["", "event-bus"] == "broken"
    # Made without the stack, the topic lets the whole account publish.
    assert found[HUB, HOME]["", "publishers"] == "broken"
    sandbox.client("sns", HUB, HOME).set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(topic_policy(
            compliance(), HUB, HOME, OrganizationId="o-exampleorgid")))
    assert ("", "publishers") not in doctor(accounts_yml)[HUB, HOME]
    assert found[BLUE, HOME]["", "member-role"] == "broken" and ("", "member-role") not in found[RED, HOME]
    assert not_allowed(sandbox, f"arn:aws:iam::{RED}:role/deploy", *of_deploy([]), *of_doctor()) == set()


def nobody_forges(sandbox: Sandbox, red: str) -> None:
    """What a member or somebody in the hub puts on a bus by hand changes nothing, and leaves one line."""
    before = ports_of(sandbox, RED, AWAY, red)
    forged = {"Source": "my.app", "DetailType": "AWS API Call via CloudTrail", "Detail": json.dumps({
        "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress", "recipientAccountId": RED,
        "awsRegion": AWAY, "requestParameters": {"groupId": red}})}
    # AWS lets nobody use its own sources.
    answer = sandbox.client("events", RED, AWAY).put_events(Entries=[{**forged, "Source": "aws.ec2"}])
    assert answer["FailedEntryCount"] == 1
    with pytest.raises(ClientError, match="the policy of the bus guardrails denies it"):
        sandbox.client("events", HUB, HOME).put_events(Entries=[{
            **forged, "Source": "guardrails.doctor", "EventBusName": HUB_BUS}])
    # A member's rule of its own forwards anything, with a role of its own and with ours.
    events = sandbox.client("events", RED, AWAY)
    events.put_rule(Name="forge", EventPattern=json.dumps({"source": ["my.app", "guardrails.doctor"]}))
    for role, source in (("mine", "guardrails.doctor"), ("guardrails-forward", "my.app")):
        events.put_targets(Rule="forge", Targets=[{
            "Id": "hub", "Arn": f"arn:aws:events:{HOME}:{HUB}:event-bus/{HUB_BUS}",
            "RoleArn": f"arn:aws:iam::{RED}:role/{role}"}])
        events.put_events(Entries=[{**forged, "Source": source}])
    events.remove_targets(Rule="forge", Ids=["hub"])
    # The members' rules forward what looks like a probe; the function sees that it is none. Nothing else arrived.
    lines = eventually(lambda: refusals(sandbox))
    assert len(lines) == 1 and "its source is 'guardrails.doctor'" in lines[0]
    assert ports_of(sandbox, RED, AWAY, red) == before


def refusals(sandbox: Sandbox) -> list[str]:
    """What the hub's function has logged of events that it does not trust."""
    return [line for line in sandbox.logs(f"custodian-{PORTS}", HUB, HOME).splitlines() if "event refused" in line]


def doctor(accounts_yml: Path, *options: str) -> dict[tuple[str, str], dict[tuple[str, str], str]]:
    """By account and region, what is not ok, and what was fired."""
    ended = CliRunner().invoke(main, ["doctor", PORTS, "-c", str(accounts_yml), "--json", *options])
    assert isinstance(ended.exception, SystemExit), ended.exc_info
    found: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    for check in json.loads(ended.stdout)["checks"]:
        if check["state"] != "ok" or check["check"] == "fire":
            found.setdefault((check["account"], check["region"]), {})[check["policy"], check["check"]] = check["state"]
    print(ended.stdout)  # the reasons, for whoever reads a failure
    return found
