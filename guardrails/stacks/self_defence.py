"""A service control policy (SCP) and a permissions boundary that protect our resources from changes.

Anyone who can change a function's code, its event rule or its role decides what is found and fixed, and with which
permissions. Our resources are recognized by their names (custom_actions/names.py). The operators' roles are excepted,
and our own roles for the calls that they make at run time.

The SCP is for the organization's units. The boundary is for accounts without an organization: attach it to the users
and roles of people. They can then create other users and roles only with the same boundary.

Source: AWS Organizations' and IAM's quotas; the service authorization reference; CloudFormation's guide, "Using
self-managed permissions" and "Service-managed permissions", for the roles with which stack sets deploy.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from custom_actions.names import (
    DEPLOY_ROLE,
    EVENTS_QUEUE,
    FAILED_QUEUE,
    FUNCTION_PREFIX,
    HUB_BUS,
    MAILER,
    NIGHTLY,
    REDELIVERY_PREFIX,
    STATE_TABLE,
    SWEEPS,
    TOPIC,
)

SCP_CHARACTERS, BOUNDARY_CHARACTERS = 5_120, 6_144
"""The quotas, without white space."""
BOUNDARY = "guardrails-boundary"
"""The name of the managed policy that the boundary is."""
OPERATORS = (DEPLOY_ROLE, "AWSCloudFormationStackSetExecutionRole", "stacksets-exec-*")
"""The roles that deploy functions and stacks, by default."""
_OWN = ("guardrails*", f"{FUNCTION_PREFIX}*")


@dataclass(frozen=True)
class Protection:
    """Calls on our resources that are denied, except for some roles."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    """ARNs, with `{partition}`."""
    own: bool = False
    """Whether our own roles make these calls as well, and not only the operators."""


def _arns(service: str, *names: str, region: str = "*") -> tuple[str, ...]:
    return tuple(f"arn:{{partition}}:{service}:{region}:*:{name}" for name in names)


_FUNCTIONS = _arns("lambda", f"function:{FUNCTION_PREFIX}*", f"function:{MAILER}*", f"function:{SWEEPS}-*")
_ROLES = _arns("iam", "role/guardrails*", f"role/{FUNCTION_PREFIX}*", region="")
# `rule/guardrails*` includes the rules on the hub's bus: rule/guardrails/NAME.
_RULES = _arns("events", f"rule/{FUNCTION_PREFIX}*", "rule/guardrails*")
_BUS = _arns("events", f"event-bus/{HUB_BUS}")
PROTECTIONS = (
    Protection((
        "lambda:Create*", "lambda:DeleteA*", "lambda:DeleteE*", "lambda:DeleteFunction", "lambda:DeleteFunctionCode*",
        "lambda:DeleteFunctionE*", "lambda:DeleteFunctionU*", "lambda:DeleteP*", "lambda:Publish*", "lambda:Put*",
        "lambda:Remove*", "lambda:TagResource", "lambda:UntagResource", "lambda:Update*"), _FUNCTIONS),
    # The policy self-defence-revert restores with these: policies/realtime/self-defence.yml.
    Protection(("lambda:Add*", "lambda:DeleteFunctionConcurrency"), _FUNCTIONS, own=True),
    Protection(("events:EnableRule", "events:PutTargets"), _RULES, own=True),
    # EventBridge Scheduler invokes with a role of ours. EventBridge, SNS and AWS Config are not subject to an SCP.
    Protection(("lambda:Invoke*",), _FUNCTIONS, own=True),
    Protection((
        "events:Delete*", "events:DisableRule", "events:PutRule", "events:RemoveTargets", "events:TagResource",
        "events:UntagResource", "events:UpdateEventBus"), (*_RULES, *_BUS)),
    Protection(("events:PutEvents",), _BUS, own=True),
    Protection((
        "iam:Attach*", "iam:Create*", "iam:Delete*", "iam:Detach*", "iam:Put*", "iam:SetDefaultPolicyVersion",
        "iam:Tag*", "iam:Untag*", "iam:Update*"), (*_ROLES, *_arns("iam", "policy/*guardrails*", region=""))),
    Protection(("iam:PassRole",), _ROLES, own=True),
    Protection((
        "sns:AddPermission", "sns:DeleteTopic", "sns:RemovePermission", "sns:Set*", "sns:Subscribe", "sns:TagResource",
        "sns:Unsubscribe", "sns:UntagResource"), _arns("sns", f"{TOPIC}*", f"{NIGHTLY}*")),
    Protection(("sns:Publish",), _arns("sns", TOPIC, NIGHTLY), own=True),
    Protection((
        "sqs:AddPermission", "sqs:ChangeMessageVisibility", "sqs:Delete*", "sqs:PurgeQueue", "sqs:ReceiveMessage",
        "sqs:RemovePermission", "sqs:SendMessage", "sqs:Set*", "sqs:TagQueue", "sqs:UntagQueue"),
        _arns("sqs", FAILED_QUEUE, EVENTS_QUEUE, f"{MAILER}*"), own=True),
    # Whoever writes to the table can stop a fix, or have an alert withheld.
    Protection((
        "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PartiQL*", "dynamodb:PutItem",
        "dynamodb:UpdateItem"), _arns("dynamodb", f"table/{STATE_TABLE}"), own=True),
    Protection((
        "dynamodb:CreateTable*", "dynamodb:DeleteTable*", "dynamodb:PutResourcePolicy", "dynamodb:Restore*",
        "dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive"),
        _arns("dynamodb", f"table/{STATE_TABLE}")),
    Protection(("scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule"),
               _arns("scheduler", f"schedule/*/{REDELIVERY_PREFIX}*", f"schedule/*/{FUNCTION_PREFIX}*",
                     f"schedule/*/{NIGHTLY}", f"schedule/*/{SWEEPS}"), own=True),
    # Whoever starts an execution says which shards are swept.
    Protection(("states:DeleteStateMachine", "states:UpdateStateMachine"), _arns("states", f"stateMachine:{SWEEPS}")),
    Protection(("states:StartExecution",), _arns("states", f"stateMachine:{SWEEPS}"), own=True),
    # Its role may enter all accounts, and whoever starts a build can replace its commands.
    Protection(("codebuild:DeleteProject", "codebuild:UpdateProject*"), _arns("codebuild", f"project/{NIGHTLY}")),
    Protection(("codebuild:RetryBuild*", "codebuild:StartBuild*"), _arns("codebuild", f"project/{NIGHTLY}"), own=True),
    # Receipts are in the logs.
    Protection(("logs:Delete*", "logs:PutRetentionPolicy"), _arns(
        "logs", f"log-group:/aws/lambda/{FUNCTION_PREFIX}*", f"log-group:/aws/lambda/{MAILER}*",
        f"log-group:/aws/lambda/{SWEEPS}-*")),
    # A stack uses the role with which it was created, whoever changes the stack.
    Protection((
        "cloudformation:CreateChangeSet", "cloudformation:DeleteStack", "cloudformation:ExecuteChangeSet",
        "cloudformation:UpdateStack"), _arns("cloudformation", "stack/*guardrails*")),
)
"""What is protected by name."""
_UNNAMED = ("config:DeleteConfigRule", "config:PutConfigRule", "events:PutPermission", "events:RemovePermission")
"""Actions that are protected for every resource: AWS cannot limit them to a name."""


def service_control_policy(partition: str = "aws", operators: Sequence[str] = OPERATORS) -> dict[str, Any]:
    """The SCP. `operators`: names of the roles that deploy and change our resources, with wildcards."""
    return _document(_statements(partition, operators))


def permissions_boundary(partition: str = "aws", operators: Sequence[str] = OPERATORS) -> dict[str, Any]:
    """The boundary for users and roles of people. It allows everything except changing our resources or removing it.

    Args:
        operators: the roles that may change our resources: they must not have the boundary.
    """
    own = [f"arn:{partition}:iam::*:policy/{BOUNDARY}"]
    return _document([
        {"Sid": "Rest", "Effect": "Allow", "Action": "*", "Resource": "*"},
        *_statements(partition, operators),
        {
            "Sid": "Boundary", "Effect": "Deny", "Resource": "*",
            "Action": ["iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary"],
        },
        {
            # Otherwise its creator could use a new user or role to get around the boundary.
            "Sid": "Inherit", "Effect": "Deny", "Resource": "*",
            "Action": ["iam:CreateRole", "iam:CreateUser", "iam:PutRolePermissionsBoundary",
                       "iam:PutUserPermissionsBoundary"],
            "Condition": {"ArnNotLike": {"iam:PermissionsBoundary": own}},
        },
    ])


def _statements(partition: str, operators: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Few statements, since AWS counts characters. An action of one service never acts on another service's ARN."""
    for name, own in (("Operators", False), ("Guardrails", True)):
        chosen = [each for each in PROTECTIONS if each.own is own]
        resources = dict.fromkeys(arn for each in chosen for arn in each.resources)
        yield _denied(
            name, [action for each in chosen for action in each.actions],
            [arn.replace("{partition}", partition) for arn in resources],
            partition, (*operators, *(_OWN if own else ())))
    yield _denied("Unnamed", _UNNAMED, "*", partition, operators)


def _denied(
    name: str, actions: Sequence[str], resources: Any, partition: str, excepted: Iterable[str]
) -> dict[str, Any]:
    return {
        "Sid": name, "Effect": "Deny", "Action": list(actions), "Resource": resources,
        "Condition": {"ArnNotLike": {"aws:PrincipalArn": [
            f"arn:{partition}:iam::*:role/{role}" for role in excepted]}},
    }


def _document(statements: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
