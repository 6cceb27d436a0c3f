"""The two sides of a central deployment, as CloudFormation templates.

The hub has a bus of its own, on which the rules of its functions are. It accepts only what the members' rules forward:
events that AWS has sent, and probes of the doctor. The role of the functions may only write their logs, assume the
members' role, have an event delivered again, and use what they share. A member forwards the events that policies
subscribe to, the hub's own account too, and has the role that is assumed. Only the hub's one role may assume it, so an
external id adds nothing.

Source: EventBridge's guide, "Sending and receiving events between AWS accounts", "Using IAM policy conditions", and its
quotas.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from custom_actions.functions import PROBE_SOURCE
from custom_actions.names import FORWARD_ROLE, FUNCTION_PREFIX, HUB_BUS, HUB_ROLE, MEMBER_ROLE

from ..accounts import Account, Response
from ..deployment import answered_centrally, as_deployed, telling_the_hub
from ..policies import Policy, calls_of, pattern_of
from .iam.documents import PolicyDocument, documents, grants
from .iam.needs import STATE_CALLS, Permission, of_policy, redelivers
from .iam.template import substituted
from .parts import (
    BY_ACCOUNT,
    BY_ORGANIZATION,
    LAMBDA_MAY_ASSUME,
    MEMBERS,
    OF_MEMBERS,
    TAGS,
    Template,
    account_ids,
    may_redeliver,
    may_share,
    organization,
    redelivery_role,
    template,
)

PATTERN_CHARACTERS = 2_048
"""EventBridge's quota for one event pattern."""
Pattern = dict[str, Any]
_BY_CALL = frozenset({"source", "detail-type", "detail"})


@dataclass(frozen=True)
class _Kind:
    """What CloudTrail events share that one pattern can ask for."""

    detail_type: str
    source: str
    """The pattern's `source`, as JSON."""

    def pattern(self, sources: Sequence[str], names: Iterable[str]) -> Pattern:
        """A pattern for events of these names, from any of these services."""
        return {
            "source": json.loads(self.source), "detail-type": [self.detail_type],
            "detail": {"eventSource": list(sources), "eventName": sorted(names)},
        }


def patterns(policies: Iterable[Policy]) -> list[Pattern]:
    """The event patterns that a member must forward, in as few rules as EventBridge's quota allows.

    Patterns for CloudTrail events are merged, with sources and names in separate lists. So a member can forward
    more events than any policy subscribes to; the hub's own rules ignore them. Each pattern demands what the
    policies' own rules demand of an event's `source`: that AWS has sent it, or that it is a probe.
    """
    calls: dict[_Kind, dict[str, set[str]]] = {}
    others: list[Pattern] = []
    for policy in policies:
        pattern = pattern_of(policy)
        if set(pattern) == _BY_CALL and set(pattern["detail"]) == {"eventSource", "eventName"}:
            [detail_type] = pattern["detail-type"]
            kind = _Kind(detail_type, json.dumps(pattern["source"]))
            for source, name in calls_of(policy):
                calls.setdefault(kind, {}).setdefault(source, set()).add(name)
        elif pattern and pattern not in others:
            others.append(pattern)
    kinds = sorted(calls, key=lambda kind: (kind.detail_type, kind.source))
    return [*(pattern for kind in kinds for pattern in _packed(kind, calls[kind])), *others]


def _packed(kind: _Kind, calls: Mapping[str, set[str]]) -> Iterable[Pattern]:
    sources: list[str] = []
    names: set[str] = set()
    for source, part in _parts(kind, calls):
        grown = kind.pattern([*sources, source], names | part)
        if sources and len(json.dumps(grown)) > PATTERN_CHARACTERS:
            yield kind.pattern(sources, names)
            sources, names = [], set()
        sources, names = [*sources, source], names | part
    if sources:
        yield kind.pattern(sources, names)


def _parts(kind: _Kind, calls: Mapping[str, set[str]]) -> Iterable[tuple[str, set[str]]]:
    """Each source with its names; a source with more names than one pattern takes comes in several parts."""
    for source in sorted(calls):
        part: set[str] = set()
        for name in sorted(calls[source]):
            if part and len(json.dumps(kind.pattern([source], part | {name}))) > PATTERN_CHARACTERS:
                yield source, part
                part = set()
            part.add(name)
        yield source, part


