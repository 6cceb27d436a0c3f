"""What this project has deployed and nothing wants any more: functions of policies that are gone, and what starts them.

A function outlives its policy's file: it goes on judging, and changing, by a rule that nobody keeps. c7n tags the
function alone; its event rule, Config rule, schedule and log group have its name. So the function's tags say that it is
ours, and what is not tied to it by name and target is left alone. It is taken away after what starts it: when
something in between fails, the function is still there to be found again.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from custom_actions.names import FUNCTION_PREFIX, RESPONDER

from ..accounts import AWS_ERRORS, KEY, Account, account_region, has_responder, reason_of
from ..errors import GuardrailsError
from ..limits import DEPLOYMENT_READS
from ..policies import Policy
from .forms import is_ours
from .hub import answered_centrally, as_central
from .plans import CLIENT, Refused, asked, regions_for, runs
from .responder import subscriptions, topic_arn

_SERVICES = ("lambda", "events", "config", "scheduler", "logs", "sns")
_SCHEDULE = re.compile(r"name=(?P<name>[^:]+):group=(?P<group>.+)")
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Function:
    """A deployed function of ours."""

    account: Account
    region: str
    name: str
    arn: str = ""
    """Empty when the function itself is gone, and what has its name is looked for."""
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def policy(self) -> str:
        """The policy's name, as far as the function's tells."""
        return self.name.removeprefix(FUNCTION_PREFIX)


@dataclass(frozen=True)
class Thing:
    """One thing in an account that belongs to a function of ours."""

    kind: str
    """event rule, event target, Config rule, schedule, subscription, function or log group."""
    name: str
    function: Function
    detail: tuple[str, ...] = ()
    """The ids of an event rule's targets; a schedule's group."""


@dataclass(frozen=True)
class Inventory:
    """What was found in all accounts and regions, and where nothing could be asked."""

    functions: tuple[Function, ...]
    unknown: tuple[tuple[Account, str, str], ...]
    """Account, region, reason."""


def places(accounts: Iterable[Account]) -> list[tuple[Account, str]]:
    """Where functions of ours may be: an account's regions, the one that records what is the account's, the hub's."""
    return [
        (account, region) for account in accounts
        for region in dict.fromkeys((*account.regions, account_region(account.regions), *_hub_region(account)))
    ]


def _hub_region(account: Account) -> tuple[str, ...]:
    return (account.hub.region,) if account.hub and account.hub.account == account.id else ()


def inventory(accounts: Iterable[Account]) -> Inventory:
    """Every function of ours in the accounts, by its tags."""
    where = places(accounts)
    with ThreadPoolExecutor(DEPLOYMENT_READS) as pool:
        answers = list(pool.map(_functions, where))
    return Inventory(
        tuple(function for found, _ in answers for function in found),
        tuple((*place, problem) for place, (_, problem) in zip(where, answers, strict=True) if problem),
    )


def _functions(place: tuple[Account, str]) -> tuple[list[Function], str]:
    account, region = place
    found: list[Function] = []
    try:
        client = account.session(region).client("lambda", config=CLIENT)
        for page in client.get_paginator("list_functions").paginate():
            for each in page["Functions"]:
                answer = asked(client.list_tags, Resource=each["FunctionArn"])
                tags = (answer or {}).get("Tags") or {}
                if is_ours(tags):
                    found.append(Function(account, region, each["FunctionName"], each["FunctionArn"], tags))
    except AWS_ERRORS as error:
        return found, reason_of(error)
    return found, ""


def gone(found: Iterable[Function], policies: Iterable[Policy]) -> list[Function]:
    """The functions that no policy of the list becomes, and those whose events the hub's functions answer."""
    policies = list(policies)
    return [function for function in found if why_gone(function, policies)]


def why_gone(function: Function, policies: Iterable[Policy]) -> str:
    """Why a function is no longer wanted; empty when a policy of the list becomes it there, or it is the responder."""
    if function.name == RESPONDER:
        return "" if has_responder(function.account) else f"{KEY} of its account does not say respond"
    policy = next((policy for policy in policies if policy.deploys and policy.function == function.name), None)
    if policy is None:
        return "its policy is gone"
    if answered_centrally(policy, function.account) and function.region not in regions_for(policy, function.account):
        return "its events are answered in the hub"
    return ""


def off(found: Iterable[Function], policies: Iterable[Policy], variables: Mapping[str, Any]) -> list[Function]:
    """The functions of policies whose conditions no longer hold in the function's account, such as a profile's.

    `variables`: the `vars` of accounts.yml for all accounts. A policy that c7n refuses there is not known to be off.
    """
    by_name = {policy.function: policy for policy in policies if policy.deploys}
    found_off = []
    for function in found:
        policy = by_name.get(function.name)
        try:
            if policy is not None and answered_centrally(policy, function.account):
                policy = as_central(policy, function.account, variables)
            if policy is not None and not runs(policy, function.account, function.region, variables):
                found_off.append(function)
        except Refused:
            continue
    return found_off


