"""Deploying policies in groups: the plan for an account and region, carrying it out, and what changed.

The functions of the groups come first. Then each policy's trigger is created, or switched over from the policy's own
function. A policy whose group could not be deployed keeps what it has. The functions that are no longer needed are
removed by `undeploy`, and not here.
"""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import WaiterError
from c7n import mu
from c7n.utils import get_partition

from custom_actions.patches import in_order

from ..accounts import AWS_ERRORS, Account, reason_of
from ..command import command
from ..errors import GuardrailsError
from ..limits import DEPLOYMENT_READS, DEPLOYMENT_WRITES, GROUPS_PUBLISHED
from ..policies import Policy
from ..runs import Target, Work
from ..yamlfile import YamlFile
from .blueprints import Blueprint, code, without_archive
from .forms import stops_fixing
from .group_triggers import (
    RulesThere,
    Trigger,
    TriggerNotPut,
    permission_differences,
    statements_of,
    trigger_of,
)
from .groups import Group, GroupFunction, function_of, group_names, groups_of
from .plans import (
    DeploymentChange,
    DeploymentKey,
    DeploymentResult,
    PlannedDeployment,
    PolicyRefused,
    function_differences,
    prepared,
    settled,
)
from .reads import CLIENT, read_or_none
from .serving import Service, deployed_groups, functions_there, rules_of_config, served

_CLIENT = CLIENT.merge(Config(max_pool_connections=DEPLOYMENT_WRITES, retries={"mode": "adaptive", "max_attempts": 8}))
_SERVICES = ("lambda", "events", "config", "scheduler")


@dataclass(frozen=True)
class Wanted:
    """What is to be in an account and region."""

    chosen: Mapping[str, Blueprint]
    """By policy name: the policies to deploy."""
    known: Mapping[str, Blueprint]
    """All policies for this place, also those whose conditions do not hold."""
    refused: Mapping[str, tuple[Policy, str]]
    """The policies to deploy that c7n rejects there, and why."""
    rejected: frozenset[str] = frozenset()
    """The names of the functions of all policies that c7n rejects there."""


@dataclass(frozen=True)
class PlannedTrigger:
    """What starts one policy of a group."""

    planned: PlannedDeployment
    trigger: Trigger


@dataclass(frozen=True)
class PlannedGroup:
    """One function of many policies in one account and region."""

    function: GroupFunction
    planned: PlannedDeployment
    triggers: tuple[PlannedTrigger, ...]
    leaving: tuple[Blueprint, ...] = ()
    """Policies whose triggers invoke it, and are to be switched over to another group."""

    @property
    def deploys(self) -> bool:
        """Whether there is work to do."""
        return self.planned.change.deploys or any(each.planned.change.deploys for each in self.triggers)


@dataclass(frozen=True)
class GroupedPlan:
    """The groups of all accounts and regions."""

    groups: tuple[PlannedGroup, ...] = ()
    others: tuple[PlannedDeployment, ...] = ()
    """The policies that are in no group: off, or unknown."""
    wanted: Mapping[Target, Wanted] = field(default_factory=dict)

    @property
    def functions(self) -> list[PlannedDeployment]:
        """The plan of each group's function; its policy stands for the group."""
        return [each.planned for each in self.groups]

    @property
    def policies(self) -> list[PlannedDeployment]:
        """The plan of each policy."""
        return [*self.others, *(each.planned for group in self.groups for each in group.triggers)]

    def again(self) -> GroupedPlan:
        """The plan of the same policies from what is there now."""
        return _compare_all(self.wanted)


def plan(work: Work, known: Work, variables: Mapping[str, Any]) -> GroupedPlan:
    """What deploying `work` in groups would change. Changes nothing.

    Args:
        work: the policies to deploy; each must be one that can share a function (groups.can_share).
        known: all policies, in the form in which they are deployed. A group keeps those that it answers for already.
        variables: the `vars` of accounts.yml for all accounts.
    """
    in_order()
    # c7n loads policies into state that all threads share.
    wanted = {target: _wanted(target, work[target], known.get(target, ()), variables) for target in work}
    for each in (each for one in wanted.values() for each in one.known.values()):
        code(tuple(sorted(each.function.packages or ())))
    return _compare_all(wanted)


def _compare_all(wanted: Mapping[Target, Wanted]) -> GroupedPlan:
    with ThreadPoolExecutor(DEPLOYMENT_READS) as pool:
        found = list(pool.map(lambda each: _compared(*each), wanted.items()))
    return GroupedPlan(tuple(group for each in found for group in each.groups),
                       tuple(other for each in found for other in each.others), wanted)


