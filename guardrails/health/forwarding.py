"""What a central deployment needs besides functions: members that send events on, and let the hub's functions in."""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from c7n.utils import get_partition

from custom_actions.names import HUB_ROLE, MEMBER_ROLE

from ..accounts import Account
from ..deployment import answered_centrally, regions_for
from ..policies import Policy, UnknownComparison, mismatches, pattern_of
from .expectations import ExpectedFunction
from .facts import Found, Read, TrailFacts, Unread
from .reading import AccountReader, asked, listed
from .regions import trail
from .verdict import HealthVerdict, as_list, broken, names, ok, some, unknown

_STACK = "./run.sh templates -c accounts.yml, and update the stacks of {}.template.json"


@dataclass(frozen=True)
class MemberFacts:
    """What was read of a member's region, or of the hub's."""

    rules: Read[Sequence[Mapping[str, Any]]]
    """The event rules that send to the hub's bus, as DescribeRule shows them."""
    trails: Read[Sequence[TrailFacts]]
    role: Read[Found]
    """The role that the hub's functions assume."""
    bus: Read[Found] = None
    """DescribeEventBus' answer, in the hub."""


def answered(policies: Sequence[Policy], account: Account, region: str) -> list[ExpectedFunction]:
    """The policies whose events happen there and are answered in the hub."""
    return [
        ExpectedFunction(policy, account, region, pattern=pattern_of(policy))
        for policy in policies
        if answered_centrally(policy, account) and region in regions_for(policy, replace(account, hub=None))
    ]


def read_member(reader: AccountReader) -> MemberFacts:
    """Read what `member_verdicts` takes."""
    account = reader.account
    assert account.hub is not None
    here = (account.id, reader.region) == (account.hub.account, account.hub.region)
    events, bus = reader.client("events"), bus_of(account)

    def sending() -> list[Mapping[str, Any]]:
        return [events.describe_rule(Name=name)
                for name in reader.pages("events", "list_rule_names_by_target", "RuleNames", TargetArn=bus)]

    role = asked(lambda: reader.client("iam").get_role(RoleName=MEMBER_ROLE)["Role"])
    return MemberFacts(
        [] if here else listed(sending, []), reader.trails(), role,
        asked(lambda: events.describe_event_bus(Name="default")) if here else None)


def bus_of(account: Account) -> str:
    """The ARN of the bus that takes the account's events."""
    assert account.hub is not None
    partition = get_partition(account.hub.region)
    return f"arn:{partition}:events:{account.hub.region}:{account.hub.account}:event-bus/default"


def member_verdicts(waiting: Sequence[ExpectedFunction], facts: MemberFacts, account: Account, region: str) -> list[HealthVerdict]:
    """What the hub's functions need of an account and region for the policies that wait for its events."""
    assert account.hub is not None
    if not waiting:
        return []
    here = (account.id, region) == (account.hub.account, account.hub.region)
    found = [bus(facts.bus, account)] if here else [forward(waiting, facts.rules)]
    if calls := [each for each in waiting if each.trail_events]:
        found.append(trail(calls, facts.trails))
    return [*found, member_role(facts.role, account)]


def forward(waiting: Sequence[ExpectedFunction], rules: Read[Sequence[Mapping[str, Any]]]) -> HealthVerdict:
    """Whether rules that are on send all that the policies wait for to the hub."""
    mend = _STACK.format("member")
    if isinstance(rules, Unread):
        return unknown("forward", rules.reason)
    enabled = [json.loads(rule.get("EventPattern") or "{}") for rule in rules if rule.get("State") == "ENABLED"]
    if not enabled:
        why = f"the event rule {rules[0]['Name']} is off" if rules else "no event rule sends to the hub's bus"
        return broken("forward", f"{why}: no event reaches {some(names(waiting))}", mend)
    try:
        lost = [each for each in waiting if not all(_let_through(event, enabled) for event in _events(each))]
    except UnknownComparison as error:
        return unknown("forward", f"whether its rules send on what {some(names(waiting))} wait for: {error}", mend)
    if lost:
        return broken("forward", f"its rules do not send on all that {some(names(lost))} wait for", mend)
    return ok("forward")


def _events(wanted: ExpectedFunction) -> Iterator[Mapping[str, Any]]:
    """An event for each call that the policy waits for; for what else it waits for, one like its pattern."""
    pattern = wanted.pattern or {}
    if not wanted.trail_events:
        yield {key: value[0] if isinstance(value, list) else value for key, value in pattern.items()}
    for source, name in wanted.trail_events:
        yield {**{key: value[0] for key, value in pattern.items() if isinstance(value, list) and value},
               "detail": {"eventSource": source, "eventName": name}}


def _let_through(event: Mapping[str, Any], patterns: Sequence[Mapping[str, Any]]) -> bool:
    return any(not list(mismatches(pattern, event)) for pattern in patterns)


def member_role(role: Read[Found], account: Account) -> HealthVerdict:
    """Whether the role that the hub's functions assume is there, and trusts the hub."""
    assert account.hub is not None
    mend = _STACK.format("member")
    if isinstance(role, Unread):
        return unknown("member-role", role.reason)
    if role is None:
        return broken("member-role", f"there is no role {MEMBER_ROLE}: the hub's functions cannot get in", mend)
    trusted = [
        str(principal) for statement in as_list((role.get("AssumeRolePolicyDocument") or {}).get("Statement"))
        for principal in as_list((statement.get("Principal") or {}).get("AWS"))]
    if not any(account.hub.account in principal for principal in trusted):
        return broken("member-role", f"{MEMBER_ROLE} does not trust {HUB_ROLE} of {account.hub.account}", mend)
    return ok("member-role")


def bus(found: Read[Found], account: Account) -> HealthVerdict:
    """Whether the hub's bus takes the events of every other account of accounts.yml."""
    assert account.hub is not None
    mend = _STACK.format("hub")
    if isinstance(found, Unread):
        return unknown("event-bus", found.reason)
    policy = json.loads((found or {}).get("Policy") or "{}")
    principals = [
        str(principal) for statement in as_list(policy.get("Statement"))
        if statement.get("Effect") == "Allow" and "events:PutEvents" in as_list(statement.get("Action"))
        for given in [statement.get("Principal")]
        for principal in as_list(given.get("AWS") if isinstance(given, Mapping) else given)]
    shut_out = [
        str(member) for member in account.hub.members
        if member.id != account.id and not any(each == "*" or member.id in each for each in principals)]
    if shut_out:
        return broken("event-bus", f"its default bus does not take events of {some(shut_out)}", mend)
    return ok("event-bus", "who may send by organization is taken for a member of it" if "*" in principals else "")
