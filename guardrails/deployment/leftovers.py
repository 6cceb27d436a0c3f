"""Deployed functions that no policy needs any more, with everything that invokes them.

A function stays deployed after the file of its policy is deleted. It keeps evaluating and fixing resources with a
policy that nobody maintains. c7n tags only the function; its event rule, Config rule, schedule and log group have the
same name. Others can give a function our tags, or a name that starts like ours. So a function belongs to this project
only if it has both. Resources that are not connected to such a function by name and target are listed, but not removed.
The resources that invoke a function are removed first. If a step fails, the function still exists and is found again.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from custom_actions.names import FUNCTION_PREFIX, GROUP_TAG, HUB_BUS, RESPONDER

from ..accounts import AWS_ERRORS, KEY, Account, has_responder, reason_of
from ..command import command
from ..errors import GuardrailsError
from ..limits import DEPLOYMENT_READS
from ..policies import Policy, PolicySources
from .forms import is_ours
from .hub import answered_centrally, as_central
from .inventory import DeployedFunction, without_tags
from .plans import PolicyRefused, regions_for, runs
from .reads import CLIENT, read_or_none
from .responder import subscriptions, topic_arn
from .serving import DeployedGroup, served

LOG_GROUP = "log group"
_SERVICES = ("lambda", "events", "config", "scheduler", "logs", "sns")
_SCHEDULE = re.compile(r"name=(?P<name>[^:]+):group=(?P<group>.+)")
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Leftover:
    """One AWS resource that belongs to a deployed function."""

    kind: str
    """event rule, event target, Config rule, schedule, subscription, function or log group."""
    name: str
    """For an event rule that is not on the default bus, with its bus: `guardrails/custodian-NAME`."""
    function: DeployedFunction
    detail: tuple[str, ...] = ()
    """The ids of an event rule's targets; a schedule's group."""


def obsolete(found: Iterable[DeployedFunction], policies: Iterable[Policy]) -> list[DeployedFunction]:
    """The functions that no policy of the list needs, and those whose events the hub processes."""
    policies = list(policies)
    return [function for function in found if why_obsolete(function, policies)]


def why_obsolete(function: DeployedFunction, policies: Iterable[Policy]) -> str:
    """Why a function is no longer needed; empty if a policy of the list, or the account's responder, needs it."""
    if function.name == RESPONDER:
        return "" if has_responder(function.account) else f"its account does not have `{KEY}: respond`"
    if function.idle or function.is_group:
        return function.idle
    policy = next((policy for policy in policies if policy.deploys and policy.function == function.name), None)
    if policy is None:
        return "its policy no longer exists"
    if answered_centrally(policy, function.account) and function.region not in regions_for(policy, function.account):
        return "the hub processes its events"
    return ""


def switched_off(
    found: Iterable[DeployedFunction], policies: Iterable[Policy], variables: Mapping[str, Any]
) -> list[DeployedFunction]:
    """The functions of policies whose conditions, such as a profile, no longer hold in the function's account.

    `variables`: the `vars` of accounts.yml for all accounts. Policies that c7n rejects there do not count as switched
    off.
    """
    by_name = {policy.function: policy for policy in policies if policy.deploys}
    off = []
    for function in found:
        policy = by_name.get(function.name)
        try:
            if policy is not None and answered_centrally(policy, function.account):
                policy = as_central(policy, function.account, variables)
            if policy is not None and not runs(policy, function.account, function.region, variables):
                off.append(function)
        except PolicyRefused:
            continue
    return off


def refuse_partial(
    found: Iterable[DeployedFunction], policies: Sequence[Policy], sources: PolicySources
) -> None:
    """Raise GuardrailsError if the list seems to contain only a part of the deployed policies."""
    deployed = {function.name for function in found if function.name != RESPONDER and not function.is_group}
    wanted = {policy.function for policy in policies if policy.deploys}
    lost = deployed - wanted
    if lost and (2 * len(lost) > len(deployed) or 2 * len(wanted) < len(deployed)):
        raise GuardrailsError(
            f"{sources} lacks {len(lost)} of the {len(deployed)} deployed policies; it seems to contain only a part "
            "of them, so nothing was removed",
            f"name the policies to remove: {command('undeploy')} "
            f"{' '.join(sorted(name.removeprefix(FUNCTION_PREFIX) for name in lost)[:3])} …",
        )


