"""What puts a rule or a function of ours back after a change. Pure: no AWS, no c7n.

What adds access (a target, a permission) comes from the records of those who deploy us, and of these only what a
deployment of ours makes: a function of ours as the target, a service of AWS in our account as the caller.
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
    """Which rules and functions are ours, and who deploys them.

    Attributes:
        rules, functions: ARNs, with `*` and `?`.
        added_by: ARNs of the roles that deploy them, likewise.
        account: the account's id.
    """

    rules: Collection[str]
    functions: Collection[str]
    added_by: Collection[str]
    account: str

    def has_rule(self, arn: str) -> bool:
        """Whether the rule is ours."""
        return _matches(arn, self.rules)

    def has_function(self, arn: str) -> bool:
        """Whether the function is ours."""
        return _matches(arn, self.functions)

    def deployed(self, record: Record) -> bool:
        """Whether somebody made the call who deploys us."""
        return _matches(principal_of(record), self.added_by)


def function_name(given: str) -> str:
    """The name in a function's name, ARN or part of an ARN, as CloudTrail has it; without an alias or a version."""
    parts = given.split(":")
    if "function" in parts[:-1]:
        return parts[parts.index("function") + 1]
    return parts[1] if len(parts) > 1 and len(parts[0]) == 12 and parts[0].isdigit() else parts[0]


def bus_of(request: Mapping[str, Any]) -> dict[str, str]:
    """The parameter that names a rule's bus; none for the default bus."""
    bus = str(request.get("eventBusName") or "default")
    return {} if bus == "default" else {"EventBusName": bus}


def plan_rule(name: str, bus: Mapping[str, str], state: str) -> FixPlan:
    """Enable a rule whose state is DISABLED."""
    if state != "DISABLED":
        return FixPlan()
    return FixPlan([Step(
        f"enable {name}", Call("events", "enable_rule", {"Name": name, **bus}),
        Call("events", "disable_rule", {"Name": name, **bus}),
        removed={"state": "DISABLED"}, added={"state": "ENABLED"})])


def plan_concurrency(function: str, reserved: int | None) -> FixPlan:
    """Remove a reserved concurrency of zero, with which a function never runs."""
    if reserved != 0:
        return FixPlan()
    return FixPlan([Step(
        f"remove the reserved concurrency of {function}",
        Call("lambda", "delete_function_concurrency", {"FunctionName": function}),
        Call("lambda", "put_function_concurrency", {"FunctionName": function, "ReservedConcurrentExecutions": 0}),
        removed={"reservedConcurrentExecutions": 0},
        note="a concurrency that the policy reserves comes back with the next deployment")])


def plan_targets(
    rule: str, bus: Mapping[str, str], removed: Iterable[str], present: Collection[str], known: Mapping[str, str]
) -> FixPlan:
    """Put targets back that are missing.

    Args:
        rule: the rule's name.
        removed: the ids that the event removed.
        present: the ids that the rule has now.
        known: the ARN of each target that a deployment added, by its id.
    """
    missing = [target for target in removed if target not in present]
    steps = [
        Step(f"put the target {target} back", Call(
                "events", "put_targets", {"Rule": rule, **bus, "Targets": [{"Id": target, "Arn": known[target]}]}),
             Call("events", "remove_targets", {"Rule": rule, **bus, "Ids": [target]}),
             added={"target": target, "arn": known[target]}, confirm=True)
        for target in missing if target in known
    ]
    unknown = [target for target in missing if target not in known]
    return FixPlan(steps, cannot=f"no deployment in the event history added {', '.join(unknown)}" if unknown else "")


def plan_permission(
    function: str, statement: str, present: Collection[str], known: Mapping[str, str] | None
) -> FixPlan:
    """Put a statement of a function's policy back that is missing.

    Args:
        present: the ids of the statements that the policy has now.
        known: AddPermission's parameters as a deployment gave them; None when no such call is known.
    """
    if statement in present:
        return FixPlan()
    if known is None:
        return FixPlan(cannot=f"no deployment in the event history added the permission {statement}")
    return FixPlan([Step(
        f"put the permission {statement} back",
        Call("lambda", "add_permission", {"FunctionName": function, "StatementId": statement, **known}),
        Call("lambda", "remove_permission", {"FunctionName": function, "StatementId": statement}),
        added={"statement": statement, **known}, no_harm=frozenset({"ResourceConflictException"}), confirm=True)])


def known_targets(rule: str, bus: Mapping[str, str], earlier: Iterable[Record], own: OwnResources) -> dict[str, str]:
    """The ARNs of the rule's targets by their ids, from a deployment's PutTargets records, newest first.

    Only functions of ours, and targets that have nothing beside id and ARN.
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
    """AddPermission's parameters beside the function and the statement's id, from the newest record of a deployment.

    Only for a service of AWS that invokes the function for this account.
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