def _wanted(target: Target, chosen: Sequence[Policy], known: Sequence[Policy], variables: Mapping[str, Any]) -> Wanted:
    account, region = target
    names = {policy.name for policy in chosen}
    blueprints: dict[str, Blueprint] = {}
    refused = {}
    for policy in {policy.name: policy for policy in (*known, *chosen)}.values():
        try:
            blueprints[policy.name] = prepared(policy, account, region, variables, without_archive)
        except PolicyRefused as error:
            refused[policy.name] = str(error)
    return Wanted(
        {name: each for name, each in blueprints.items() if name in names}, blueprints,
        {policy.name: (policy, refused[policy.name]) for policy in chosen if policy.name in refused},
        frozenset(policy.function for policy in (*known, *chosen) if policy.name in refused))


def _compared(target: Target, wanted: Wanted) -> GroupedPlan:
    account, region = target
    try:
        return _Place(account, region, wanted).plan()
    except AWS_ERRORS as error:
        return GroupedPlan(others=tuple(
            PlannedDeployment(each.policy, account, region, DeploymentChange.UNKNOWN, reason_of(error))
            for each in wanted.chosen.values()))


class _Place:
    """An account and region, read for the plan. Its methods raise one of AWS_ERRORS."""

    def __init__(self, account: Account, region: str, wanted: Wanted) -> None:
        self.account, self.region, self.wanted = account, region, wanted
        self.clients = clients_of(account, region)
        self.functions = functions_there(self.clients["lambda"])
        prefixes = {each.policy.function.removesuffix(each.policy.name) for each in wanted.chosen.values()}
        events = self.clients["events"].get_paginator("list_rules")
        self.rules = RulesThere(
            {rule["Name"]: rule for prefix in prefixes for page in events.paginate(NamePrefix=prefix)
             for rule in page["Rules"]},
            rules_of_config(self.clients["config"]))
        groups = deployed_groups(self.clients["lambda"], self.functions)
        self.served = served(self.clients, groups, self.rules.config)

    def plan(self) -> GroupedPlan:
        wanted = self.wanted
        others = [
            *(self._planned(policy, DeploymentChange.UNKNOWN, f"c7n rejects the policy: {why}")
              for policy, why in wanted.refused.values()),
            *(self._planned(each.policy, *self._off(each.policy)) for each in wanted.chosen.values() if not each.runs)]
        chosen = {name: each for name, each in wanted.chosen.items() if each.runs}
        # A selection must not take the others out of their group.
        kept = {name: each for name, each in wanted.known.items() if each.policy.function in self.served}
        groups = groups_of({**kept, **chosen}.values(), group_names(wanted.known.values()))
        # Only the groups of what is to be deployed.
        groups = [group for group in groups if any(each.policy.name in chosen for each in group.members)]
        return GroupedPlan(tuple(self._group(group, chosen) for group in groups), tuple(others))

    def _arn(self, function: str) -> str:
        return self.functions.get(function) or (
            f"arn:{get_partition(self.region)}:lambda:{self.region}:{self.account.id}:function:{function}")

    def _off(self, policy: Policy) -> tuple[DeploymentChange, str]:
        if policy.function in self.functions or policy.function in self.served:
            return DeploymentChange.REMOVE, "the policy's conditions no longer hold in this account"
        return DeploymentChange.OFF, ""

    def _planned(
        self, policy: Policy, change: DeploymentChange, reason: str = "", group: str = "",
    ) -> PlannedDeployment:
        return PlannedDeployment(policy, self.account, self.region, change, reason, group)

    def _group(self, group: Group, chosen: Mapping[str, Blueprint]) -> PlannedGroup:
        function, stand_in = function_of(group), _stand_in(group)
        triggers = self._triggers(group, [each for each in group.members if each.policy.name in chosen])
        try:
            change, reason = self._change(group, function)
        except GuardrailsError as error:
            change, reason = DeploymentChange.UNKNOWN, str(error)
        if lost := self._lost(group):
            rejected = [name for name in lost if f"{group.prefix}{name}" in self.wanted.rejected]
            remedy = f"fix {', '.join(rejected)}, which c7n rejects" if rejected else (
                f"deploy with the files of all policies, or remove what is gone with {command('undeploy', *lost)}")
            change, reason = DeploymentChange.UNKNOWN, (
                f"it would no longer hold {', '.join(lost)}, whose triggers invoke it: {remedy}")
        if change is DeploymentChange.UNKNOWN:
            why = f"its function {group.name}: {reason}"
            triggers = tuple(replace(each, planned=replace(each.planned, change=change, reason=why))
                             for each in triggers)
        held = {each.policy.name for each in group.members}
        leaving = tuple(
            each for name, each in chosen.items() if name not in held
            and (service := self.served.get(each.policy.function)) and service.group.name == group.name)
        return PlannedGroup(function, self._planned(stand_in, change, reason, group.name), triggers, leaving)

    def _lost(self, group: Group) -> list[str]:
        """The names of policies that the function answers for, and that its archive would no longer hold."""
        held = {each.policy.function for each in group.members}
        moves = {each.policy.function for each in self.wanted.chosen.values()}
        return sorted(
            name.removeprefix(group.prefix) for name, service in self.served.items()
            if service.group.name == group.name and name not in held | moves)

    def _change(self, group: Group, function: GroupFunction) -> tuple[DeploymentChange, str]:
        checksum = function.get_archive().get_checksum()
        if group.name not in self.functions:
            return DeploymentChange.CREATE, f"for {len(group.members)} policies"
        lambdas = self.clients["lambda"]
        found = lambdas.get_function(FunctionName=group.name)
        differences = function_differences(Blueprint(_stand_in(group), True, function, checksum), found)
        policy = read_or_none(lambdas.get_policy, FunctionName=group.name)
        statements = json.loads(policy["Policy"])["Statement"] if policy else []
        wanted = statements_of(group, self.account.id, self.region)
        differences += [f"permission of {wanted[sid]['Principal']}"
                        for sid in permission_differences(statements, wanted)]
        if not differences:
            return DeploymentChange.UNCHANGED, ""
        if why := stops_fixing(function.tags, found.get("Tags") or {}):
            return DeploymentChange.STOP_FIXING, why
        return DeploymentChange.UPDATE, ", ".join(differences)

    def _triggers(self, group: Group, members: Sequence[Blueprint]) -> tuple[PlannedTrigger, ...]:
        arn = self._arn(group.name)
        triggers = [trigger_of(each, arn, self._arn(each.policy.function), self.rules) for each in members]
        with ThreadPoolExecutor(DEPLOYMENT_READS) as pool:
            list(pool.map(lambda trigger: trigger.read(self.clients), triggers))
            return tuple(pool.map(lambda pair: self._trigger(pair[0], group, pair[1]),
                                  zip(members, triggers, strict=True)))

    def _trigger(self, member: Blueprint, group: Group, trigger: Trigger) -> PlannedTrigger:
        policy, own = member.policy, self._arn(member.policy.function)
        differences = trigger.differences()
        if not trigger.exists:
            change, reason = DeploymentChange.CREATE, ""
        elif not differences:
            change, reason = DeploymentChange.UNCHANGED, ""
        else:
            change, reason = DeploymentChange.UPDATE, ", ".join(differences)
        if trigger.exists and policy.function in self.functions and trigger.invokes(own):
            change, reason = self._moves(member, group)
        elif (service := self.served.get(policy.function)) and service.group.name != group.name:
            change, reason = self._moves_over(member, service)
        return PlannedTrigger(self._planned(policy, change, reason, group.name), trigger)

    def _moves(self, member: Blueprint, group: Group) -> tuple[DeploymentChange, str]:
        """A policy that has its own function today."""
        tags = (read_or_none(self.clients["lambda"].list_tags, Resource=self._arn(member.policy.function)) or {}).get(
            "Tags") or {}
        if why := stops_fixing(member.policy.mode.get("tags") or {}, tags):
            return DeploymentChange.STOP_FIXING, why
        return DeploymentChange.UPDATE, f"moves from its own function to {group.name}"

    def _moves_over(self, member: Blueprint, service: Service) -> tuple[DeploymentChange, str]:
        """A policy that another group's function runs today."""
        if why := stops_fixing(member.policy.mode.get("tags") or {}, service.group.tags):
            return DeploymentChange.STOP_FIXING, why
        return DeploymentChange.UPDATE, f"moves from {service.group.name}"


