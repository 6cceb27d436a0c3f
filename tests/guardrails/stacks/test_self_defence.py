"""The SCP and the boundary: within AWS's limits, valid, and they stop everybody but the operators and our own."""
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from custom_actions import names
from guardrails.cli.main import main
from guardrails.deployment.hub import as_central
from guardrails.policies.policy import load
from guardrails.stacks.iam.catalogue import ActionCatalogue
from guardrails.stacks.iam.documents import filled
from guardrails.stacks.iam.needs import of_function
from guardrails.stacks.iam.operator import of_deploy
from guardrails.stacks.self_defence import (
    BOUNDARY_CHARACTERS,
    SCP_CHARACTERS,
    permissions_boundary,
    service_control_policy,
)
from tests.guardrails.deployment.test_hub import ACCOUNTS, hub_in

RED = "111111111111"
SCP, LIMITED = service_control_policy(), permissions_boundary()
DEVELOPER, DEPLOY = f"arn:aws:iam::{RED}:role/developer", f"arn:aws:iam::{RED}:role/guardrails-deploy"


def denied(policy: dict[str, Any], principal: str, action: str, resource: str, **context: str) -> bool:
    """Whether a Deny of the policy matches the call."""
    context = {"aws:PrincipalArn": principal, **context}
    return any(
        statement["Effect"] == "Deny"
        and any(fnmatchcase(action.lower(), each.lower()) for each in listed(statement["Action"]))
        and any(fnmatchcase(resource, each) for each in listed(statement["Resource"]))
        and all(
            not any(fnmatchcase(context.get(key, ""), each) for each in listed(values))
            for operator, block in statement.get("Condition", {}).items() for key, values in block.items()
            if operator == "ArnNotLike")
        for statement in policy["Statement"])


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_they_fit(partition: str) -> None:
    for policy, limit in ((service_control_policy(partition), SCP_CHARACTERS),
                          (permissions_boundary(partition), BOUNDARY_CHARACTERS)):
        assert len(json.dumps(policy, separators=(",", ":"))) <= limit
        assert f"arn:{partition}:lambda" in json.dumps(policy)


@pytest.mark.parametrize("policy", [SCP, LIMITED], ids=["scp", "boundary"])
def test_cloudformation_takes_them(policy: dict[str, Any], tmp_path: Path) -> None:
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {
        "Policy": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": policy}},
        "Scp": {"Type": "AWS::Organizations::Policy", "Properties": {
            "Name": "guardrails", "Type": "SERVICE_CONTROL_POLICY", "Content": policy}}}}
    (tmp_path / "t.json").write_text(json.dumps(template))
    lint = subprocess.run([Path(sys.executable).with_name("cfn-lint"), "t.json"], cwd=tmp_path, capture_output=True,
                          text=True, timeout=120)
    assert (lint.returncode, lint.stdout) == (0, "")


def test_an_scp_has_only_what_an_scp_may_have() -> None:
    for statement in SCP["Statement"]:
        assert set(statement) == {"Sid", "Effect", "Action", "Resource", "Condition"}
        assert statement["Effect"] == "Deny" and statement["Sid"].isalnum()


def test_every_action_is_one_of_aws_and_can_be_limited_to_its_resource() -> None:
    known = ActionCatalogue.shipped()
    for statement in SCP["Statement"]:
        services = {arn.split(":")[2] for arn in listed(statement["Resource"]) if arn != "*"}
        for pattern in statement["Action"]:
            service, _, name = pattern.partition(":")
            actions = [each for each in known.services[service]["Actions"] if fnmatchcase(each, name.lower())]
            assert actions, f"AWS has no action {pattern}"
            entries = [known.services[service]["Actions"][each].get("Resources") for each in actions]
            if statement["Resource"] == "*":
                continue
            assert service in services, pattern
            # A glob may cover others, such as CreateEventSourceMapping, which name no function.
            assert any(entries), f"{pattern} cannot be limited to a resource"


