"""A deployment from plan to verification: the work of `deploy` as values.

A policy's function takes a different form in accounts that observe, heal or respond, and another one in the hub.
c7n-org takes one list of policies for each run, so each form is a work list of its own.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..accounts import Account, Accounts, Response, response_of
from ..policies import Kind, Policy
from ..results import exceptions_in_force
from ..runs import DEPLOY, Advance, Check, Work, execute, not_reached, work_for
from . import group_rollout, responder, shared
from .forms import as_deployed
from .group_rollout import GroupedPlan
from .groups import can_share
from .hub import answered_centrally, as_central, hub_of, own_regions
from .inventory import DeployedFunction, inventory
from .leftovers import obsolete, why_obsolete
from .plans import (
    DeploymentChange,
    DeploymentResult,
    PlannedDeployment,
    outcomes,
    plan,
    regions_for,
    settled,
    still_to_do,
)
from .responder import PlannedResponder
from .shared import PlannedShared, SharedResult

CENTRAL = "central"
"""Shown instead of an account's response for a function in the hub, which answers for many accounts."""
ShowProgress = Callable[[str, int], AbstractContextManager[Advance]]


@dataclass(frozen=True)
class RolloutRequest:
    """What is to be deployed, and where."""

    policies: Sequence[Policy]
    """The selected policies, marked with the project's tag."""
    every: Sequence[Policy]
    """All policies: the responder holds the fixes of all of them, and a function of none of them is obsolete."""
    accounts: Accounts
    exceptions: Path | None
    """The file of exceptions in force."""
    all_selected: bool
    """Whether all policies are selected; only then can obsolete functions be found."""
    grouped: bool = False
    """Whether policies share functions, as far as they can."""
    known: Sequence[Policy] = ()
    """All policies that are deployed as functions, prepared as the selected ones. A group keeps those that it runs."""


@dataclass(frozen=True)
class Rollout:
    """The plan of a deployment."""

    request: RolloutRequest
    works: Mapping[str, Work]
    """By form: what c7n-org deploys."""
    planned: Sequence[PlannedDeployment]
    responders: Sequence[PlannedResponder]
    shared: Sequence[PlannedShared]
    """The dead-letter queues and tables of realtime functions."""
    surplus: Sequence[tuple[DeployedFunction, str]]
    """Deployed functions that no policy needs any more, with the reason; `undeploy` removes them."""
    unknown: Sequence[tuple[Account, str, str]]
    """Account, region and reason where surplus functions could not be read."""
    grouped: GroupedPlan = field(default_factory=GroupedPlan)
    """The policies that share functions; they are among `planned`, too."""

    @property
    def all_planned(self) -> list[PlannedDeployment]:
        """The plans of the groups' functions, of all policies and of the responders."""
        return [*self.grouped.functions, *self.planned, *(each.planned for each in self.responders)]

    @property
    def counts(self) -> Counter[DeploymentChange]:
        """How many functions each change concerns."""
        counts = Counter(each.change for each in self.all_planned)
        counts[DeploymentChange.REMOVE] += len(self.surplus)
        return counts

    @property
    def to_deploy(self) -> int:
        """How many functions would be created or updated, and policies in groups switched on or over."""
        return sum(each.change.deploys for each in self.all_planned)

    @property
    def triggers_to_deploy(self) -> int:
        """How many of them are policies in groups, of which only the rule or schedule is put."""
        return sum(each.change.deploys for each in self.grouped.policies)

    @property
    def stop_fixing(self) -> list[PlannedDeployment]:
        """The functions that make fixes happen today, and would no longer."""
        return [each for each in self.all_planned if each.change is DeploymentChange.STOP_FIXING]

    @property
    def shared_to_deploy(self) -> int:
        """How many queues and tables would be created or updated."""
        return sum(each.change.deploys for each in self.shared)

    @property
    def known(self) -> bool:
        """Whether every account could be reached, and every function, queue and table could be read."""
        return not self.request.accounts.unreachable and not self.counts[DeploymentChange.UNKNOWN] and all(
            each.change is not DeploymentChange.UNKNOWN for each in self.shared)

    @property
    def changes(self) -> bool:
        """Whether a deployment would change something."""
        return bool(self.to_deploy or self.shared_to_deploy)

    def to_dict(self) -> dict[str, Any]:
        """The plan for JSON; docs/deploying.md has the keys."""
        return {
            "changes": self.changes,
            "known": self.known,
            "functions": [
                {
                    "account": each.account.id, "account_name": each.account.name, "region": each.region,
                    "policy": each.policy.name, "mode": each.policy.mode["type"], "function": each.function,
                    "response": response_label(each), "change": each.change.value, "reason": each.reason,
                }
                for each in (*self.planned, *(each.planned for each in self.responders))
            ],
            "groups": [
                {
                    "account": group.planned.account.id, "account_name": group.planned.account.name,
                    "region": group.planned.region, "function": group.function.name, "mode": group.function.group.mode,
                    "policies": len(group.function.group.members), "change": group.planned.change.value,
                    "reason": group.planned.reason,
                }
                for group in self.grouped.groups
            ],
            "shared": [
                {"account": each.account.id, "account_name": each.account.name, "region": each.region,
                 "resource": each.kind.resource, "change": each.change.value, "reason": each.reason}
                for each in self.shared
            ],
            "surplus": [
                {"account": function.account.id, "account_name": function.account.name, "region": function.region,
                 "function": function.name, "reason": reason}
                for function, reason in self.surplus
            ],
            "unknown": [
                *({"account": account.id, "account_name": account.name, "region": "", "reason": problem}
                  for account, problem in self.request.accounts.unreachable),
                *({"account": account.id, "account_name": account.name, "region": region, "reason": problem}
                  for account, region, problem in self.unknown),
            ],
        }


