"""Which permissions a policy needs, and for what.

c7n's `Policy.get_permissions()` is not enough: it ignores what is inside `or`, `and` and `not`, and the parents of a
child resource, and some filters and actions declare permissions that they do not need. So this module collects the
permissions of every filter and action, however deeply nested, and `corrections.yml` corrects wrong declarations.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from c7n.config import Config
from c7n.filters.core import BooleanGroupFilter
from c7n.filters.missing import Missing
from c7n.policy import Policy as EnginePolicy

from custom_actions.aws import ANSWERED
from custom_actions.names import FUNCTION_PREFIX, REDELIVERY_PREFIX, REDELIVERY_ROLE, STATE_TABLE

from ...command import command
from ...errors import GuardrailsError
from ...policies import Kind, Policy, Scope, audit_scope, deploy_scope, resource_class, type_of, walk
from ...yamlfile import read
from .catalogue import ActionCatalogue

ACCOUNT, PARTITION = "${Account}", "${Partition}"
"""Placeholders in ARNs for the account and the partition of the role."""
# An account and a region that do not exist: where c7n fills them in, they are replaced by placeholders.
_NOBODY, _NOWHERE = "000000000000", "xx-none-0"
# Needs no permission: every principal may call it.
_FREE = frozenset({"sts:GetCallerIdentity"})
_SCHEDULE = "scheduler:CreateSchedule"
_SCHEDULES = (f"arn:{PARTITION}:scheduler:*:{ACCOUNT}:schedule/default/{REDELIVERY_PREFIX}*",)
_REDELIVERY = (f"arn:{PARTITION}:iam::{ACCOUNT}:role/{REDELIVERY_ROLE}",)
STATE_CALLS = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem")
"""What functions call on the state table (custom_actions/aws/shared_state.py)."""
_IN_BULK = frozenset(f"iam:{operation}" for operation in ANSWERED)
_IN_A_VPC = ("CreateNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets", "DeleteNetworkInterface")


@dataclass(frozen=True)
class IamCondition:
    """One condition of an IAM statement."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Permission:
    """One action that a role must allow, and why."""

    action: str
    by: str
    """What calls it, in words."""
    regional: bool = True
    """Whether it is called only in the regions where the policy runs."""
    resources: tuple[str, ...] = ()
    """The only resources on which it is called; empty: every resource of the action's types."""
    conditions: tuple[IamCondition, ...] = ()


def of_policy(
    policy: Policy, variables: Sequence[Mapping[str, Any]] = ({},), *, mode: bool = False, actions: bool = True
) -> list[Permission]:
    """What the policy's filters and actions need.

    Args:
        variables: the distinct `vars` of the accounts in which it runs: a parameter can add calls.
        mode: whether it runs as a function; if not, in a sweep.
        actions: whether its actions run.

    Raises GuardrailsError for an action that AWS does not define.
    """
    data = {
        key: value for key, value in policy.data.items()
        if (mode or key != "mode") and (actions or key != "actions")
    }
    regional = _regional(policy, mode=mode)
    found: dict[Permission, None] = {}
    for given in variables:
        engine = _engine_policy(data, policy, given)
        for by, permissions, settings in _declared(engine):
            for action in sorted(set(permissions) - _FREE):
                need = Permission(action, f"{policy.name}: {by}", regional)
                for limited in _limited(need, settings, engine.data, permissions):
                    found[limited] = None
    _refuse_unknown(found, policy)
    return list(found)


def of_function(
    policy: Policy, variables: Sequence[Mapping[str, Any]] = ({},), *, shared: bool = False
) -> list[Permission]:
    """What the policy's function needs: for the policy itself, and for Lambda and c7n to run it.

    `shared`: whether functions of other policies have the same role; one permission then covers all their logs.
    """
    logs = f"{policy.mode.get('function-prefix', FUNCTION_PREFIX)}*" if shared else policy.function
    own = of_policy(policy, variables, mode=True)
    if policy.mode.get("member-role"):
        # In the hub, the member's role makes the policy's own calls.
        own = [permission for permission in own if redelivers(permission)]
    return [*own, *_around(policy, logs)]


