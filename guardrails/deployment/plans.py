"""What a deployment would change, and what it has changed: what c7n would deploy, compared with what is there.

Lambda is asked for the function's code, settings, tags and permissions, and EventBridge, AWS Config or the scheduler
for what starts it. Only what differs is handed to c7n, and afterwards the same comparison says whether it is there.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from ..accounts import AWS_ERRORS, Account, account_region, reason_of
from ..limits import DEPLOYMENT_READS
from ..policies import Kind, Policy, Scope, comparable, deploy_scope, parsed
from ..results import State
from ..runs import Check, Target, Work
from .blueprints import Blueprint, blueprint, loaded

CLIENT = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 4})
_ABSENT = frozenset({"ResourceNotFoundException", "NoSuchConfigRuleException"})
Key = tuple[str, str, str]


class Change(StrEnum):
    """What a deployment would do with one policy in one account and region."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    OFF = "off"
    """The policy's conditions do not hold there (a profile that nobody chose), and no function is there."""
    REMOVE = "remove"
    """A function is there that should not be: its policy is gone, or off. `undeploy` does it."""
    UNKNOWN = "unknown"
    """What is there could not be asked."""


@dataclass(frozen=True)
class Planned:
    """One policy in one account and region, before a deployment."""

    policy: Policy
    account: Account
    region: str
    change: Change
    reason: str = ""
    """What differs, or why nothing is known."""

    @property
    def key(self) -> Key:
        return (self.account.name, self.region, self.policy.name)


@dataclass(frozen=True)
class Deployed:
    """One policy in one account and region after a deployment."""

    policy: Policy
    account: Account
    region: str
    outcome: str
    """created, updated, unchanged, off, remove (a function that is off is still there), or failed."""
    reason: str = ""

    @property
    def failed(self) -> bool:
        return self.outcome == "failed"


def regions_for(policy: Policy, account: Account) -> Sequence[str]:
    """The regions of the account in which the policy's function has to be."""
    if account.hub and policy.kind is Kind.REALTIME:
        return (account.hub.region,) if account.id == account.hub.account else ()
    if deploy_scope(policy) is Scope.REGION:
        return account.regions
    # Events of the whole account are recorded in one region; a schedule or a rule may be in any.
    return (account_region(account.regions),) if policy.kind is Kind.REALTIME else account.regions[:1]


def plan(work: Work, variables: Mapping[str, Any]) -> list[Planned]:
    """What deploying the work would change; nothing is changed.

    `variables`: the `vars` of accounts.yml for all accounts.
    """
    drawn: dict[Target, list[Blueprint]] = {}
    planned = []
    for (account, region), policies in work.items():
        drawn[account, region] = []
        for policy in policies:
            try:
                drawn[account, region].append(drawn_up(policy, account, region, variables))
            except Refused as error:
                # Of this account alone: its variables may be of the wrong kind.
                planned.append(Planned(policy, account, region, Change.UNKNOWN, f"c7n refuses it: {error}"))
    with ThreadPoolExecutor(DEPLOYMENT_READS) as pool:
        answers = list(pool.map(_compare, drawn.keys(), drawn.values()))
    return [*planned, *(each for answer in answers for each in answer)]


class Refused(Exception):
    """c7n does not take a policy with what accounts.yml says of an account; the text says why."""


def runs(policy: Policy, account: Account, region: str, variables: Mapping[str, Any]) -> bool:
    """Whether the policy's conditions hold in the account; c7n deploys nothing otherwise. Raises Refused."""
    return bool(drawn_up(policy, account, region, variables, loaded).is_runnable())


def drawn_up(
    policy: Policy, account: Account, region: str, variables: Mapping[str, Any], how: Callable[..., Any] = blueprint,
) -> Any:
    """What `how` makes of the policy there: its blueprint, or c7n's policy. Raises Refused."""
    try:
        return how(policy, account, region, variables)
    # Any element, of c7n or of ours, may raise anything on settings or variables that it did not expect.
    except Exception as error:
        raise Refused(" ".join(str(error).split())[:400] or type(error).__name__) from error