@dataclass(frozen=True)
class RolloutReport:
    """How a deployment ended."""

    results: Sequence[DeploymentResult]
    shared: Sequence[SharedResult]
    surplus: Sequence[DeployedFunction]
    groups: Sequence[DeploymentResult] = ()
    """The functions of groups; they are among `results`, too."""

    @property
    def failed(self) -> list[DeploymentResult]:
        """The deployments that did not succeed."""
        return [each for each in self.results if each.failed]

    @property
    def complete(self) -> bool:
        """Whether every function is deployed as its policy says, with its queue and its table."""
        return not self.failed and not self.failed_shared

    @property
    def failed_shared(self) -> list[SharedResult]:
        """The queues and tables that could not be created or corrected."""
        return [each for each in self.shared if each.outcome == "failed"]

    def to_dict(self) -> dict[str, Any]:
        """The report as deploy.json has it."""
        groups = {id(each) for each in self.groups}
        return {
            "complete": self.complete,
            "functions": [
                {
                    "account": each.account.id, "account_name": each.account.name, "region": each.region,
                    "policy": each.policy.name, "mode": each.policy.mode["type"], "function": each.function,
                    "response": response_label(each), "outcome": each.outcome, "reason": each.reason,
                }
                for each in self.results if id(each) not in groups
            ],
            "groups": [
                {
                    "account": each.account.id, "account_name": each.account.name, "region": each.region,
                    "function": each.function, "mode": each.policy.mode["type"], "outcome": each.outcome,
                    "reason": each.reason,
                }
                for each in self.groups
            ],
            "shared": [each.to_dict() for each in self.shared],
            "surplus": [
                {"account": each.account.id, "account_name": each.account.name, "region": each.region,
                 "function": each.name}
                for each in self.surplus
            ],
        }


def response_label(each: PlannedDeployment | DeploymentResult) -> str:
    """What the policy's function may do in its account, or `central` for a function in the hub."""
    return CENTRAL if "member-role" in each.policy.mode else response_of(each.account).value


def plan_rollout(request: RolloutRequest) -> Rollout:
    """Compare what c7n would deploy with what is deployed. Changes nothing.

    What cannot be read is DeploymentChange.UNKNOWN. Raises GuardrailsError when c7n rejects a policy for the hub.
    """
    accounts = request.accounts
    works = _works(request)
    with exceptions_in_force(request.exceptions):
        grouped = _plan_groups(request, works)
        alone = {form: _alone(work) for form, work in works.items()} if request.grouped else works
        planned = [*grouped.policies, *(each for work in alone.values() for each in plan(work, accounts.vars))]
    responders = _plan_responders(request)
    common = shared.plan(_places(planned))
    found = inventory(accounts.reached) if request.all_selected else None
    surplus = obsolete(found.functions, request.every) if found else []
    return Rollout(
        request, {form: still_to_do(work, planned) for form, work in alone.items()}, planned, responders, common,
        [(function, why_obsolete(function, request.every)) for function in surplus], found.unknown if found else (),
        grouped)


