"""Someone else changes the resource between a fix's read and its write: their change stays, or the receipt holds it.

For each fix that replaces a whole document, list or setting, the change is made directly after the read on which the
plan rests. Afterwards it is there, or undoing the fix brings it back.
"""
from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from c7n.actions import EventAction

from custom_actions.fixing.receipt import FixIncomplete
from tests import engine
from tests.custom_actions.elements.self_defence.deployed import NAME
from tests.moto_server import ACCOUNT, REGION, Moto
from tests.recorded import RECORDED

from .cloud import Cloud
from .drifts import DRIFTS
from .faults import Drift, State

OTHER_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/44444444-4444-4444-4444-444444444444"


@dataclass(frozen=True)
class Other:
    """What someone else does.

    Attributes:
        after: the call of the fix after which it happens: the read on which the plan rests.
        change: the change.
        there: whether the change is in the state.
        theirs: what their change itself makes wrong.
    """

    after: str
    change: Callable[[Cloud], Any]
    there: Callable[[State], bool]
    theirs: frozenset[str] = frozenset()


def _topic_policy(cloud: Cloud) -> None:
    sns = cloud.client("sns")
    for topic in sns.list_topics()["Topics"]:
        document = json.loads(sns.get_topic_attributes(**topic)["Attributes"]["Policy"])
        document["Statement"].append({
            "Sid": "Mine", "Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": "*"})
        sns.set_topic_attributes(**topic, AttributeName="Policy", AttributeValue=json.dumps(document))


def _grant(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    acl = s3.get_bucket_acl(Bucket="bucket-one")
    s3.put_bucket_acl(Bucket="bucket-one", AccessControlPolicy={"Owner": acl["Owner"], "Grants": [
        *acl["Grants"], {"Grantee": {"Type": "CanonicalUser", "ID": "c0ffee"}, "Permission": "READ"}]})


def _block(cloud: Cloud) -> None:
    cloud.client("s3").put_public_access_block(Bucket="bucket-two", PublicAccessBlockConfiguration={
        "BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": False, "RestrictPublicBuckets": False})


def _is_blocked(state: State) -> bool:
    block = state["bucket-two"]["block"] or {}
    return bool(block.get("BlockPublicAcls")) and not block.get("RestrictPublicBuckets")


def _respond(cloud: Cloud) -> None:
    client = cloud.client("elbv2")
    for balancer in client.describe_load_balancers()["LoadBalancers"]:
        for listener in client.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
            for rule in client.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]:
                if rule["Priority"] == "1":
                    client.modify_rule(RuleArn=rule["RuleArn"], Actions=[{
                        "Type": "fixed-response",
                        "FixedResponseConfig": {"StatusCode": "418", "ContentType": "text/plain", "MessageBody": ""}}])


def _trail(**settings: Any) -> Callable[[Cloud], Any]:
    return lambda cloud: cloud.client("cloudtrail").update_trail(Name="audit", **settings)