def _compare(target: Target, blueprints: Sequence[Blueprint]) -> list[Planned]:
    account, region = target
    try:
        session = account.session(region)
        clients: dict[str, Any] = {
            name: session.client(name, config=CLIENT) for name in ("lambda", "events", "config", "scheduler")}
    except AWS_ERRORS as error:
        return [Planned(each.policy, account, region, Change.UNKNOWN, reason_of(error)) for each in blueprints]
    planned = []
    for each in blueprints:
        try:
            change, reason = _change(each, clients)
        except AWS_ERRORS as error:
            change, reason = Change.UNKNOWN, reason_of(error)
        planned.append(Planned(each.policy, account, region, change, reason))
    return planned


def _change(wanted: Blueprint, clients: Mapping[str, Any]) -> tuple[Change, str]:
    found = asked(clients["lambda"].get_function, FunctionName=wanted.policy.function)
    if not wanted.runs:
        return (Change.REMOVE, "its conditions no longer hold there") if found else (Change.OFF, "")
    if not found:
        return Change.CREATE, ""
    wanted.function.arn = found["Configuration"]["FunctionArn"]
    differs = [*function_differences(wanted, found), *_source_differences(wanted.function, clients)]
    return (Change.UPDATE, ", ".join(differs)) if differs else (Change.UNCHANGED, "")


def asked(call: Callable[..., Any], **arguments: Any) -> Any:
    """What the call answers, or None when what it asks for is not there."""
    try:
        return call(**arguments)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _ABSENT:
            return None
        raise


def function_differences(wanted: Blueprint, found: Mapping[str, Any]) -> list[str]:
    """What c7n would change of a function for which `get_function` answers `found`, in Lambda's words."""
    from c7n.mu import LambdaManager

    there = found["Configuration"]
    config = wanted.function.get_config()
    config["Role"] = wanted.function.role or wanted.function.policy.options.assume_role
    tags, architectures = config.pop("Tags"), config.pop("Architectures")
    differs = [] if wanted.checksum == there["CodeSha256"] else ["code"]
    if any(LambdaManager.diff_tags(found.get("Tags", {}), tags)):
        differs.append("Tags")
    if there.get("Architectures", ["x86_64"]) != architectures:
        differs.append("Architectures")
    if (found.get("Concurrency") or {}).get("ReservedConcurrentExecutions") != wanted.function.concurrency:
        differs.append("Concurrency")
    return [*differs, *sorted(set(LambdaManager.delta_function(there, config)))]


def _source_differences(function: Any, clients: Mapping[str, Any]) -> list[str]:
    """What c7n would change of what starts the function."""
    from c7n import mu

    differs = []
    for source in function.get_events(None):
        if isinstance(source, mu.ConfigRule):
            answer = asked(clients["config"].describe_config_rules, ConfigRuleNames=[function.name])
            rule = answer["ConfigRules"][0] if answer else None
            differs += config_rule_differences(rule, source.get_rule_params(function))
            differs += permission(function, "config.amazonaws.com", clients)
        elif isinstance(source, mu.EventBridgeScheduleSource):
            differs += _schedule_differences(source, function, clients)
        elif isinstance(source, mu.CloudWatchEventSource):
            rule = asked(clients["events"].describe_rule, Name=function.event_name)
            targets = asked(clients["events"].list_targets_by_rule, Rule=function.event_name) if rule else None
            differs += event_rule_differences(
                rule, source.render_event_pattern(), source.data.get("schedule"), (targets or {}).get("Targets", ()),
                mu.normalize_arn(function.arn))
            differs += permission(function, "events.amazonaws.com", clients)
    return differs


def event_rule_differences(
    rule: Mapping[str, Any] | None, pattern: str | None, schedule: str | None, targets: Sequence[Mapping[str, Any]],
    arn: str,
) -> list[str]:
    """What c7n would change of an EventBridge rule (None: there is none) that is to start the function `arn`."""
    if rule is None:
        return ["event rule"]
    differs = []
    if rule.get("State") != "ENABLED":
        differs.append("event rule is off")
    # As sets: c7n lists the services of a pattern in another order each time.
    if comparable(parsed(rule.get("EventPattern"))) != comparable(parsed(pattern)):
        differs.append("event pattern")
    if (rule.get("ScheduleExpression") or None) != (schedule or None):
        differs.append("schedule")
    if arn not in [target["Arn"] for target in targets]:
        differs.append("target")
    return differs