def arns() -> Iterator[tuple[str, str]]:
    function, role = f"arn:aws:lambda:eu-west-1:{RED}:function:", f"arn:aws:iam::{RED}:role/"
    for name in ("custodian-x", names.RESPONDER, names.MAILER):
        for action in ("UpdateFunctionCode", "UpdateFunctionConfiguration", "InvokeFunction", "DeleteFunction",
                       "PutFunctionConcurrency", "AddPermission", "CreateFunction", "CreateAlias", "PublishVersion",
                       "CreateFunctionUrlConfig", "TagResource", "PutFunctionEventInvokeConfig"):
            yield f"lambda:{action}", function + name
    rule = f"arn:aws:events:eu-west-1:{RED}:rule/"
    for name in ("custodian-x", "guardrails-forward-1", "guardrails/custodian-x", names.TOPIC):
        for action in ("PutRule", "DeleteRule", "DisableRule", "PutTargets", "RemoveTargets"):
            yield f"events:{action}", rule + name
    bus = f"arn:aws:events:eu-west-1:{RED}:event-bus/{names.HUB_BUS}"
    yield from ((f"events:{action}", bus) for action in ("PutEvents", "DeleteEventBus", "UpdateEventBus"))
    yield "events:PutPermission", "*"
    for name in (names.FUNCTION_ROLE, names.HUB_ROLE, names.MEMBER_ROLE, names.FORWARD_ROLE, names.RESPONDER_ROLE,
                 names.REDELIVERY_ROLE, names.DEPLOY_ROLE, names.DOCTOR_ROLE, names.MAILER, "custodian-x"):
        for action in ("UpdateAssumeRolePolicy", "AttachRolePolicy", "PutRolePolicy", "DeleteRolePolicy", "CreateRole",
                       "PassRole", "DeleteRole", "DetachRolePolicy", "PutRolePermissionsBoundary", "UpdateRole"):
            yield f"iam:{action}", role + name
    yield "iam:CreatePolicyVersion", f"arn:aws:iam::{RED}:policy/guardrails-roles-FunctionPolicy1-ABC"
    topic = f"arn:aws:sns:eu-west-1:{RED}:{names.TOPIC}"
    for action in ("Publish", "SetTopicAttributes", "DeleteTopic", "Subscribe", "AddPermission"):
        yield f"sns:{action}", topic
    yield "sns:Unsubscribe", f"{topic}:0b-1"
    for name in (names.FAILED_QUEUE, names.MAILER, f"{names.MAILER}-failed"):
        for action in ("SendMessage", "PurgeQueue", "DeleteQueue", "SetQueueAttributes", "ReceiveMessage"):
            yield f"sqs:{action}", f"arn:aws:sqs:eu-west-1:{RED}:{name}"
    for name in (f"default/{names.REDELIVERY_PREFIX}abc", "other/custodian-x"):
        for action in ("CreateSchedule", "UpdateSchedule", "DeleteSchedule"):
            yield f"scheduler:{action}", f"arn:aws:scheduler:eu-west-1:{RED}:schedule/{name}"
    project = f"arn:aws:codebuild:eu-west-1:{RED}:project/{names.NIGHTLY}"
    yield from ((f"codebuild:{action}", project) for action in ("StartBuild", "UpdateProject", "DeleteProject"))
    yield "scheduler:UpdateSchedule", f"arn:aws:scheduler:eu-west-1:{RED}:schedule/default/{names.NIGHTLY}"
    yield "sns:Subscribe", f"arn:aws:sns:eu-west-1:{RED}:{names.NIGHTLY}"
    yield "logs:DeleteLogGroup", f"arn:aws:logs:eu-west-1:{RED}:log-group:/aws/lambda/custodian-x"
    yield "config:DeleteConfigRule", f"arn:aws:config:eu-west-1:{RED}:config-rule/config-rule-x1"
    yield "cloudformation:UpdateStack", f"arn:aws:cloudformation:eu-west-1:{RED}:stack/StackSet-guardrails-roles-1/2"


@pytest.mark.parametrize(("action", "resource"), sorted(set(arns())))
def test_nobody_but_an_operator_may(action: str, resource: str) -> None:
    stack_set = f"arn:aws:iam::{RED}:role/stacksets-exec-0123456789abcdef"
    for policy in (SCP, LIMITED):
        assert denied(policy, DEVELOPER, action, resource)
        assert denied(policy, f"arn:aws:iam::{RED}:user/guardrails", action, resource)
        assert not denied(policy, DEPLOY, action, resource, **{"iam:PermissionsBoundary": BOUNDARY})
        assert not denied(policy, stack_set, action, resource, **{"iam:PermissionsBoundary": BOUNDARY})


BOUNDARY = f"arn:aws:iam::{RED}:policy/guardrails-boundary"


