"""What a central deployment needs besides functions: members that forward events and admit the hub's functions."""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from c7n.utils import get_partition

from custom_actions.names import HUB_BUS, HUB_ROLE, MEMBER_ROLE

from ..accounts import Account
from ..command import command
from ..deployment import answered_centrally, is_hub, regions_for
from ..policies import Policy, UnknownComparison, mismatches, pattern_of
from .expectations import ExpectedFunction
from .facts import Found, Read, TrailFacts, Unread
from .reading import AccountReader, attempt, attempt_or
from .regions import trail
from .resource_policies import bus_admits, bus_admits_organization, wide_bus
from .verdict import HealthVerdict, as_list, broken, names, ok, some, unknown


@dataclass(frozen=True)
class MemberFacts:
    """What was read of one region of a member account, or of the hub."""

    rules: Read[Sequence[Mapping[str, Any]]]
    """The event rules that forward to the hub's bus, as DescribeRule returns them."""
    trails: Read[Sequence[TrailFacts]]
    role: Read[Found]
    """The role that the hub's functions assume."""
    bus: Read[Found] = None
    """The response of DescribeEventBus, in the hub; None when the hub's bus does not exist."""


def _update_stacks(name: str) -> str:
    return f"run {command('templates -c accounts.yml')}, and update the stacks of {name}.template.json"


def answered(policies: Sequence[Policy], account: Account, region: str) -> list[ExpectedFunction]:
    """The policies whose events occur there and that the hub's functions answer."""
    return [
        ExpectedFunction(policy, account, region, pattern=pattern_of(policy))
        for policy in policies
        if answered_centrally(policy, account) and region in regions_for(policy, replace(account, hub=None))
    ]


def read_member(reader: AccountReader) -> MemberFacts:
    """Read the facts that `member_verdicts` judges."""
    account = reader.account
    assert account.hub is not None
    events, bus = reader.client("events"), bus_of(account)

    def sending() -> list[Mapping[str, Any]]:
        return [events.describe_rule(Name=name)
                for name in reader.pages("events", "list_rule_names_by_target", "RuleNames", TargetArn=bus)]

    role = attempt(lambda: reader.client("iam").get_role(RoleName=MEMBER_ROLE)["Role"])
    return MemberFacts(
        attempt_or(sending, []), reader.trails(), role,
        attempt(lambda: events.describe_event_bus(Name=HUB_BUS)) if is_hub(account, reader.region) else None)


def bus_of(account: Account) -> str:
    """The ARN of the hub's event bus, which receives the account's events."""
    assert account.hub is not None
    partition = get_partition(account.hub.region)
    return f"arn:{partition}:events:{account.hub.region}:{account.hub.account}:event-bus/{HUB_BUS}"


def member_verdicts(
    waiting: Sequence[ExpectedFunction], facts: MemberFacts, account: Account, region: str
) -> list[HealthVerdict]:
    """The verdicts on what the hub's functions need of an account and region for the `waiting` policies."""
    assert account.hub is not None
    if not waiting:
        return []
    found = [bus(facts.bus, account)] if is_hub(account, region) else []
    found.append(forward(waiting, facts.rules))
    if calls := [each for each in waiting if each.trail_events]:
        found.append(trail(calls, facts.trails))
    return [*found, member_role(facts.role, account)]


def forward(waiting: Sequence[ExpectedFunction], rules: Read[Sequence[Mapping[str, Any]]]) -> HealthVerdict:
    """Whether enabled rules forward every event that the policies await to the hub."""
    remedy = _update_stacks("member")
    if isinstance(rules, Unread):
        return unknown("forward", rules.reason)
    enabled = [json.loads(rule.get("EventPattern") or "{}") for rule in rules if rule.get("State") == "ENABLED"]
    if not enabled:
        why = f"the event rule {rules[0]['Name']} is disabled" if rules else "no event rule forwards to the hub's bus"
        return broken("forward", f"{why}: no event reaches {some(names(waiting))}", remedy)
    try:
        lost = [each for each in waiting if not all(_let_through(event, enabled) for event in _events(each))]
    except UnknownComparison as error:
        return unknown("forward", f"whether its rules forward the events of {some(names(waiting))}: {error}", remedy)
    if lost:
        return broken("forward", f"its rules do not forward all events of {some(names(lost))}", remedy)
    return ok("forward")


def _events(wanted: ExpectedFunction) -> Iterator[Mapping[str, Any]]:
    """An event for each API call that the policy awaits; for any other event, one that resembles its pattern."""
    pattern = wanted.pattern or {}
    if not wanted.trail_events:
        yield {key: _example(value[0]) if isinstance(value, list) else value for key, value in pattern.items()}
    for source, name in wanted.trail_events:
        yield {**{key: _example(value[0]) for key, value in pattern.items() if isinstance(value, list) and value},
               "detail": {"eventSource": source, "eventName": name}}


def _example(choice: Any) -> Any:
    """A value that matches one choice of a pattern."""
    # Of the comparisons, patterns compare a source by its prefix only.
    return f"{choice['prefix']}example" if isinstance(choice, Mapping) and "prefix" in choice else choice


def _let_through(event: Mapping[str, Any], patterns: Sequence[Mapping[str, Any]]) -> bool:
    return any(not list(mismatches(pattern, event)) for pattern in patterns)


def member_role(role: Read[Found], account: Account) -> HealthVerdict:
    """Whether the role that the hub's functions assume exists and trusts the hub."""
    assert account.hub is not None
    remedy = _update_stacks("member")
    if isinstance(role, Unread):
        return unknown("member-role", role.reason)
    if role is None:
        return broken("member-role", f"the role {MEMBER_ROLE} does not exist: the hub's functions have no access",
                      remedy)
    trusted = [
        str(principal) for statement in as_list((role.get("AssumeRolePolicyDocument") or {}).get("Statement"))
        for principal in as_list((statement.get("Principal") or {}).get("AWS"))]
    if not any(account.hub.account in principal for principal in trusted):
        return broken("member-role", f"{MEMBER_ROLE} does not trust {HUB_ROLE} of {account.hub.account}", remedy)
    return ok("member-role")


def bus(found: Read[Found], account: Account) -> HealthVerdict:
    """Whether the hub's bus exists, accepts events of every account of accounts.yml, and nothing else."""
    assert account.hub is not None
    remedy = _update_stacks("hub")
    if isinstance(found, Unread):
        return unknown("event-bus", found.reason)
    if found is None:
        return broken("event-bus", f"the event bus {HUB_BUS} does not exist: no event reaches the hub", remedy)
    policy = found.get("Policy")
    refused = [str(member) for member in account.hub.members
               if member.id != account.id and not bus_admits(policy, member.id)]
    if refused:
        return broken("event-bus", f"the event bus {HUB_BUS} does not accept events of {some(refused)}", remedy)
    if wide := wide_bus(policy, {member.id for member in account.hub.members}):
        return broken("event-bus", f"the policy of the event bus {HUB_BUS} is too wide: {'; '.join(wide)}", remedy)
    by_organization = "it accepts events by organization; all accounts are assumed to be members of it"
    return ok("event-bus", by_organization if bus_admits_organization(policy) else "")