def config_rule_differences(rule: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> list[str]:
    """What differs of a Config rule (None: there is none) from what c7n would put.

    Only what c7n says: AWS Config fills in what it is not told, and would look changed for ever.
    """
    if rule is None or rule.get("ConfigRuleState") == "DELETING":
        return ["Config rule"]
    differs = []
    for name, of in _CONFIG_RULE.items():
        if of(rule) != of(wanted):
            differs.append(f"Config rule's {name}")
    return differs


_CONFIG_RULE: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "function": lambda rule: rule["Source"].get("SourceIdentifier"),
    "messages": lambda rule: {detail.get("MessageType") for detail in rule["Source"].get("SourceDetails") or ()},
    "scope": lambda rule: set((rule.get("Scope") or {}).get("ComplianceResourceTypes") or ()),
    "frequency": lambda rule: _frequency(rule),
    "description": lambda rule: rule.get("Description") or "",
}


def _frequency(rule: Mapping[str, Any]) -> str | None:
    details = rule["Source"].get("SourceDetails") or ()
    if not any(detail.get("MessageType") == "ScheduledNotification" for detail in details):
        return None
    return rule.get("MaximumExecutionFrequency") or "TwentyFour_Hours"


def _schedule_differences(source: Any, function: Any, clients: Mapping[str, Any]) -> list[str]:
    found = asked(
        clients["scheduler"].get_schedule, Name=function.event_name, GroupName=source.data.get("group-name", "default"))
    if found is None:
        return ["schedule"]
    same = (
        found.get("State") == "ENABLED"
        and found.get("ScheduleExpression") == source.data.get("schedule")
        and found.get("ScheduleExpressionTimezone") == source.data.get("timezone", "Etc/UTC")
        and (found.get("Target") or {}).get("RoleArn") == source.data.get("scheduler-role")
    )
    return [] if same else ["schedule"]


def permission(function: Any, service: str, clients: Mapping[str, Any]) -> list[str]:
    """What differs when the service has to be allowed to call the function."""
    answer = asked(clients["lambda"].get_policy, FunctionName=function.name)
    statements = json.loads(answer["Policy"])["Statement"] if answer else []
    allowed = any(
        each.get("Effect") == "Allow" and each.get("Principal") in ({"Service": service}, service)
        for each in statements)
    return [] if allowed else [f"permission of {service}"]


def outcomes(checks: Sequence[Check], before: Mapping[Key, Planned], after: Mapping[Key, Planned]) -> list[Deployed]:
    """How each deployment ended: by what AWS says is there now, and by what c7n said of the policy.

    A function from an earlier deployment proves nothing about this one, so an error of c7n's counts first.
    """
    ended = []
    for check in checks:
        key = (check.account.name, check.region, check.policy.name)
        earlier, now = before.get(key), after.get(key)
        outcome, reason = "failed", check.reason
        if check.state in (State.DENIED, State.THROTTLED, State.ERROR) or now is None or earlier is None:
            pass
        elif now.change is Change.UNKNOWN:
            reason = f"whether the function is there is not known: {now.reason}"
        elif now.change is Change.CREATE:
            reason = f"there is no function {check.policy.function} afterwards; {check.reason}"
        elif now.change is Change.UPDATE:
            reason = f"still not as it should be: {now.reason}; {check.reason}".rstrip("; ")
        elif now.change is Change.UNCHANGED:
            outcome, reason = ("created" if earlier.change is Change.CREATE else "updated"), earlier.reason
        else:
            outcome, reason = now.change.value, now.reason
        ended.append(Deployed(check.policy, check.account, check.region, outcome, reason))
    return ended


def settled(planned: Planned) -> Deployed:
    """How a deployment ends where there is nothing to deploy."""
    if planned.change is Change.UNKNOWN:
        return Deployed(
            planned.policy, planned.account, planned.region, "failed",
            f"what is there is not known: {planned.reason}")
    return Deployed(planned.policy, planned.account, planned.region, planned.change.value, planned.reason)


def still_to_do(work: Work, planned: Sequence[Planned]) -> Work:
    """The part of the work that changes something."""
    wanted = {each.key for each in planned if each.change in (Change.CREATE, Change.UPDATE)}
    return {
        target: chosen for target, policies in work.items()
        if (chosen := tuple(p for p in policies if (target[0].name, target[1], p.name) in wanted))
    }