def functions_named(
    found: Iterable[DeployedFunction], names: Sequence[str], policies: Sequence[Policy],
    where: Iterable[tuple[Account, str]],
) -> list[DeployedFunction]:
    """The functions that the names or globs select. They are compared with the names of policies and functions.

    A name without wildcards also selects a function that does not exist, in every account and region of `where`, so
    that remaining resources with its name are found.
    """
    found = list(found)
    functions = {policy.name: policy.function for policy in policies if policy.deploys}
    aliases = {function: name for name, function in functions.items()}
    chosen = [
        function for function in found
        if any(fnmatchcase(name, pattern) for pattern in names
               for name in (function.name, function.policy, aliases.get(function.name, function.name)))
    ]
    # A group's function is removed with the rules and schedules that invoke it.
    of_groups = {(each.account.id, each.region, each.name) for each in chosen if each.is_group}
    chosen += [each for each in found if each not in chosen and (each.account.id, each.region, each.group) in of_groups]
    existing = {(function.account.id, function.region, function.name) for function in chosen}
    for name in names:
        if _GLOB.search(name):
            continue
        full = functions.get(name, name if name.startswith(FUNCTION_PREFIX) else f"{FUNCTION_PREFIX}{name}")
        chosen += [
            DeployedFunction(account, region, full) for account, region in where
            if (account.id, region, full) not in existing
        ]
    return chosen


@dataclass(frozen=True)
class LeftoverScan:
    """The existing resources of some functions, those that must not be changed, and those that could not be read."""

    leftovers: tuple[Leftover, ...]
    notes: tuple[tuple[DeployedFunction, str], ...]
    """Resources that are not removed, and why."""
    unknown: tuple[tuple[DeployedFunction, str], ...]


def scan(functions: Iterable[DeployedFunction]) -> LeftoverScan:
    """The resources of the functions: first those that invoke a function, then the function, then its log group."""
    by_place: dict[tuple[Account, str], list[DeployedFunction]] = {}
    # What invokes the function of a group belongs to its policies, and is removed before it.
    for function in sorted(functions, key=lambda each: each.is_group):
        by_place.setdefault((function.account, function.region), []).append(function)
    with ThreadPoolExecutor(DEPLOYMENT_READS) as pool:
        scans = list(pool.map(_scan, by_place.keys(), by_place.values()))
    return LeftoverScan(
        tuple(leftover for each in scans for leftover in each.leftovers),
        tuple(note for each in scans for note in each.notes),
        tuple(unknown for each in scans for unknown in each.unknown),
    )


def _scan(place: tuple[Account, str], functions: Sequence[DeployedFunction]) -> LeftoverScan:
    leftovers: list[Leftover] = []
    notes: list[tuple[DeployedFunction, str]] = []
    unknown: list[tuple[DeployedFunction, str]] = []
    try:
        clients = _clients(*place)
    except AWS_ERRORS as error:
        return LeftoverScan((), (), tuple((function, reason_of(error)) for function in functions))
    for function in functions:
        try:
            foreign = _why_foreign(function, clients)
            if foreign:
                notes.append((function, foreign))
                continue
            for each in _resources_of(function, clients):
                if isinstance(each, Leftover):
                    leftovers.append(each)
                else:
                    notes.append((function, each))
        except AWS_ERRORS as error:
            unknown.append((function, reason_of(error)))
    return LeftoverScan(tuple(leftovers), tuple(notes), tuple(unknown))


def _clients(account: Account, region: str) -> dict[str, Any]:
    session = account.session(region)
    return {name: session.client(name, config=CLIENT) for name in _SERVICES}