def refuse_partial(found: Iterable[Function], policies: Sequence[Policy], directory: Path) -> None:
    """Raise GuardrailsError when the list of policies looks like a part of those that are deployed."""
    deployed = {function.name for function in found if function.name != RESPONDER}
    wanted = {policy.function for policy in policies if policy.deploys}
    lost = deployed - wanted
    if lost and (2 * len(lost) > len(deployed) or 2 * len(wanted) < len(deployed)):
        raise GuardrailsError(
            f"{directory}: of {len(deployed)} policies that are deployed, {len(lost)} are not in it; the list looks "
            "like a part, and nothing was removed",
            "name what is to go: ./run.sh undeploy "
            f"{' '.join(sorted(name.removeprefix(FUNCTION_PREFIX) for name in lost)[:3])} …",
        )


def named(
    found: Iterable[Function], names: Sequence[str], policies: Sequence[Policy], where: Iterable[tuple[Account, str]],
) -> list[Function]:
    """The functions that the names (or globs) mean: a policy's name, or a function's.

    For a name in full also a function that is not there, so that what it left behind is looked for.
    """
    found = list(found)
    aliases = {policy.function: policy.name for policy in policies if policy.deploys}
    chosen = [
        function for function in found
        if any(fnmatchcase(name, pattern) for pattern in names
               for name in (function.name, function.policy, aliases.get(function.name, function.name)))
    ]
    there = {(function.account.id, function.region, function.name) for function in chosen}
    functions = {policy.name: policy.function for policy in policies if policy.deploys}
    for name in names:
        if _GLOB.search(name):
            continue
        full = functions.get(name, name if name.startswith(FUNCTION_PREFIX) else f"{FUNCTION_PREFIX}{name}")
        chosen += [
            Function(account, region, full) for account, region in where
            if (account.id, region, full) not in there
        ]
    return chosen


@dataclass(frozen=True)
class Traces:
    """What of some functions is there, what of it cannot be touched, and what could not be asked."""

    things: tuple[Thing, ...]
    notes: tuple[tuple[Function, str], ...]
    """What is left alone, and why."""
    unknown: tuple[tuple[Function, str], ...]


def traces(functions: Iterable[Function]) -> Traces:
    """All that is there of the functions, each function after what starts it and before its log group."""
    by_place: dict[tuple[Account, str], list[Function]] = {}
    for function in functions:
        by_place.setdefault((function.account, function.region), []).append(function)
    with ThreadPoolExecutor(DEPLOYMENT_READS) as pool:
        answers = list(pool.map(_traces, by_place.keys(), by_place.values()))
    return Traces(
        tuple(thing for answer in answers for thing in answer.things),
        tuple(note for answer in answers for note in answer.notes),
        tuple(each for answer in answers for each in answer.unknown),
    )


def _traces(place: tuple[Account, str], functions: Sequence[Function]) -> Traces:
    things: list[Thing] = []
    notes: list[tuple[Function, str]] = []
    unknown: list[tuple[Function, str]] = []
    try:
        clients = _clients(*place)
    except AWS_ERRORS as error:
        return Traces((), (), tuple((function, reason_of(error)) for function in functions))
    for function in functions:
        try:
            theirs = _is_theirs(function, clients)
            if theirs:
                notes.append((function, theirs))
                continue
            for each in _of(function, clients):
                if isinstance(each, Thing):
                    things.append(each)
                else:
                    notes.append((function, each))
        except AWS_ERRORS as error:
            unknown.append((function, reason_of(error)))
    return Traces(tuple(things), tuple(notes), tuple(unknown))


def _clients(account: Account, region: str) -> dict[str, Any]:
    session = account.session(region)
    return {name: session.client(name, config=CLIENT) for name in _SERVICES}


def _is_theirs(function: Function, clients: Mapping[str, Any]) -> str:
    """Why what has the function's name is somebody else's; empty when it is not."""
    found = asked(clients["lambda"].get_function, FunctionName=function.name)
    if found and not is_ours(found.get("Tags") or {}):
        return f"{function.name} is not ours: it has no tag project=aws-guardrails of a policy that c7n deployed"
    return ""


