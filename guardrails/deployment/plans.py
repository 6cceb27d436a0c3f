"""What a deployment changes: what c7n would deploy, compared with what is deployed.

Lambda is read for the function's code, settings, tags and permissions, and EventBridge, AWS Config or EventBridge
Scheduler for its trigger (triggers.py). Only what differs is given to c7n. The same comparison verifies the result.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..accounts import AWS_ERRORS, Account, account_region, reason_of
from ..limits import DEPLOYMENT_READS
from ..policies import Kind, Policy, Scope, deploy_scope
from ..results import State
from ..runs import Check, Target, Work
from .blueprints import Blueprint, blueprint, loaded
from .forms import stops_fixing
from .reads import CLIENT, read_or_none
from .triggers import trigger_differences

DeploymentKey = tuple[str, str, str]
"""Account name, region and policy name."""


class DeploymentChange(StrEnum):
    """What a deployment does with one policy in one account and region."""

    CREATE = "create"
    UPDATE = "update"
    STOP_FIXING = "stop-fixing"
    """A function that makes fixes happen would only observe, or would fix in fewer accounts."""
    UNCHANGED = "unchanged"
    OFF = "off"
    """The policy's conditions do not hold there (its profile is not chosen), and no function exists."""
    REMOVE = "remove"
    """A function exists that no policy needs: its policy is gone or off. `undeploy` removes it."""
    UNKNOWN = "unknown"
    """What exists could not be read."""

    @property
    def deploys(self) -> bool:
        """Whether a deployment has work to do."""
        return self in (DeploymentChange.CREATE, DeploymentChange.UPDATE, DeploymentChange.STOP_FIXING)


@dataclass(frozen=True)
class PlannedDeployment:
    """One policy in one account and region, before a deployment."""

    policy: Policy
    account: Account
    region: str
    change: DeploymentChange
    reason: str = ""
    """What differs, or why it is unknown."""
    group: str = ""
    """The function that runs the policy together with others; empty if it has its own."""

    @property
    def function(self) -> str:
        """The name of the function that runs the policy."""
        return self.group or self.policy.function

    @property
    def key(self) -> DeploymentKey:
        return (self.account.name, self.region, self.policy.name)


@dataclass(frozen=True)
class DeploymentResult:
    """One policy in one account and region, after a deployment."""

    policy: Policy
    account: Account
    region: str
    outcome: str
    """created, updated, unchanged, off, remove (its policy is off and the function still exists), or failed."""
    reason: str = ""
    group: str = ""
    """The function that runs the policy together with others; empty if it has its own."""

    @property
    def function(self) -> str:
        """The name of the function that runs the policy."""
        return self.group or self.policy.function

    @property
    def failed(self) -> bool:
        return self.outcome == "failed"


def regions_for(policy: Policy, account: Account) -> Sequence[str]:
    """The regions of the account in which the policy's function must be deployed."""
    if account.hub and policy.kind is Kind.REALTIME:
        return (account.hub.region,) if account.id == account.hub.account else ()
    if deploy_scope(policy) is Scope.REGION:
        return account.regions
    # Events of the whole account are recorded in one region; a schedule or a rule can be in any.
    return (account_region(account.regions),) if policy.kind is Kind.REALTIME else account.regions[:1]


def plan(work: Work, variables: Mapping[str, Any]) -> list[PlannedDeployment]:
    """What deploying `work` would change. Changes nothing.

    `variables`: the `vars` of accounts.yml for all accounts. What cannot be read becomes DeploymentChange.UNKNOWN.
    """
    blueprints: dict[Target, list[Blueprint]] = {}
    planned = []
    for (account, region), policies in work.items():
        blueprints[account, region] = []
        for policy in policies:
            try:
                blueprints[account, region].append(prepared(policy, account, region, variables))
            except PolicyRefused as error:
                # Only in this account: its variables may have the wrong type.
                planned.append(PlannedDeployment(
                    policy, account, region, DeploymentChange.UNKNOWN, f"c7n rejects the policy: {error}"))
    with ThreadPoolExecutor(DEPLOYMENT_READS) as pool:
        compared = list(pool.map(_compare, blueprints.keys(), blueprints.values()))
    return [*planned, *(each for target in compared for each in target)]


class PolicyRefused(Exception):
    """c7n rejects a policy with an account's variables of accounts.yml; the message says why."""


def runs(policy: Policy, account: Account, region: str, variables: Mapping[str, Any]) -> bool:
    """Whether the policy's conditions hold in the account; if not, c7n does not deploy it. Raises PolicyRefused."""
    return bool(prepared(policy, account, region, variables, loaded).is_runnable())


def prepared(
    policy: Policy, account: Account, region: str, variables: Mapping[str, Any], how: Callable[..., Any] = blueprint,
) -> Any:
    """The result of `how` for the policy: its Blueprint (`blueprint`), or c7n's policy (`loaded`).

    Raises PolicyRefused for any error of c7n.
    """
    try:
        return how(policy, account, region, variables)
    # Any filter or action, of c7n or of ours, can raise anything on settings or variables that it does not expect.
    except Exception as error:
        raise PolicyRefused(" ".join(str(error).split())[:400] or type(error).__name__) from error