def redelivers(permission: Permission) -> bool:
    """Whether a function uses the permission to have an event delivered to itself again.

    It always does so with its own credentials, also where another role makes the policy's calls.
    """
    return permission.resources in (_SCHEDULES, _REDELIVERY)


def of_sweep(policies: Iterable[Policy], variables: Sequence[Mapping[str, Any]], *, heal: bool) -> list[Permission]:
    """What a sweep of the policies needs in an account; with `heal`, also for their fixes."""
    permissions = [Permission("ec2:DescribeRegions", "finding the account's regions (--region all)", regional=False)]
    for policy in policies:
        permissions += of_policy(policy, variables, actions=heal)
    if {permission.action for permission in permissions} & _IN_BULK:
        # Without it every user, group and role is read singly.
        permissions.append(Permission("iam:GetAccountAuthorizationDetails", "reading IAM in bulk (audit)"))
    return permissions


def of_hub(roles: Sequence[str]) -> list[Permission]:
    """What the operator needs in the hub account, to list the member accounts and to access them."""
    arns = tuple(f"arn:{PARTITION}:iam::*:role/{role}" for role in roles)
    listing = (
        "DescribeOrganization", "ListRoots", "ListOrganizationalUnitsForParent", "ListAccountsForParent",
        "ListTagsForResource",
    )
    return [
        # Without roles, no permission: empty resources would mean all of them.
        *([Permission("sts:AssumeRole", "accessing the member accounts", resources=arns)] if arns else []),
        *(Permission(f"organizations:{name}", "the verb accounts") for name in listing),
    ]


def of_securityhub() -> list[Permission]:
    """What `--securityhub` needs in an account."""
    names = ("GetFindings", "BatchImportFindings", "BatchUpdateFindings")
    return [Permission(f"securityhub:{name}", "--securityhub", resources=("*",)) for name in names]


def _regional(policy: Policy, *, mode: bool) -> bool:
    """Whether the policy calls AWS only in the region in which it runs."""
    return audit_scope(policy) is Scope.REGION and (not mode or deploy_scope(policy) is Scope.REGION)


def _around(policy: Policy, logs: str) -> Iterator[Permission]:
    regional = _regional(policy, mode=True)
    return (replace(each, regional=regional) for each in _of_mode(policy, logs))


def _of_mode(policy: Policy, logs: str) -> Iterator[Permission]:
    mode, by = policy.mode, f"{policy.name}: "
    group = f"arn:{PARTITION}:logs:*:{ACCOUNT}:log-group:/aws/lambda/{logs}"
    for name in ("CreateLogGroup", "CreateLogStream", "PutLogEvents"):
        yield Permission(f"logs:{name}", by + "the function's log", resources=(group, f"{group}:*"))
    if mode["type"] in ("config-rule", "config-poll-rule"):
        yield Permission("config:PutEvaluations", by + "its evaluations")
    if mode["type"] == "config-rule":
        yield Permission("config:GetResourceConfigHistory", by + "configuration items too large for a message")
    if mode["type"] == "config-poll-rule":
        yield Permission("config:GetComplianceDetailsByConfigRule", by + "evaluations of deleted resources")
    options = mode.get("execution-options") or {}
    if str(options.get("output_dir", "")).startswith("s3://"):
        place, filled_in, _ = str(options["output_dir"]).partition("?")[0].partition("{")
        below = place.removeprefix("s3://")
        if not filled_in:
            below = below.rstrip("/") + "/"
        yield Permission("s3:PutObject", by + "its output", resources=(f"arn:{PARTITION}:s3:::{below}*",))
    if options.get("metrics"):
        yield Permission("cloudwatch:PutMetricData", by + "its metrics")
    for role in filter(None, (mode.get("member-role"), options.get("assume_role"))):
        arn = str(role).replace("{account_id}", "*")
        yield Permission("sts:AssumeRole", by + "the member's role", resources=(arn,))
    if target := (mode.get("dead_letter_config") or {}).get("TargetArn"):
        action = "sqs:SendMessage" if ":sqs:" in target else "sns:Publish"
        yield Permission(action, by + "failed events", resources=(placed(str(target)),))
    # A fix of any mode remembers there what it has told.
    if policy.kind is Kind.REALTIME or policy.heals:
        table = f"arn:{PARTITION}:dynamodb:*:{ACCOUNT}:table/{STATE_TABLE}"
        for name in STATE_CALLS:
            yield Permission(name, by + "what its instances share", resources=(table,))
    if (mode.get("tracing_config") or {}).get("Mode") == "Active":
        for name in ("PutTraceSegments", "PutTelemetryRecords"):
            yield Permission(f"xray:{name}", by + "its traces")
    if mode.get("subnets"):
        for name in _IN_A_VPC:
            yield Permission(f"ec2:{name}", by + "a function in a VPC", resources=("*",))