def clients_of(account: Account, region: str) -> dict[str, Any]:
    """The clients of an account and region. Raises one of AWS_ERRORS."""
    session = account.session(region)
    return {name: session.client(name, config=_CLIENT) for name in _SERVICES}


def deploy(grouped: GroupedPlan) -> list[DeploymentResult]:
    """Deploy the groups' functions, then switch each trigger, and verify all against a new plan.

    Returns one result for each function and each policy. One that fails does not stop the others.
    """
    to_do = [each for each in grouped.groups if each.deploys]
    problems: dict[DeploymentKey, str] = {}
    if to_do:
        with ThreadPoolExecutor(GROUPS_PUBLISHED) as pool:
            failed = list(pool.map(lambda group: _publish(group, group.leaving), to_do))
        switches = []
        for group, problem in zip(to_do, failed, strict=True):
            if problem:
                problems[group.planned.key] = problem
                for each in group.triggers:
                    problems[each.planned.key] = f"its function {group.function.name} was not deployed: {problem}"
            else:
                switches += [each for each in group.triggers if each.planned.change.deploys]
        with ThreadPoolExecutor(DEPLOYMENT_WRITES) as pool:
            for each, problem in zip(switches, pool.map(_Writers().put, switches), strict=True):
                if problem:
                    problems[each.planned.key] = problem
        for group in to_do:
            if group.leaving and group.planned.key not in problems:
                problems |= _without_leaving(group, problems)
    found = grouped.again() if to_do else GroupedPlan()
    after = {each.key: each for each in (*found.functions, *found.policies)}
    return [_result(each, after.get(each.key), problems.get(each.key, ""))
            for each in (*grouped.functions, *grouped.policies)]