def _compare(target: Target, blueprints: Sequence[Blueprint]) -> list[PlannedDeployment]:
    account, region = target

    def unknown(policy: Policy, error: Exception) -> PlannedDeployment:
        return PlannedDeployment(policy, account, region, DeploymentChange.UNKNOWN, reason_of(error))

    try:
        session = account.session(region)
        clients: dict[str, Any] = {
            name: session.client(name, config=CLIENT) for name in ("lambda", "events", "config", "scheduler")}
    except AWS_ERRORS as error:
        return [unknown(each.policy, error) for each in blueprints]
    planned = []
    for each in blueprints:
        try:
            change, reason = _change(each, clients)
        except AWS_ERRORS as error:
            planned.append(unknown(each.policy, error))
        else:
            planned.append(PlannedDeployment(each.policy, account, region, change, reason))
    return planned


def _change(wanted: Blueprint, clients: Mapping[str, Any]) -> tuple[DeploymentChange, str]:
    found = read_or_none(clients["lambda"].get_function, FunctionName=wanted.policy.function)
    if not wanted.runs:
        if found:
            return DeploymentChange.REMOVE, "the policy's conditions no longer hold in this account"
        return DeploymentChange.OFF, ""
    if not found:
        return DeploymentChange.CREATE, ""
    wanted.function.arn = found["Configuration"]["FunctionArn"]
    differences = [*function_differences(wanted, found), *trigger_differences(wanted.function, clients)]
    if not differences:
        return DeploymentChange.UNCHANGED, ""
    if why := stops_fixing(wanted.policy.mode.get("tags") or {}, found.get("Tags") or {}):
        return DeploymentChange.STOP_FIXING, why
    return DeploymentChange.UPDATE, ", ".join(differences)


def function_differences(wanted: Blueprint, found: Mapping[str, Any]) -> list[str]:
    """What c7n would change of a function, in Lambda's terms. `found` is the response of GetFunction."""
    from c7n.mu import LambdaManager

    current = found["Configuration"]
    config = wanted.function.get_config()
    config["Role"] = wanted.function.role or wanted.function.policy.options.assume_role
    tags, architectures = config.pop("Tags"), config.pop("Architectures")
    differences = [] if wanted.checksum == current["CodeSha256"] else ["code"]
    if any(LambdaManager.diff_tags(found.get("Tags", {}), tags)):
        differences.append("Tags")
    if current.get("Architectures", ["x86_64"]) != architectures:
        differences.append("Architectures")
    if (found.get("Concurrency") or {}).get("ReservedConcurrentExecutions") != wanted.function.concurrency:
        differences.append("Concurrency")
    return [*differences, *sorted(set(LambdaManager.delta_function(current, config)))]


def outcomes(
    checks: Sequence[Check], before: Mapping[DeploymentKey, PlannedDeployment],
    after: Mapping[DeploymentKey, PlannedDeployment],
) -> list[DeploymentResult]:
    """The result of each deployment, from what AWS says exists now and from what c7n reported for the policy.

    A function of an earlier deployment proves nothing about this one, so an error of c7n counts first.
    """
    return [_outcome(check, before.get(key), after.get(key)) for check in checks
            for key in [(check.account.name, check.region, check.policy.name)]]


def _outcome(check: Check, earlier: PlannedDeployment | None, now: PlannedDeployment | None) -> DeploymentResult:
    outcome, reason = "failed", check.reason
    if check.state in (State.DENIED, State.THROTTLED, State.ERROR) or now is None or earlier is None:
        pass
    elif now.change is DeploymentChange.UNKNOWN:
        reason = f"whether the function exists is unknown: {now.reason}"
    elif now.change is DeploymentChange.CREATE:
        reason = f"the function {check.policy.function} does not exist after the deployment; {check.reason}"
    elif now.change.deploys:
        reason = f"still differs from the policy: {now.reason}; {check.reason}".rstrip("; ")
    elif now.change is DeploymentChange.UNCHANGED:
        outcome = "created" if earlier.change is DeploymentChange.CREATE else "updated"
        reason = earlier.reason
    else:
        outcome, reason = now.change.value, now.reason
    return DeploymentResult(check.policy, check.account, check.region, outcome, reason)


def settled(planned: PlannedDeployment) -> DeploymentResult:
    """The result of a plan that has nothing to deploy."""
    if planned.change is DeploymentChange.UNKNOWN:
        outcome, reason = "failed", f"what is deployed is unknown: {planned.reason}"
    else:
        outcome, reason = planned.change.value, planned.reason
    return DeploymentResult(planned.policy, planned.account, planned.region, outcome, reason, planned.group)


def still_to_do(work: Work, planned: Sequence[PlannedDeployment]) -> Work:
    """The part of `work` that creates or updates something."""
    wanted = {each.key for each in planned if each.change.deploys}
    return {
        target: chosen for target, policies in work.items()
        if (chosen := tuple(p for p in policies if (target[0].name, target[1], p.name) in wanted))
    }