def _engine_policy(data: Mapping[str, Any], policy: Policy, variables: Mapping[str, Any]) -> EnginePolicy:
    resource_class(policy.resource)
    options = Config.empty(region=_NOWHERE, account_id=_NOBODY)
    try:
        engine = EnginePolicy(deepcopy(dict(data)), options)
        engine.expand_variables(engine.get_variables(dict(variables)))
        # Some filters and actions know their permissions only after validation.
        engine.validate()
    # Any filter or action, of c7n or of ours, can raise anything on settings that it does not expect.
    except Exception as error:
        raise GuardrailsError(
            f"{policy.where}: {policy.name}: {error}", f"{command('validate')} shows every error") from error
    return engine


def _declared(policy: EnginePolicy) -> Iterator[tuple[str, set[str], Any]]:
    """The corrected permissions of each filter and action of the policy, with its name and its settings."""
    yield from _of_resource(policy.resource_manager)
    for element, kind in _elements(policy):
        if isinstance(element, Missing):
            yield from _declared(element.embedded_policy)
            continue
        name, manager = str(element.data.get("type") or element.type), policy.resource_manager
        permissions = _corrected(set(element.get_permissions()), manager, {kind: name}, element.data)
        # A fix with an action of c7n keeps `otherwise` apart from the settings of c7n.
        otherwise = getattr(element, "otherwise", None)
        yield f"{kind} {name}", permissions, {**element.data, "otherwise": otherwise} if otherwise else element.data


def _of_resource(manager: Any) -> Iterator[tuple[str, set[str], Any]]:
    yield f"aws.{manager.type}", _corrected(set(manager.get_permissions()), manager, {}, {}), {}
    parent = getattr(manager.resource_type, "parent_spec", None)
    if parent:
        yield from _of_resource(manager.get_resource_manager(parent[0]))


def _elements(policy: EnginePolicy) -> Iterator[tuple[Any, str]]:
    def inside(filters: Iterable[Any]) -> Iterator[tuple[Any, str]]:
        for element in filters:
            if isinstance(element, BooleanGroupFilter):
                yield from inside(element.filters)
            else:
                yield element, "filter"

    yield from inside(policy.resource_manager.filters)
    for element in policy.resource_manager.actions:
        yield element, "action"


@cache
def data_file(name: str) -> Any:
    """The content of a YAML file of this package."""
    return read(Path(__file__).with_name(name)).data