def test_our_own_work_goes_on(tmp_path: Path) -> None:
    """Nothing that a function or `deploy` needs is denied to its role."""
    hub = hub_in(ACCOUNTS, tmp_path)
    policies = [policy for policy in load() if policy.deploys]
    work = [(names.FUNCTION_ROLE, need) for policy in policies for need in of_function(policy, shared=True)]
    work += [(names.HUB_ROLE, need) for policy in policies if policy.kind.value == "realtime"
             for need in of_function(as_central(policy, hub, {}))]
    work += [(names.DEPLOY_ROLE, need) for need in of_deploy(policies)]
    assert len(work) > 500
    for role, need in work:
        for resource in filled(list(need.resources), partition="aws", account=RED):
            if need.action.startswith("iam:") and need.action != "iam:PassRole":
                continue  # on other roles than ours
            assert not denied(SCP, f"arn:aws:iam::{RED}:role/{role}", need.action, resource), (role, need)
    deliver = (f"arn:aws:iam::{RED}:role/{names.REDELIVERY_ROLE}", "lambda:InvokeFunction",
               f"arn:aws:lambda:eu-west-1:{RED}:function:custodian-x")
    forward = (f"arn:aws:iam::{RED}:role/{names.FORWARD_ROLE}", "events:PutEvents",
               "arn:aws:events:eu-west-1:999999999999:event-bus/guardrails")
    assert not denied(SCP, *deliver) and not denied(SCP, *forward)


@pytest.mark.parametrize(("action", "resource"), [
    ("lambda:UpdateFunctionCode", f"arn:aws:lambda:eu-west-1:{RED}:function:shop"),
    ("events:PutRule", f"arn:aws:events:eu-west-1:{RED}:rule/shop"),
    ("events:PutEvents", f"arn:aws:events:eu-west-1:{RED}:event-bus/default"),
    ("iam:CreateRole", f"arn:aws:iam::{RED}:role/shop"), ("sns:Publish", f"arn:aws:sns:eu-west-1:{RED}:shop"),
    ("sqs:SendMessage", f"arn:aws:sqs:eu-west-1:{RED}:shop"), ("config:PutEvaluations", "*"),
    ("scheduler:CreateSchedule", f"arn:aws:scheduler:eu-west-1:{RED}:schedule/default/shop"),
    ("lambda:GetFunction", f"arn:aws:lambda:eu-west-1:{RED}:function:custodian-x"),
    ("logs:FilterLogEvents", f"arn:aws:logs:eu-west-1:{RED}:log-group:/aws/lambda/custodian-x"),
])
def test_everything_else_is_left_alone(action: str, resource: str) -> None:
    assert not denied(SCP, DEVELOPER, action, resource)
    assert not denied(LIMITED, DEVELOPER, action, resource, **{"iam:PermissionsBoundary": BOUNDARY})


def test_the_boundary_cannot_be_shed() -> None:
    other, user = f"arn:aws:iam::{RED}:role/other", f"arn:aws:iam::{RED}:user/x"
    for action, resource in (("iam:CreateRole", other), ("iam:CreateUser", user),
                             ("iam:PutUserPermissionsBoundary", user)):
        assert denied(LIMITED, DEVELOPER, action, resource)
        assert denied(LIMITED, DEVELOPER, action, resource, **{"iam:PermissionsBoundary": f"{BOUNDARY}-2"})
        assert not denied(LIMITED, DEVELOPER, action, resource, **{"iam:PermissionsBoundary": BOUNDARY})
    assert denied(LIMITED, DEVELOPER, "iam:DeleteUserPermissionsBoundary", user)
    assert denied(LIMITED, DEVELOPER, "iam:CreatePolicyVersion", BOUNDARY)
    assert LIMITED["Statement"][0] == {"Sid": "Rest", "Effect": "Allow", "Action": "*", "Resource": "*"}


def test_the_verb_writes_both_for_the_named_operators(tmp_path: Path) -> None:
    ended = CliRunner().invoke(main, [
        "templates", "-o", str(tmp_path / "out"), "--operator", "platform-*", "--partition", "aws-cn"])
    assert ended.exit_code == 0, ended.output
    for name, policy in (("service-control-policy", service_control_policy),
                         ("permissions-boundary", permissions_boundary)):
        assert json.loads((tmp_path / "out" / f"{name}.json").read_text()) == policy("aws-cn", ["platform-*"])
    scp = json.loads((tmp_path / "out" / "service-control-policy.json").read_text())
    function = f"arn:aws-cn:lambda:cn-north-1:{RED}:function:custodian-x"
    assert not denied(scp, f"arn:aws-cn:iam::{RED}:role/platform-admin", "lambda:UpdateFunctionCode", function)
    assert denied(scp, f"arn:aws-cn:iam::{RED}:role/guardrails-deploy", "lambda:UpdateFunctionCode", function)