def _plan_groups(request: RolloutRequest, works: Mapping[str, Work]) -> GroupedPlan:
    """The groups of all accounts. The functions of a hub are not among them: each holds the settings of many accounts.
    """
    if not request.grouped:
        return GroupedPlan()
    known = _own_works(request, request.known)
    work = {target: shared for form, one in works.items() if form != CENTRAL for target, policies in one.items()
            if (shared := tuple(policy for policy in policies if can_share(policy)))}
    return group_rollout.plan(
        work, {target: tuple(policy for policy in policies if can_share(policy))
               for one in known.values() for target, policies in one.items()}, request.accounts.vars)


def _alone(work: Work) -> Work:
    """The part of the work whose policies cannot share a function."""
    return {target: left for target, policies in work.items()
            if (left := tuple(policy for policy in policies if not can_share(policy)))}


def _own_works(request: RolloutRequest, policies: Sequence[Policy]) -> dict[str, Work]:
    """By form, what is deployed in the accounts themselves."""
    reached = request.accounts.reached
    return {
        response.value: work_for(
            [as_deployed(policy, response) for policy in policies],
            [account for account in reached if response_of(account) is response], own_regions)
        for response in Response
    }


def _works(request: RolloutRequest) -> dict[str, Work]:
    reached = request.accounts.reached
    works = _own_works(request, request.policies)
    if hub := hub_of(reached):
        works[CENTRAL] = work_for(
            [as_central(policy, hub, request.accounts.vars) for policy in request.policies
             if answered_centrally(policy, hub)],
            [hub], regions_for)
    return works


def _places(planned: Sequence[PlannedDeployment]) -> list[shared.Place]:
    """Where realtime functions are, or will be."""
    without = (DeploymentChange.OFF, DeploymentChange.REMOVE)
    return list(dict.fromkeys(
        (each.account, each.region) for each in planned
        if each.policy.kind is Kind.REALTIME and each.change not in without))


def _plan_responders(request: RolloutRequest) -> list[PlannedResponder]:
    """The responders, whichever policies are selected: one function holds the fixes of all of them."""
    with exceptions_in_force(request.exceptions):
        return responder.plan(request.every, request.accounts.reached, request.accounts.vars, own_regions)


def apply_rollout(rollout: Rollout, directory: Path, progress: ShowProgress) -> RolloutReport:
    """Deploy what the plan creates and updates, and verify it.

    c7n-org's files go to `directory`; `progress` shows how far it is. One account's failure does not stop the others.
    """
    request = rollout.request
    before = {each.key: each for each in rollout.planned}
    # First: Lambda refuses a function whose dead-letter queue it cannot use.
    common = shared.deploy(rollout.shared, lambda: shared.plan(_places(rollout.planned)))
    in_groups = {id(each) for each in rollout.grouped.policies}
    results = [settled(each) for each in rollout.planned if id(each) not in in_groups and not each.change.deploys]
    for form, work in rollout.works.items():
        if not work:
            continue
        checks: list[Check] = []
        execute(work, DEPLOY, directory / "c7n-org" / form, request.accounts, checks.extend,
                exceptions=request.exceptions, progress=progress)
        with exceptions_in_force(request.exceptions):
            after = {each.key: each for each in plan(work, request.accounts.vars)}
        results += outcomes(checks, before, after)
    with exceptions_in_force(request.exceptions):
        of_groups = group_rollout.deploy(rollout.grouped)
    results += of_groups
    # Last: the functions that alert the responder then exist.
    results += responder.deploy(rollout.responders, lambda: _plan_responders(request))
    unreachable = request.accounts.unreachable
    lost = work_for(request.policies, [account for account, _ in unreachable], regions_for)
    results += outcomes(not_reached(unreachable, lost), {}, {})
    return RolloutReport(
        results, common, [function for function, _ in rollout.surplus], of_groups[:len(rollout.grouped.groups)])