def _select(cloud: Cloud) -> None:
    cloud.client("cloudtrail").put_event_selectors(TrailName="audit", EventSelectors=[
        {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": False}])


def _rewrite(cloud: Cloud) -> None:
    cloud.client("iam").put_user_policy(UserName="two", PolicyName="also-everything", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Sid": "Mine", "Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::mine"}]}))


def _narrow(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    for rule in ec2.describe_security_group_rules()["SecurityGroupRules"]:
        if (rule["FromPort"], rule["ToPort"], rule["IsEgress"]) == (0, 65535, False):
            ec2.modify_security_group_rules(GroupId=rule["GroupId"], SecurityGroupRules=[{
                "SecurityGroupRuleId": rule["SecurityGroupRuleId"],
                "SecurityGroupRule": {
                    "IpProtocol": "tcp", "FromPort": 20, "ToPort": 30, "CidrIpv4": "0.0.0.0/0"}}])


def _tag(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    [group] = ec2.describe_security_groups(GroupNames=["tagged"])["SecurityGroups"]
    ec2.create_tags(Resources=[group["GroupId"]], Tags=[{"Key": "guardrails-ingress", "Value": "mine"}])


def _target(cloud: Cloud) -> None:
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:mine"
    cloud.client("events").put_targets(Rule=NAME, Targets=[{"Id": NAME, "Arn": arn}])


def _count(cloud: Cloud) -> None:
    cloud.client("logs").put_metric_filter(
        logGroupName="audit", filterName="guardrails-keys", filterPattern="{ $.eventName = Mine }",
        metricTransformations=[{"metricNamespace": "other", "metricName": "other", "metricValue": "1"}])


def _rule(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    rules = s3.get_bucket_lifecycle_configuration(Bucket="bucket-one")["Rules"]
    s3.put_bucket_lifecycle_configuration(Bucket="bucket-one", LifecycleConfiguration={"Rules": [
        *rules, {"ID": "mine", "Status": "Disabled", "Filter": {"Prefix": "y"}, "Expiration": {"Days": 8}}]})


def _statement(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    found = json.loads(s3.get_bucket_policy(Bucket="bucket-two")["Policy"])
    found["Statement"].append({
        "Sid": "Mine", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket",
        "Resource": "arn:aws:s3:::bucket-two"})
    s3.put_bucket_policy(Bucket="bucket-two", Policy=json.dumps(found))


def _agent(cloud: Cloud) -> None:
    guardduty = cloud.client("guardduty")
    [detector] = guardduty.list_detectors()["DetectorIds"]
    guardduty.update_detector(DetectorId=detector, Features=[
        {"Name": "RUNTIME_MONITORING", "Status": "ENABLED", "AdditionalConfiguration": [
            {"Name": "EC2_AGENT_MANAGEMENT", "Status": "ENABLED"},
            {"Name": "ECS_FARGATE_AGENT_MANAGEMENT", "Status": "ENABLED"}]}])


def _says(text: str) -> Callable[[State], bool]:
    return lambda state: text in json.dumps(state, default=str)


OTHERS: Mapping[tuple[str, str, str], tuple[Other, ...]] = {
    ("s3", "close-bucket", ""): (
        Other("GetBucketAcl", _grant, _says("c0ffee")),
        Other("GetPublicAccessBlock", _block, _is_blocked),
    ),
    ("s3", "abort-incomplete-uploads", ""): (Other("GetBucketLifecycleConfiguration", _rule, _says("mine")),),
    ("s3", "remove-outside-actions", ""): (Other("GetBucketPolicy", _statement, _says("Mine")),),
    ("s3", "remove-acl-grants", ""): (Other("GetBucketAcl", _grant, _says("c0ffee")),),
    ("account", "turn-on-protection-plan", "agent"): (Other("GetDetector", _agent, _says("ECS_FARGATE")),),
    ("app-elb", "redirect-to-https", ""): (Other("DescribeRules", _respond, _says("418")),),
    ("account", "strengthen-password-policy", ""): (Other(
        "GetAccountPasswordPolicy",
        lambda cloud: cloud.client("iam").update_account_password_policy(**{
            key: value for key, value in cloud.client("iam").get_account_password_policy()["PasswordPolicy"].items()
            if key not in ("ExpirePasswords", "HardExpiry")} | {"MinimumPasswordLength": 40}),
        _says(": 40")),),
    ("cloudtrail", "revert-trail", "selected"): (Other("GetEventSelectors", _select, _says("WriteOnly")),),
    ("cloudtrail", "revert-trail", "updated"): (
        Other("DescribeTrails", _trail(KmsKeyId=OTHER_KEY), _says(OTHER_KEY)),
        Other("DescribeTrails", _trail(S3KeyPrefix="mine"), _says("mine")),
    ),
    ("iam-user", "revoke-full-star", ""): (Other("GetUserPolicy", _rewrite, _says("Mine")),),
    ("security-group", "revert-ingress", "narrow"): (
        Other("DescribeSecurityGroupRules", _narrow, _says('[20, 30, "0.0.0.0/0"]'),
              frozenset({"0 is closed", "443 is closed", "65535 is closed"})),),
    ("account", "revert-tags", ""): (Other(
        "DescribeTags", _tag, _says('"mine"'), frozenset({"has another tag"})),),
    ("account", "restore-own-resource", "target"): (Other("ListTargetsByRule", _target, _says("function:mine")),),
    ("account", "create-log-alarm", ""): (Other("DescribeMetricFilters", _count, _says("Mine")),),
    ("sns", "remove-public-statements", ""): (Other("GetTopicAttributes", _topic_policy, _says("Mine")),),
    ("dynamodb-table", "set-kms-encryption", ""): (Other(
        "DescribeTable",
        lambda cloud: cloud.client("dynamodb").update_table(
            TableName="one", SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": OTHER_KEY}),
        lambda state: OTHER_KEY in json.dumps(boto_table(), default=str)),),
}

_clients: list[Callable[[str], Any]] = []


def boto_table() -> Any:
    return _clients[0]("dynamodb").describe_table(TableName="one")


@contextmanager
def happens(monkeypatch: pytest.MonkeyPatch, other: Other, cloud: Cloud) -> Any:
    """Inside, `other.change` is made once, directly after the first call `other.after`."""
    original, happened = BaseClient._make_api_call, []

    def make_api_call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        answer = original(client, operation, parameters)
        if operation == other.after and not happened:
            happened.append(operation)
            other.change(cloud)
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", make_api_call)
        yield happened


def fix(drift: Drift, output: Path) -> tuple[Any, Callable[[], list[dict[str, Any]]]]:
    """The function that runs the fix and returns its receipts; the resources were listed before."""
    policy = engine.load(drift.policy, output)
    manager = policy.resource_manager
    resources = [each for each in manager.resources() if drift.picks(each)]
    [action] = manager.actions

    def run() -> list[dict[str, Any]]:
        listed = copy.deepcopy(resources)
        with policy.ctx:
            try:
                found = action.process(listed, copy.deepcopy(drift.event)) if isinstance(
                    action, EventAction) else action.process(listed)
            except FixIncomplete:
                written = output / drift.policy["name"] / f"action-{action.name}"
                found = json.loads(written.read_text(encoding="utf-8"))
        return list(json.loads(json.dumps(found, default=str)))

    return policy, run


@pytest.mark.parametrize(
    ("which", "number"), [(which, number) for which, listed in OTHERS.items() for number in range(len(listed))],
    ids=lambda value: "-".join(filter(None, value)) if isinstance(value, tuple) else str(value))
def test_what_someone_else_changes_meanwhile_stays_or_is_in_the_receipt(
    which: tuple[str, str, str], number: int, moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    moto.share_clients(monkeypatch)
    cloud, other = Cloud(moto, monkeypatch), OTHERS[which][number]
    _clients[:] = [cloud.client]
    drift = DRIFTS[which](cloud)
    # Counts only if this test passes.
    record_property(RECORDED, ["-".join(filter(None, which)), {"concurrent change": 1}])
    assert not other.there(drift.state())
    _, run = fix(drift, tmp_path)
    with happens(monkeypatch, other, cloud) as happened:
        receipts = run()
    assert happened
    assert {receipt["outcome"] for receipt in receipts} <= {"reverted", "already-ok"}, receipts
    after = drift.state()
    assert not any(drift.wrong(after[name]) - other.theirs for name in drift.names), f"{after}\n{receipts}"
    if other.there(after):
        return
    for receipt in receipts:
        for call in receipt["inverse"]:
            try:
                getattr(cloud.client(call["service"]), call["operation"])(**call["parameters"])
            except ClientError as error:
                raise AssertionError(f"{call}: {error}\n{receipt}") from error
    assert other.there(drift.state()), f"undone, it is {drift.state()}\n{receipts}"