def _of(function: Function, clients: Mapping[str, Any]) -> Iterator[Thing | str]:
    """What is there of one function; a string is what is left alone."""
    yield from _event_rules(function, clients["events"])
    answer = asked(clients["config"].describe_config_rules, ConfigRuleNames=[function.name])
    for rule in answer["ConfigRules"] if answer else ():
        # AWS takes a Config rule away in its own time; one that is going is gone.
        if rule.get("ConfigRuleState") == "DELETING":
            continue
        if _calls(rule["Source"].get("SourceIdentifier", ""), function):
            yield Thing("Config rule", rule["ConfigRuleName"], function)
        else:
            yield f"the Config rule {function.name} does not call the function"
    if function.name == RESPONDER:
        told = subscriptions(clients["sns"], topic_arn(function.account.id, function.region)) or {}
        yield from (Thing("subscription", arn, function) for arn, to in told.items() if _calls(to, function))
    # Only a function tells whether it has a schedule: not every account may ask the scheduler.
    if schedule := _SCHEDULE.fullmatch(function.tags.get("custodian-schedule", "")):
        found = asked(clients["scheduler"].get_schedule, Name=schedule["name"], GroupName=schedule["group"])
        if found:
            yield Thing("schedule", schedule["name"], function, (schedule["group"],))
    if asked(clients["lambda"].get_function, FunctionName=function.name):
        yield Thing("function", function.name, function)
    log_group = f"/aws/lambda/{function.name}"
    for group in clients["logs"].describe_log_groups(logGroupNamePrefix=log_group)["logGroups"]:
        if group["logGroupName"] == log_group:
            yield Thing("log group", log_group, function)


def _event_rules(function: Function, events: Any) -> Iterator[Thing | str]:
    if asked(events.describe_rule, Name=function.name):
        targets = events.list_targets_by_rule(Rule=function.name)
        ours = tuple(target["Id"] for target in targets["Targets"] if _calls(target["Arn"], function))
        if len(ours) == len(targets["Targets"]):
            yield Thing("event rule", function.name, function, ours)
        else:
            yield f"the event rule {function.name} has targets of somebody else"
            if ours:
                yield Thing("event target", function.name, function, ours)
    if function.arn:
        for name in events.list_rule_names_by_target(TargetArn=function.arn)["RuleNames"]:
            if name != function.name:
                yield f"the event rule {name}, which c7n has not made, calls the function"


def _calls(arn: str, function: Function) -> bool:
    """Whether the ARN is the function's, whatever version or alias it names."""
    parts = arn.split(":")
    return arn.startswith("arn:") and parts[2:3] == ["lambda"] and parts[3:7] == [
        function.region, function.account.id, "function", function.name]


@dataclass(frozen=True)
class Removed:
    """One thing, and whether it was taken away."""

    thing: Thing
    problem: str = ""
    """Why not; empty when it was."""


def remove(things: Iterable[Thing]) -> list[Removed]:
    """Take the things away, each function's in their order.

    A function stays when what starts it does, and a log group when the function does.
    """
    by_place: dict[tuple[Account, str], list[Thing]] = {}
    for thing in things:
        by_place.setdefault((thing.function.account, thing.function.region), []).append(thing)
    with ThreadPoolExecutor(DEPLOYMENT_READS) as pool:
        answers = list(pool.map(_remove, by_place.keys(), by_place.values()))
    return [removed for answer in answers for removed in answer]


def _remove(place: tuple[Account, str], things: Sequence[Thing]) -> list[Removed]:
    try:
        clients = _clients(*place)
    except AWS_ERRORS as error:
        return [Removed(thing, reason_of(error)) for thing in things]
    ended: list[Removed] = []
    failed: set[Function] = set()
    for thing in things:
        if thing.function in failed:
            ended.append(Removed(thing, "left, because what comes before it is still there"))
            continue
        try:
            for call, arguments in calls(thing, clients):
                asked(call, **arguments)
        except AWS_ERRORS as error:
            failed.add(thing.function)
            ended.append(Removed(thing, reason_of(error)))
        else:
            ended.append(Removed(thing))
    return ended


def calls(thing: Thing, clients: Mapping[str, Any]) -> list[tuple[Callable[..., Any], dict[str, Any]]]:
    """The calls that take the thing away, each with its arguments."""
    match thing.kind:
        case "event rule" | "event target":
            events = clients["events"]
            first = [(events.remove_targets, {"Rule": thing.name, "Ids": list(thing.detail)})] if thing.detail else []
            return first if thing.kind == "event target" else [*first, (events.delete_rule, {"Name": thing.name})]
        case "Config rule":
            return [(clients["config"].delete_config_rule, {"ConfigRuleName": thing.name})]
        case "schedule":
            return [(clients["scheduler"].delete_schedule, {"Name": thing.name, "GroupName": thing.detail[0]})]
        case "subscription":
            return [(clients["sns"].unsubscribe, {"SubscriptionArn": thing.name})]
        case "function":
            # Its versions, its tags and its permissions go with it.
            return [(clients["lambda"].delete_function, {"FunctionName": thing.name})]
        case _:
            return [(clients["logs"].delete_log_group, {"logGroupName": thing.name})]
