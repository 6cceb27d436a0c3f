"""The permissions of the operators who deploy, undeploy and examine functions in an account.

The lists come from c7n's source and from calls that were recorded in the sandbox; tests/guardrails/deployment compares
them. A role that may replace a function's code can do everything that the function's role may do: give it only to
people who may do that.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from custom_actions.names import (
    EVENTS_QUEUE,
    FUNCTION_PREFIX,
    FUNCTION_ROLE,
    HUB_BUS,
    HUB_ROLE,
    RESPONDER_ROLE,
    STATE_TABLE,
    TOPIC,
)

from ...policies import Policy
from .needs import ACCOUNT, PARTITION, IamCondition, Permission, placed

PASSED = (RESPONDER_ROLE, HUB_ROLE, f"{FUNCTION_PREFIX}*")
"""Roles of functions that no policy names: of the responder, of the hub, and a function's own role."""
_ANY = ("*",)

_BY_SERVICE: Mapping[str, tuple[str, ...]] = {
    "lambda": (
        "GetFunction", "GetFunctionConfiguration", "GetPolicy", "ListTags", "CreateFunction", "UpdateFunctionCode",
        "UpdateFunctionConfiguration", "PutFunctionConcurrency", "DeleteFunctionConcurrency", "TagResource",
        "UntagResource", "AddPermission", "RemovePermission", "DeleteFunction",
    ),
    "events": (
        "DescribeRule", "ListTargetsByRule", "PutRule", "PutTargets", "RemoveTargets", "DeleteRule",
    ),
    "scheduler": ("GetSchedule", "CreateSchedule", "UpdateSchedule", "DeleteSchedule"),
    "logs": ("DeleteLogGroup",),
    "config": ("PutConfigRule", "DeleteConfigRule"),
    "sns": ("ListSubscriptionsByTopic", "Subscribe", "Unsubscribe"),
    # What realtime functions share (deployment/shared.py); their names are fixed.
    "sqs": ("GetQueueUrl", "GetQueueAttributes", "ListQueueTags", "CreateQueue", "TagQueue", "SetQueueAttributes",
            "DeleteQueue"),
    "dynamodb": ("DescribeTable", "ListTagsOfResource", "DescribeTimeToLive", "CreateTable", "TagResource",
                 "UpdateTable", "UpdateTimeToLive", "DeleteTable"),
}
_ANYWHERE = (
    "lambda:ListFunctions", "events:ListRules", "events:ListRuleNamesByTarget", "config:DescribeConfigRules",
    "scheduler:ListSchedules", "logs:DescribeLogGroups", "ec2:DescribeRegions",
)
# What doctor reads of our own functions only: code, environment and logs of others are none of its business.
_READS_OF_OURS: Mapping[str, tuple[str, ...]] = {
    "lambda": ("GetFunction", "GetPolicy", "ListTags"),
    "events": ("ListTargetsByRule",),
    "scheduler": ("GetSchedule",),
    "logs": ("FilterLogEvents",),
    # Failed events and quarrels. Nothing is deleted.
    "sqs": ("ReceiveMessage",),
    "dynamodb": ("DescribeTable", "DescribeTimeToLive", "Scan"),
}
# What has no resource in IAM, or whose names others choose: trails, roles of functions, dead-letter queues, and the
# rules that forward events to the hub.
_READS = (
    "lambda:ListFunctions", "events:ListRules", "events:ListRuleNamesByTarget", "events:DescribeRule",
    "events:DescribeEventBus", "scheduler:ListSchedules",
    "config:DescribeConfigRules", "config:DescribeConfigRuleEvaluationStatus",
    "config:DescribeConfigurationRecorders", "config:DescribeConfigurationRecorderStatus",
    "cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors", "iam:GetRole",
    "iam:SimulatePrincipalPolicy", "iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
    "iam:GetPolicy", "iam:GetPolicyVersion", "sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sns:GetTopicAttributes",
    "sns:ListSubscriptionsByTopic", "cloudwatch:GetMetricData", "ec2:DescribeRegions",
)