def _why_foreign(function: DeployedFunction, clients: Mapping[str, Any]) -> str:
    """Why a function with this name does not belong to this project; empty if it does, or does not exist."""
    found = read_or_none(clients["lambda"].get_function, FunctionName=function.invoked)
    if found and not is_ours(found.get("Tags") or {}):
        return without_tags(function.invoked)
    return ""


def why_used(function: DeployedFunction, clients: Mapping[str, Any]) -> str:
    """Why a function that nothing invoked is not to be removed any more: something invokes it again. Else empty."""
    mode = re.search(r"mode=([^:]+)", function.tags.get("custodian-info", ""))
    if not function.idle or mode is None:
        return ""
    again = served(clients, [DeployedGroup(function.name, function.arn, {GROUP_TAG: mode[1]})])
    return f"{', '.join(sorted(again))} invokes it again" if again else ""


def _resources_of(function: DeployedFunction, clients: Mapping[str, Any]) -> Iterator[Leftover | str]:
    """The resources of one function; a string describes a resource that is not removed."""
    yield from _event_rules(function, clients["events"])
    response = read_or_none(clients["config"].describe_config_rules, ConfigRuleNames=[function.name])
    for rule in response["ConfigRules"] if response else ():
        # AWS Config deletes a rule asynchronously; a rule in deletion counts as deleted.
        if rule.get("ConfigRuleState") == "DELETING":
            continue
        if _is_arn_of(rule["Source"].get("SourceIdentifier", ""), function):
            yield Leftover("Config rule", rule["ConfigRuleName"], function)
        elif not function.idle:
            yield f"the Config rule {function.name} does not invoke the function"
    if function.name == RESPONDER:
        subscribed = subscriptions(clients["sns"], topic_arn(function.account.id, function.region)) or {}
        yield from (Leftover("subscription", arn, function) for arn, endpoint in subscribed.items()
                    if _is_arn_of(endpoint, function))
    # Only the tag of the function shows whether it has a schedule. Some accounts cannot call EventBridge Scheduler.
    if schedule := _SCHEDULE.fullmatch(function.tags.get("custodian-schedule", "")):
        found = read_or_none(clients["scheduler"].get_schedule, Name=schedule["name"], GroupName=schedule["group"])
        # A schedule that was switched over to a group has the same name.
        if found and (not function.idle or _is_arn_of(str((found.get("Target") or {}).get("Arn")), function)):
            yield Leftover("schedule", schedule["name"], function, (schedule["group"],))
    if function.group:
        return  # the function and its log are the group's
    if read_or_none(clients["lambda"].get_function, FunctionName=function.name):
        yield Leftover("function", function.name, function)
    log_group = f"/aws/lambda/{function.name}"
    for group in clients["logs"].describe_log_groups(logGroupNamePrefix=log_group)["logGroups"]:
        if group["logGroupName"] == log_group:
            # If the function no longer exists, only the name connects the log group to this project.
            yield Leftover(LOG_GROUP, log_group, function) if function.arn else (
                f"the function of the log group {log_group} no longer exists, so it is unclear whether "
                f"it belonged to this project; to delete it: aws logs delete-log-group --log-group-name {log_group}")


def _event_rules(function: DeployedFunction, events: Any) -> Iterator[Leftover | str]:
    for bus in ("default", HUB_BUS):
        # As in a rule's ARN, which does not name the default bus.
        place = "" if bus == "default" else f"{bus}/"
        if read_or_none(events.describe_rule, Name=function.name, EventBusName=bus):
            targets = events.list_targets_by_rule(Rule=function.name, EventBusName=bus)
            own = tuple(target["Id"] for target in targets["Targets"] if _is_arn_of(target["Arn"], function))
            if function.idle and not own:
                continue  # the group's now
            if len(own) == len(targets["Targets"]):
                yield Leftover("event rule", f"{place}{function.name}", function, own)
            else:
                yield f"the event rule {place}{function.name} also has targets that are not this function"
                if own:
                    yield Leftover("event target", f"{place}{function.name}", function, own)
        if function.arn:
            started_by = read_or_none(events.list_rule_names_by_target, TargetArn=function.arn, EventBusName=bus)
            for name in (started_by or {}).get("RuleNames", ()):
                if name != function.name and not function.is_group:
                    yield f"the event rule {place}{name}, which c7n did not create, invokes the function"