def _corrected(permissions: set[str], manager: Any, element: Mapping[str, str], settings: Any) -> set[str]:
    corrected = set(permissions)
    for entry in data_file("corrections.yml"):
        named = {kind: entry[kind] for kind in ("filter", "action") if kind in entry}
        if entry.get("with"):
            holds = entry["with"] in permissions
        else:
            wanted = entry.get("settings", {})
            holds = (
                named == element and entry.get("resource") in (None, f"aws.{manager.type}")
                and all(isinstance(settings, Mapping) and settings.get(key) == wanted[key] for key in wanted)
                and all(isinstance(settings, Mapping) and name in (settings.get(key) or ())
                        for key, name in entry.get("has", {}).items())
            )
        if holds:
            corrected = (corrected | set(entry.get("add", ()))) - set(entry.get("remove", ()))
    return corrected


def _limited(
    permission: Permission, settings: Any, policy: Mapping[str, Any], others: set[str]
) -> Iterator[Permission]:
    """The permission, limited to resources and conditions as far as the policy's settings allow.

    Nothing when the settings exclude the call. `others`: all actions that the same filter or action needs.
    """
    limits = data_file("limits.yml")
    if marker := limits["targets"].get(permission.action):
        targets = tuple(dict.fromkeys(
            placed(text) for text in _texts(settings) if text.startswith("arn:") and marker in text))
        yield replace(permission, resources=targets)
        return
    if permission.action == _SCHEDULE:
        yield replace(permission, resources=_SCHEDULES)
        return
    if permission.action == "iam:PassRole":
        services = tuple(sorted(service for call, service in limits["role-for"].items() if call in others))
        if _SCHEDULE in others:
            yield replace(permission, resources=_REDELIVERY, conditions=(
                IamCondition("StringEquals", "iam:PassedToService", ("scheduler.amazonaws.com",)),))
            if not services:
                return
        conditions = (IamCondition("StringEquals", "iam:PassedToService", services),) if services else ()
        yield replace(permission, conditions=conditions)
        return
    for entry in limits["conditions"]:
        if permission.action not in entry["actions"] or not {entry.get("with", permission.action)} <= {
                permission.action, *others}:
            continue
        values: tuple[str, ...] | None = (entry["value"],) if "value" in entry else _named(entry["from"], policy)
        if values is None:
            break  # by a filter or action that the table does not list: not limited
        if values:
            yield replace(permission, conditions=(IamCondition(entry["operator"], entry["key"], values),))
        # An empty list: the call is never made.
        return
    yield permission


def _named(source: Mapping[str, str], policy: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The managed policies in the settings, as ARNs; None when the policy has no filter or action of the table."""
    known, found = False, []
    for kind in ("filters", "actions"):
        for _, entry in walk(policy.get(kind), (kind,)):
            if (name := type_of(entry)) in source and isinstance(entry, Mapping):
                known = True
                given = entry.get(source[name]) or ()
                found += [given] if isinstance(given, str) else [str(one) for one in given]
    if not known:
        return None
    return tuple(dict.fromkeys(
        placed(text) if text.startswith("arn:") or text == "*" else f"arn:{PARTITION}:iam::*:policy/{text}"
        for text in found
    ))


def placed(arn: str) -> str:
    """An ARN of a policy's settings, with placeholders for account and partition, and `*` for the region."""
    for known, placeholder in (
        (_NOBODY, ACCOUNT), ("{account_id}", ACCOUNT), (_NOWHERE, "*"), ("{region}", "*"), ("{partition}", PARTITION),
    ):
        arn = arn.replace(known, placeholder)
    return arn.replace("arn:aws:", f"arn:{PARTITION}:", 1) if arn.startswith("arn:aws:") else arn


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for entry in value:
            yield from _texts(entry)
    elif isinstance(value, str):
        yield value


def _refuse_unknown(permissions: Iterable[Permission], policy: Policy) -> None:
    catalogue = ActionCatalogue.shipped()
    for each in permissions:
        if not catalogue.knows(each.action):
            raise GuardrailsError(
                f"{policy.where}: {each.by} declares {each.action}, which AWS does not define",
                catalogue.nearest(each.action) or "correct it in guardrails/stacks/iam/corrections.yml",
            )