def of_deploy(policies: Iterable[Policy]) -> list[Permission]:
    """What `deploy` and `undeploy` need for these policies, limited to resources with their functions' names."""
    policies = list(policies)
    by = "deploy, undeploy"
    names = _names(policies)
    permissions = [Permission(action, by, regional=False, resources=_ANY) for action in _ANYWHERE]
    for service, actions in _BY_SERVICE.items():
        resources = tuple(dict.fromkeys(arn for name in names for arn in _arns(service, name)))
        permissions += [Permission(f"{service}:{action}", by, resources=resources) for action in actions]
    if any(policy.mode.get("subnets") for policy in policies):
        permissions += [Permission(f"ec2:Describe{what}", by + " in a VPC", resources=_ANY)
                        for what in ("Vpcs", "Subnets", "SecurityGroups")]
    return [replace(each, regional=False) for each in [*permissions, *_passed(policies)]]


def of_doctor(policies: Iterable[Policy] = ()) -> list[Permission]:
    """What `doctor` needs, including `--fire`, which puts events on the default bus.

    Functions, their rules, schedules and logs are those with our names only: `custodian-*`, `guardrails*`, and what the
    policies choose as `function-prefix`.
    """
    names = [*_names(policies), f"{FUNCTION_ROLE}*"]
    bus = f"arn:{PARTITION}:events:*:{ACCOUNT}:event-bus/default"
    return [
        *(Permission(action, "doctor", regional=False, resources=_ANY) for action in _READS),
        *(Permission(f"{service}:{action}", "doctor", regional=False,
                     resources=tuple(dict.fromkeys(arn for name in names for arn in _arns(service, name))))
          for service, actions in _READS_OF_OURS.items() for action in actions),
        Permission("events:PutEvents", "doctor --fire", regional=False, resources=(bus,)),
    ]


def _names(policies: Iterable[Policy]) -> list[str]:
    """Globs of the names of functions and of what starts them."""
    prefixes = {policy.mode.get("function-prefix", FUNCTION_PREFIX) for policy in policies}
    return sorted(f"{prefix}*" for prefix in {*prefixes, FUNCTION_PREFIX})


def _arns(service: str, name: str) -> Sequence[str]:
    at = f"arn:{PARTITION}:{service}:*:{ACCOUNT}:"
    return {
        "lambda": (f"{at}function:{name}",),
        # In a hub the rules of functions are on its own bus.
        "events": (f"{at}rule/{name}", f"{at}rule/{HUB_BUS}/{name}"),
        "scheduler": (f"{at}schedule/*/{name}",),
        "logs": (f"{at}log-group:/aws/lambda/{name}", f"{at}log-group:/aws/lambda/{name}:*"),
        # The ARN of a Config rule has an id that AWS Config chooses.
        "config": (f"{at}config-rule/*",),
        "sns": (f"{at}{TOPIC}", f"{at}{TOPIC}:*"),
        "sqs": (f"{at}{EVENTS_QUEUE}",),
        "dynamodb": (f"{at}table/{STATE_TABLE}",),
    }[service]


def _passed(policies: Iterable[Policy]) -> Iterator[Permission]:
    """The permission to pass roles to functions and schedules."""
    to: dict[str, set[str]] = {
        "lambda.amazonaws.com": {f"arn:{PARTITION}:iam::{ACCOUNT}:role/{name}" for name in PASSED},
        "scheduler.amazonaws.com": set(),
    }
    for policy in policies:
        for key, service in (("role", "lambda.amazonaws.com"), ("scheduler-role", "scheduler.amazonaws.com")):
            if role := policy.mode.get(key):
                arn = str(role) if str(role).startswith("arn:") else f"arn:{PARTITION}:iam::{ACCOUNT}:role/{role}"
                to[service].add(placed(arn))
    for service, arns in to.items():
        if arns:
            yield Permission("iam:PassRole", "deploy: a function's role", resources=tuple(sorted(arns)),
                       conditions=(IamCondition("StringEquals", "iam:PassedToService", (service,)),))