def _is_arn_of(arn: str, function: DeployedFunction) -> bool:
    """Whether the ARN is the function's, with any version or alias."""
    parts = arn.split(":")
    return arn.startswith("arn:") and parts[2:3] == ["lambda"] and parts[3:7] == [
        function.region, function.account.id, "function", function.invoked]


@dataclass(frozen=True)
class Removal:
    """One resource, and whether it was removed."""

    leftover: Leftover
    problem: str = ""
    """Why it was not removed; empty if it was removed."""


def remove(leftovers: Iterable[Leftover]) -> list[Removal]:
    """Remove the resources in their order for each function.

    A function is kept if a resource that invokes it could not be removed. A log group is kept if its function is kept.
    """
    by_place: dict[tuple[Account, str], list[Leftover]] = {}
    for each in leftovers:
        by_place.setdefault((each.function.account, each.function.region), []).append(each)
    with ThreadPoolExecutor(DEPLOYMENT_READS) as pool:
        removals = list(pool.map(_remove, by_place.keys(), by_place.values()))
    return [removal for place in removals for removal in place]


def _remove(place: tuple[Account, str], leftovers: Sequence[Leftover]) -> list[Removal]:
    try:
        clients = _clients(*place)
    except AWS_ERRORS as error:
        return [Removal(each, reason_of(error)) for each in leftovers]
    removals: list[Removal] = []
    failed: set[DeployedFunction] = set()
    checked: set[DeployedFunction] = set()
    for each in leftovers:
        if each.function not in checked:
            # While the command waited for confirmation, another function may have got this name.
            checked.add(each.function)
            try:
                foreign = _why_foreign(each.function, clients) or why_used(each.function, clients)
            except AWS_ERRORS as error:
                foreign = reason_of(error)
            if foreign:
                failed.add(each.function)
                removals.append(Removal(each, foreign))
                continue
        if each.function in failed or (each.function.is_group and any(
                other.group == each.function.name for other in failed)):
            removals.append(Removal(each, "kept, because an earlier step failed"))
            continue
        try:
            for call, arguments in calls(each, clients):
                read_or_none(call, **arguments)
        except AWS_ERRORS as error:
            failed.add(each.function)
            removals.append(Removal(each, reason_of(error)))
        else:
            removals.append(Removal(each))
    return removals


def calls(leftover: Leftover, clients: Mapping[str, Any]) -> list[tuple[Callable[..., Any], dict[str, Any]]]:
    """The AWS calls that remove the resource, each with its arguments."""
    name = leftover.name
    match leftover.kind:
        case "event rule" | "event target":
            events, ids = clients["events"], list(leftover.detail)
            place, _, rule = name.rpartition("/")
            bus = {"EventBusName": place or "default"}
            first = [(events.remove_targets, {"Rule": rule, "Ids": ids, **bus})] if ids else []
            return first if leftover.kind == "event target" else [*first, (events.delete_rule, {"Name": rule, **bus})]
        case "Config rule":
            return [(clients["config"].delete_config_rule, {"ConfigRuleName": name})]
        case "schedule":
            return [(clients["scheduler"].delete_schedule, {"Name": name, "GroupName": leftover.detail[0]})]
        case "subscription":
            return [(clients["sns"].unsubscribe, {"SubscriptionArn": name})]
        case "function":
            # Lambda deletes its versions, tags and permissions with it.
            return [(clients["lambda"].delete_function, {"FunctionName": name})]
        case _:
            return [(clients["logs"].delete_log_group, {"logGroupName": name})]