def hub_template() -> Template:
    """The stack of the hub account, in the hub's region."""
    log = "arn:${AWS::Partition}:logs:*:${AWS::AccountId}:log-group:/aws/lambda/" + FUNCTION_PREFIX + "*"
    members = {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::*:role/{MEMBER_ROLE}"}
    return template("aws-guardrails, central deployment: the hub, whose functions answer the events of all accounts.", {
        "OrganizationId": organization(
            "The organization whose accounts may send events and whose roles the functions may assume."),
        "MemberAccounts": account_ids(
            "Without an organization, or besides it: the ids of accounts that may do the same, separated by commas."),
    }, {
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": HUB_BUS, "Tags": TAGS}},
        "Organization": _bus_policy("organization", _admit(BY_ORGANIZATION), Condition=BY_ORGANIZATION),
        "Accounts": _bus_policy("accounts", _admit(BY_ACCOUNT), Condition=BY_ACCOUNT),
        # Whatever IAM allows in this account: nobody puts events on this bus by hand.
        "Senders": _bus_policy("senders", {
            **_about_events("Deny"), "Condition": {"ArnNotLike": {"aws:PrincipalArn": _FORWARDING}},
        }),
        "Sources": _bus_policy("sources", {
            **_about_events("Deny"), "Condition": {"StringNotLike": {"events:source": [AWS_SOURCES, PROBE_SOURCE]}},
        }),
        "RedeliveryRole": redelivery_role(),
        "FunctionRole": {"Type": "AWS::IAM::Role", "Properties": {
            "RoleName": HUB_ROLE,
            "Description": "Functions of aws-guardrails that answer the events of all accounts",
            "AssumeRolePolicyDocument": LAMBDA_MAY_ASSUME,
            "Policies": [{"PolicyName": "calls", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                    "Resource": [{"Fn::Sub": log}, {"Fn::Sub": f"{log}:*"}],
                },
                *({"Fn::If": [condition, {
                    "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": members,
                    "Condition": {"StringEquals": {f"aws:Resource{key}": values}},
                }, {"Ref": "AWS::NoValue"}]} for condition, (key, values) in MEMBERS.items()),
                *may_redeliver(),
                *may_share(STATE_CALLS),
            ]}}],
            "Tags": TAGS,
        }},
    }, {
        "FunctionRoleArn": {"Value": {"Fn::GetAtt": ["FunctionRole", "Arn"]}},
        "BusArn": {"Value": {"Fn::GetAtt": ["Bus", "Arn"]}},
    }, conditions=OF_MEMBERS)


