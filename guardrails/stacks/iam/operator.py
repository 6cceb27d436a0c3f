"""What who deploys, undeploys and looks after functions calls in an account.

c7n's deployment was read, and what our own verbs call was recorded in the sandbox; tests/deploying compares the two. A
role that may replace a function's code can do all that the function's role may: give it to nobody who may not.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from custom_actions.names import FUNCTION_PREFIX, HUB_ROLE, RESPONDER_ROLE, TOPIC

from ...policies import Policy
from .needs import ACCOUNT, PARTITION, IamCondition, Permission, placed

PASSED = (RESPONDER_ROLE, HUB_ROLE, f"{FUNCTION_PREFIX}*")
"""Roles of functions that no policy names: the responder's, the hub's, a function's own."""
_ANY = ("*",)

_BY_SERVICE: Mapping[str, tuple[str, ...]] = {
    "lambda": (
        "GetFunction", "GetFunctionConfiguration", "GetPolicy", "ListTags", "CreateFunction", "UpdateFunctionCode",
        "UpdateFunctionConfiguration", "PutFunctionConcurrency", "DeleteFunctionConcurrency", "TagResource",
        "UntagResource", "AddPermission", "DeleteFunction",
    ),
    "events": (
        "DescribeRule", "ListTargetsByRule", "PutRule", "PutTargets", "RemoveTargets", "DeleteRule",
    ),
    "scheduler": ("GetSchedule", "CreateSchedule", "UpdateSchedule", "DeleteSchedule"),
    "logs": ("DeleteLogGroup",),
    "config": ("PutConfigRule", "DeleteConfigRule"),
    "sns": ("ListSubscriptionsByTopic", "Subscribe", "Unsubscribe"),
}
_ANYWHERE = (
    "lambda:ListFunctions", "events:ListRuleNamesByTarget", "config:DescribeConfigRules", "logs:DescribeLogGroups",
    "ec2:DescribeRegions",
)
_READS = (
    "lambda:GetFunction", "lambda:GetPolicy", "lambda:ListFunctions", "events:ListRules", "events:ListTargetsByRule",
    "events:ListRuleNamesByTarget", "events:DescribeRule", "events:DescribeEventBus", "scheduler:GetSchedule",
    "config:DescribeConfigRules", "config:DescribeConfigRuleEvaluationStatus",
    "config:DescribeConfigurationRecorders", "config:DescribeConfigurationRecorderStatus",
    "cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors", "iam:GetRole",
    "iam:SimulatePrincipalPolicy", "iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
    "iam:GetPolicy", "iam:GetPolicyVersion", "sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sns:GetTopicAttributes",
    "sns:ListSubscriptionsByTopic", "cloudwatch:GetMetricData", "logs:FilterLogEvents", "ec2:DescribeRegions",
)


def of_deploy(policies: Iterable[Policy]) -> list[Permission]:
    """What `deploy` and `undeploy` call for these policies, on what has their functions' names."""
    policies = list(policies)
    by = "deploy, undeploy"
    prefixes = {policy.mode.get("function-prefix", FUNCTION_PREFIX) for policy in policies}
    names = sorted(f"{prefix}*" for prefix in {*prefixes, FUNCTION_PREFIX})
    needs = [Permission(action, by, regional=False, resources=_ANY) for action in _ANYWHERE]
    for service, actions in _BY_SERVICE.items():
        resources = tuple(arn for name in names for arn in _arns(service, name))
        needs += [Permission(f"{service}:{action}", by, resources=resources) for action in actions]
    if any(policy.mode.get("subnets") for policy in policies):
        needs += [Permission(f"ec2:Describe{what}", by + " in a VPC", resources=_ANY)
                  for what in ("Vpcs", "Subnets", "SecurityGroups")]
    return [replace(need, regional=False) for need in [*needs, *_passed(policies)]]


def of_doctor() -> list[Permission]:
    """What `doctor` calls; with the events that `--fire` puts on the default bus."""
    bus = f"arn:{PARTITION}:events:*:{ACCOUNT}:event-bus/default"
    return [
        *(Permission(action, "doctor", regional=False, resources=_ANY) for action in _READS),
        Permission("events:PutEvents", "doctor --fire", regional=False, resources=(bus,)),
    ]


def _arns(service: str, name: str) -> Sequence[str]:
    at = f"arn:{PARTITION}:{service}:*:{ACCOUNT}:"
    return {
        "lambda": (f"{at}function:{name}",),
        "events": (f"{at}rule/{name}",),
        "scheduler": (f"{at}schedule/*/{name}",),
        "logs": (f"{at}log-group:/aws/lambda/{name}", f"{at}log-group:/aws/lambda/{name}:*"),
        # AWS Config gives its rules ids of its own.
        "config": (f"{at}config-rule/*",),
        "sns": (f"{at}{TOPIC}", f"{at}{TOPIC}:*"),
    }[service]


def _passed(policies: Iterable[Policy]) -> Iterator[Permission]:
    """The roles that functions and schedules are given."""
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
