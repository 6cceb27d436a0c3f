"""The roles do, and have nothing to spare: sweeps and fixes under what is written for them, moto's IAM enforced."""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from custom_actions.fixing.receipt import FixIncomplete
from guardrails.accounts.account import Account, Hub
from guardrails.cli.main import main
from guardrails.policies.policy import load
from guardrails.results.state import State, state_of
from guardrails.stacks.hub_stack import member_template
from guardrails.stacks.iam.documents import actions_of, document, documents, grants
from guardrails.stacks.iam.needs import of_function, of_policy, of_sweep
from tests import engine as in_process
from tests.moto_server import ACCOUNT, Moto
from tests.policies.harness import Engine, World, cases, compliance_topic

from .conftest import Enforced

# moto computes another signature than the client for what these call, and refuses everybody.
NOT_JUDGED = (
    "access-analyzer-", "agentcore-", "apigateway-", "appsync-", "backup-", "cloudfront-", "connect-", "efs-", "eks-",
    "guardduty-", "lambda-", "macie-", "mq-", "msk-", "route53-", "s3-account-", "securityhub-")
POLICIES = {policy.name: policy for policy in load()}
# One fix of each service that moto judges, c7n's own and ours, and a permission that it cannot do without.
FIXES = {
    "alb-http-redirected": "elasticloadbalancing:ModifyListener",
    "alb-tls-policy": "elasticloadbalancing:DescribeListeners",
    "cloudtrail-log-validation": "cloudtrail:UpdateTrail",
    "dynamodb-table-encrypted": "dynamodb:UpdateTable",
    "ebs-encryption-by-default": "ec2:EnableEbsEncryptionByDefault",
    "ecr-scanned": "ecr:PutImageScanningConfiguration",
    "firehose-encrypted": "firehose:StartDeliveryStreamEncryption",
    "iam-access-key-rotated-disable": "iam:UpdateAccessKey",
    "iam-no-user": "iam:ListAccountAliases",
    "s3-bucket-tls-only": "s3:PutBucketPolicy",
    "security-group-admin-ports": "ec2:RevokeSecurityGroupIngress",
    "vpc-flow-logs-central": "ec2:DescribeFlowLogs",
}


def test_a_sweep_runs_under_the_sweep_role_and_says_what_was_denied(
    enforced: Enforced, moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    swept = [policy for policy in POLICIES.values() if policy.sweeps and not policy.name.startswith(NOT_JUDGED)]
    moto.client("s3").create_bucket(Bucket="a-bucket")
    moto.client("iam").create_user(UserName="a-user")
    moto.client("kms").create_key()
    moto.client("cloudtrail").create_trail(Name="a-trail", S3BucketName="a-bucket")
    allowed = set(actions_of(documents(grants(of_sweep(swept, [{}], heal=False)), role="sweep")))

    assert "iam:GetAccountAuthorizationDetails" in allowed

    # Without reading IAM in bulk, its resources are read one by one.
    with enforced.as_role(allowed - {"ec2:DescribeFlowLogs", "iam:GetAccountAuthorizationDetails"}):
        result = CliRunner().invoke(main, [
            "audit", "--history", "none", "--format", "json", "-o", "out",
            *(f"--policy={policy.name}" for policy in swept),
        ])
    assert result.exit_code == 2, result.output
    states = {run["policy"]: run["state"] for run in json.loads(Path("out/report.json").read_text())["runs"]}
    needed = {
        policy.name for policy in swept
        if "ec2:DescribeFlowLogs" in {need.action for need in of_policy(policy, actions=False)}
        and not policy.metadata.get("profile")
    }
    assert needed == {"vpc-flow-logs"}
    # The account has one VPC: it is unknown, and so is the check.
    assert {name for name, state in states.items() if state in ("denied", "partial")} == needed
    # A profile that is not chosen is off, whoever asks.
    others = {name: state for name, state in states.items() if name not in needed}
    assert not {name: state for name, state in others.items() if state not in ("ran", "skipped")}
    assert set(others.values()) == {"ran", "skipped"}
    assert set(states) == {policy.name for policy in swept}


@pytest.mark.parametrize("name", FIXES)
def test_a_fix_runs_under_its_role_and_not_under_less(
    name: str, enforced: Enforced, moto: Moto, tmp_path: Path
) -> None:
    case = next(case for case in cases("config-rule", "periodic") if case.policy["name"] == name and case.match)
    world = World(moto.client, give_answer=moto.give_answer)
    world.do(case.make)
    engine = Engine(case.policy, tmp_path, world.fill(case.vars))
    bad = set(world.ids(case.match))
    allowed = set(actions_of([document(grants(of_policy(POLICIES[name], [world.fill(case.vars)])))]))
    assert FIXES[name] in allowed

    with compliance_topic(moto.client):
        with enforced.as_role(allowed - {FIXES[name]}), pytest.raises(Exception) as denied:  # noqa: PT011
            engine.run(dryrun=False)
        assert state_of(str(denied.value)) is State.DENIED, denied.value
        assert bad & set(engine.run(dryrun=True)), "it was put right without the permission"
        with enforced.as_role(allowed):
            engine.run(dryrun=False)
    world.check(case.fixed)


def test_a_function_runs_under_its_own_role(enforced: Enforced, moto: Moto, tmp_path: Path) -> None:
    ec2 = moto.client("ec2")
    group = ec2.create_security_group(GroupName="open", Description="test")["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    moto.client("sns").create_topic(Name="guardrails-compliance")
    policy = POLICIES["security-group-admin-ports-revert"]
    event = {"detail-type": "AWS API Call via CloudTrail", "detail": {
        "eventName": "AuthorizeSecurityGroupIngress", "eventSource": "ec2.amazonaws.com",
        "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/somebody"},
        "requestParameters": {"groupId": group},
    }}
    data = {**policy.data, "mode": {key: value for key, value in policy.mode.items() if key != "delay"}}
    def is_open() -> bool:
        return bool(ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"])

    with enforced.as_role(actions_of([document(grants(of_function(policy)))])):
        in_process.push(data, tmp_path, event)
    assert not is_open()

    # So it does under what the hub's function assumes, where the account's word is heal; else that may change nothing.
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    hub = Account(ACCOUNT, "hub", ("eu-west-1",))
    hub = replace(hub, hub=Hub(ACCOUNT, "eu-west-1", (hub,)))
    made = member_template([policy], hub, [{}])["Resources"]
    observing, healing = (
        actions_of([part["Properties"]["PolicyDocument"] for name, part in made.items() if name.startswith(word)])
        for word in ("Observe", "Heal"))
    with enforced.as_role(observing), pytest.raises(FixIncomplete, match="AccessDenied"):
        in_process.push(data, tmp_path, event)
    assert is_open()
    with enforced.as_role(healing):
        in_process.push(data, tmp_path, event)
    assert not is_open()