AWS_SOURCES = "aws.*"
"""The sources of AWS's own events. PutEvents refuses them from everybody else."""
_FORWARDING = {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::*:role/{FORWARD_ROLE}"}


def _admit(condition: str) -> dict[str, Any]:
    """The statement that lets rules of the members forward events of AWS, and probes."""
    key, values = MEMBERS[condition]
    return {
        **_about_events("Allow"),
        "Condition": {
            "StringEquals": {f"aws:Principal{key}": values},
            "StringLike": {"events:source": [AWS_SOURCES, PROBE_SOURCE]},
            # A rule forwards, nobody calls PutEvents.
            "Bool": {"events:eventBusInvocation": "true"},
            "ArnLike": {"aws:PrincipalArn": _FORWARDING},
        },
    }


def _about_events(effect: str) -> dict[str, Any]:
    return {
        "Effect": effect, "Principal": "*", "Action": "events:PutEvents", "Resource": {"Fn::GetAtt": ["Bus", "Arn"]}}


def _bus_policy(name: str, statement: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"Type": "AWS::Events::EventBusPolicy", **more, "Properties": {
        "EventBusName": {"Ref": "Bus"}, "StatementId": f"guardrails-{name}", "Statement": dict(statement)}}


def member_template(policies: Sequence[Policy], hub: Account, variables: Sequence[Mapping[str, Any]]) -> Template:
    """The stack set for all accounts, including the hub, in every region where events occur.

    Args:
        policies: only the realtime policies among them are used.
        hub: the account whose functions answer.
        variables: the distinct `vars` of the accounts.
    """
    assert hub.hub is not None
    home = hub.hub.region
    answered = [policy for policy in policies if answered_centrally(policy, hub)]
    observing = _documents(answered, hub, Response.OBSERVE, variables)
    healing = _documents(answered, hub, Response.HEAL, variables)
    resources: dict[str, Any] = {
        "ForwardRole": {"Type": "AWS::IAM::Role", "Condition": "Home", "Properties": {
            "RoleName": FORWARD_ROLE,
            "Description": "Lets EventBridge put events on the hub's bus",
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "events.amazonaws.com"},
                "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
            }]},
            "Policies": [{"PolicyName": "calls", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "events:PutEvents", "Resource": _bus(hub)},
            ]}}],
            "Tags": TAGS,
        }},
        "MemberRole": {"Type": "AWS::IAM::Role", "Condition": "Home", "Properties": {
            "RoleName": MEMBER_ROLE,
            "Description": "Permissions of the hub's functions of aws-guardrails in this account",
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {"AWS": {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::{hub.id}:root"}},
                # A condition, because a principal must exist when the role is created, and the hub's may not yet.
                "Condition": {"ArnEquals": {
                    "aws:PrincipalArn": {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::{hub.id}:role/{HUB_ROLE}"}}},
            }]},
            "ManagedPolicyArns": {"Fn::If": [
                "Heals", [{"Ref": name} for name in _names("Heal", healing)],
                [{"Ref": name} for name in _names("Observe", observing)]]},
            "Tags": TAGS,
        }},
    }
    for key, condition, found in (("Observe", "Observes", observing), ("Heal", "Heals", healing)):
        for name, one in zip(_names(key, found), found, strict=True):
            resources[name] = {"Type": "AWS::IAM::ManagedPolicy", "Condition": condition, "Properties": {
                "Description": f"Permissions of {MEMBER_ROLE} in accounts that {key.lower()}",
                "PolicyDocument": substituted(one),
            }}
    for number, pattern in enumerate(patterns(answered), 1):
        resources[f"Forward{number}"] = {"Type": "AWS::Events::Rule", "Properties": {
            "Name": f"guardrails-forward-{number}",
            "Description": "Forwards to the hub the events that the realtime policies of aws-guardrails subscribe to",
            "EventPattern": pattern, "State": "ENABLED",
            "Targets": [{
                "Id": "hub", "Arn": _bus(hub),
                "RoleArn": {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{FORWARD_ROLE}"},
            }],
        }}
    in_home = {"Fn::Equals": [{"Ref": "AWS::Region"}, {"Ref": "HomeRegion"}]}
    heals = {"Fn::Equals": [{"Ref": "Response"}, Response.HEAL.value]}
    return template(
        f"aws-guardrails, central deployment: a member, which forwards events to account {hub.id}, {home}.", {
            "Response": {
                "Type": "String", "AllowedValues": [Response.OBSERVE.value, Response.HEAL.value],
                "Default": Response.OBSERVE.value,
                "Description": "Whether fixes may run here; the value in the account's entry in accounts.yml.",
            },
            "HomeRegion": {
                "Type": "String", "Default": home,
                "Description": "The region whose stack creates the roles, which belong to the whole account.",
            },
        }, resources, {}, conditions={
            "Home": in_home,
            "Heals": {"Fn::And": [in_home, heals]},
            "Observes": {"Fn::And": [in_home, {"Fn::Not": [heals]}]},
        })


def _bus(hub: Account) -> dict[str, str]:
    assert hub.hub is not None
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:events:{hub.hub.region}:{hub.id}:event-bus/{HUB_BUS}"}


def _names(key: str, found: Sequence[PolicyDocument]) -> list[str]:
    return [f"{key}Policy{number}" for number in range(1, len(found) + 1)]


def _documents(
    policies: Iterable[Policy], hub: Account, response: Response, variables: Sequence[Mapping[str, Any]]
) -> list[PolicyDocument]:
    needs: list[Permission] = []
    for policy in policies:
        needs += of_policy(telling_the_hub(as_deployed(policy, response), hub), variables, mode=True)
    # The hub's function has events delivered again in its own account.
    needs = [permission for permission in needs if not redelivers(permission)]
    return documents(grants(needs), role=MEMBER_ROLE)
