"""Plans how to restore one of our rules or functions after a change. Pure: no AWS, no c7n.

Targets and permissions add access. So they are restored only from CloudTrail records of the roles that deploy this
project, and only in the form that a deployment creates: one of our functions as the target, or an AWS service in our
account as the caller.
"""
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ...aws import principal_of
from ...fixing import Call, FixPlan, Step

Record = Mapping[str, Any]
CALLERS = frozenset({"events", "config", "scheduler", "sns"})
"""The services that invoke our functions."""
ADD_PERMISSION, PUT_TARGETS = "AddPermission20150331v2", "PutTargets"


@dataclass(frozen=True)
class OwnResources:
    """Which rules and functions belong to this project, and which roles deploy them.

    Attributes:
        rules, functions: ARNs, with the wildcards `*` and `?`.
        added_by: ARNs of the roles that deploy them, with the same wildcards.
        account: the id of the account.
    """

    rules: Collection[str]
    functions: Collection[str]
    added_by: Collection[str]
    account: str

    def has_rule(self, arn: str) -> bool:
        """Whether the rule belongs to this project."""
        return _matches(arn, self.rules)

    def has_function(self, arn: str) -> bool:
        """Whether the function belongs to this project."""
        return _matches(arn, self.functions)

    def deployed(self, record: Record) -> bool:
        """Whether the call was made by a role that deploys this project."""
        return _matches(principal_of(record), self.added_by)


def function_name(given: str) -> str:
    """The function's name, from its name, ARN or partial ARN in a CloudTrail record; without an alias or a version."""
    parts = given.split(":")
    if "function" in parts[:-1]:
        return parts[parts.index("function") + 1]
    return parts[1] if len(parts) > 1 and len(parts[0]) == 12 and parts[0].isdigit() else parts[0]


def bus_of(request: Mapping[str, Any]) -> dict[str, str]:
    """The parameter that names the event bus of a rule; empty for the default bus."""
    bus = str(request.get("eventBusName") or "default")
    return {} if bus == "default" else {"EventBusName": bus}


def plan_rule(name: str, bus: Mapping[str, str], state: str) -> FixPlan:
    """Plan to enable a rule whose state is DISABLED."""
    if state != "DISABLED":
        return FixPlan()
    return FixPlan([Step(
        f"enable {name}", Call("events", "enable_rule", {"Name": name, **bus}),
        Call("events", "disable_rule", {"Name": name, **bus}),
        removed={"state": "DISABLED"}, added={"state": "ENABLED"})])


def plan_concurrency(function: str, reserved: int | None) -> FixPlan:
    """Plan to remove a reserved concurrency of zero, with which a function never runs."""
    if reserved != 0:
        return FixPlan()
    return FixPlan([Step(
        f"remove the reserved concurrency of {function}",
        Call("lambda", "delete_function_concurrency", {"FunctionName": function}),
        Call("lambda", "put_function_concurrency", {"FunctionName": function, "ReservedConcurrentExecutions": 0}),
        removed={"reservedConcurrentExecutions": 0},
        note="if the policy sets a reserved concurrency, the next deployment sets it again")])


def plan_targets(
    rule: str, bus: Mapping[str, str], removed: Iterable[str], present: Collection[str], known: Mapping[str, str]
) -> FixPlan:
    """Plan to add removed targets again.

    Args:
        rule: the rule's name.
        removed: the ids that the event removed.
        present: the ids that the rule has now.
        known: the ARN of each target that a deployment added, by target id.
    """
    missing = [target for target in removed if target not in present]
    steps = [
        Step(f"add the target {target} again", Call(
                "events", "put_targets", {"Rule": rule, **bus, "Targets": [{"Id": target, "Arn": known[target]}]}),
             Call("events", "remove_targets", {"Rule": rule, **bus, "Ids": [target]}),
             added={"target": target, "arn": known[target]}, confirm=True, overwrites=True)
        for target in missing if target in known
    ]
    unknown = [target for target in missing if target not in known]
    return FixPlan(steps, cannot=f"no deployment in the event history added {', '.join(unknown)}" if unknown else "")


def plan_permission(
    function: str, statement: str, present: Collection[str], known: Mapping[str, str] | None
) -> FixPlan:
    """Plan to add a removed statement to a function's policy again.

    Args:
        present: the ids of the statements that the policy has now.
        known: the parameters with which a deployment called AddPermission; None if no such call is known.
    """
    if statement in present:
        return FixPlan()
    if known is None:
        return FixPlan(cannot=f"no deployment in the event history added the permission {statement}")
    return FixPlan([Step(
        f"add the permission {statement} again",
        Call("lambda", "add_permission", {"FunctionName": function, "StatementId": statement, **known}),
        Call("lambda", "remove_permission", {"FunctionName": function, "StatementId": statement}),
        added={"statement": statement, **known}, no_harm=frozenset({"ResourceConflictException"}), confirm=True)])


def known_targets(rule: str, bus: Mapping[str, str], earlier: Iterable[Record], own: OwnResources) -> dict[str, str]:
    """The ARNs of the rule's targets by their ids, from a deployment's PutTargets records, newest first.

    Only targets that are our functions and have only an id and an ARN.
    """
    found: dict[str, str] = {}
    for record in earlier:
        request = record.get("requestParameters") or {}
        if request.get("rule") != rule or bus_of(request) != dict(bus) or not own.deployed(record):
            continue
        for target in request.get("targets") or ():
            if target.keys() == {"id", "arn"} and own.has_function(str(target["arn"])):
                found.setdefault(str(target["id"]), str(target["arn"]))
    return found


def known_permission(
    function: str, statement: str, earlier: Iterable[Record], own: OwnResources
) -> dict[str, str] | None:
    """AddPermission's parameters other than the function and the statement id, from a deployment's newest record.

    Only if the statement lets an AWS service invoke the function for this account.
    """
    for record in earlier:
        request = record.get("requestParameters") or {}
        named = function_name(str(request.get("functionName") or ""))
        if named != function or request.get("statementId") != statement or not own.deployed(record):
            continue
        principal, source = str(request.get("principal") or ""), str(request.get("sourceArn") or "")
        ours = f":{own.account}:" in source or (not source and request.get("sourceAccount") == own.account)
        service = principal.removesuffix(".amazonaws.com")
        if service not in CALLERS or not ours or request.get("action") != "lambda:InvokeFunction":
            return None
        given = {"Action": request["action"], "Principal": principal, "SourceArn": source,
                 "SourceAccount": str(request.get("sourceAccount") or "")}
        return {key: value for key, value in given.items() if value}
    return None


def _matches(text: str, patterns: Collection[str]) -> bool:
    return bool(text) and any(fnmatchcase(text, pattern) for pattern in patterns)