def _without_leaving(group: PlannedGroup, problems: Mapping[DeploymentKey, str]) -> dict[DeploymentKey, str]:
    """Take the policies that have left out of the group's archive; returns why that failed."""
    account, region = group.planned.account, group.planned.region
    stayed = [each for each in group.leaving if (account.name, region, each.policy.name) in problems]
    why = f"it still holds {', '.join(each.policy.name for each in stayed)}, whose trigger could not be switched over"
    problem = _publish(group, stayed) or (why if stayed else "")
    return {group.planned.key: problem} if problem else {}


def _publish(group: PlannedGroup, leaving: Sequence[Blueprint] = ()) -> str:
    """Create or update the group's function and its permissions; returns why that failed, or an empty text.

    `leaving`: policies that it holds besides its own.
    """
    account, region = group.planned.account, group.planned.region
    function = function_of(replace(group.function.group, leaving=tuple(leaving)))
    if not group.planned.change.deploys:
        return "" if group.planned.change is DeploymentChange.UNCHANGED else group.planned.reason
    try:
        mu.LambdaManager(lambda: account.session(region)).publish(function)
        _permit(clients_of(account, region)["lambda"], function, statements_of(function.group, account.id, region))
    except (*AWS_ERRORS, WaiterError) as error:
        return reason_of(error)
    return ""


def _permit(lambdas: Any, function: GroupFunction, wanted: Mapping[str, Mapping[str, str]]) -> None:
    policy = read_or_none(lambdas.get_policy, FunctionName=function.name)
    statements = json.loads(policy["Policy"])["Statement"] if policy else []
    there = {str(each.get("Sid")) for each in statements}
    for sid in permission_differences(statements, wanted):
        if sid in there:
            lambdas.remove_permission(FunctionName=function.name, StatementId=sid)
        lambdas.add_permission(
            FunctionName=function.name, StatementId=sid, Action="lambda:InvokeFunction", **wanted[sid])


class _Writers:
    """The clients with which triggers are put, one set for each account and region."""

    def __init__(self) -> None:
        self._clients: dict[tuple[str, str], dict[str, Any]] = {}

    def put(self, each: PlannedTrigger) -> str:
        """Create or switch one trigger; returns why that failed, or an empty text."""
        account, region = each.planned.account, each.planned.region
        try:
            clients = self._clients.get((account.name, region))
            if clients is None:
                clients = self._clients.setdefault((account.name, region), clients_of(account, region))
            each.trigger.put(clients)
        except AWS_ERRORS as error:
            return reason_of(error)
        except TriggerNotPut as error:
            return str(error)
        return ""


def _result(before: PlannedDeployment, now: PlannedDeployment | None, problem: str) -> DeploymentResult:
    if not before.change.deploys:
        return settled(before)
    if problem or now is None:
        outcome, reason = "failed", problem or "it could not be verified"
    elif now.change is DeploymentChange.UNCHANGED:
        outcome = "created" if before.change is DeploymentChange.CREATE else "updated"
        reason = before.reason
    else:
        outcome, reason = "failed", f"still differs: {now.reason or now.change}"
    return DeploymentResult(before.policy, before.account, before.region, outcome, reason, before.group)


def _stand_in(group: Group) -> Policy:
    """A policy that represents the group in lists of deployments; its function is the group's."""
    mode = {"type": group.mode, "function-prefix": group.prefix}
    data = {"name": group.name.removeprefix(group.prefix), "resource": "aws.account", "mode": mode}
    return Policy(data, YamlFile(Path(__file__), {}, None), 0)
