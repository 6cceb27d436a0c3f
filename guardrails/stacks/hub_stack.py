"""The two sides of a central deployment, as CloudFormation templates.

The hub lets the organization put events on its default bus, where c7n's rules listen, and has the role that its
functions run as, which may do nothing but write its log and assume the members' role. A member sends on what policies
wait for, and has the role that is assumed. Only the hub's one role may assume it, so an external id would add nothing.

Source: EventBridge's guide, "Sending and receiving events between AWS accounts", and its quotas.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from custom_actions.names import FORWARD_ROLE, FUNCTION_PREFIX, HUB_ROLE, MEMBER_ROLE

from ..accounts import Account, Response
from ..deployment import answered_centrally, as_deployed, telling_the_hub
from ..policies import Policy, calls_of, pattern_of
from .iam.documents import Document, documents, grants
from .iam.needs import Need, of_policy
from .iam.template import substituted
from .parts import LAMBDA_MAY_ASSUME, TAGS, Template, template

PATTERN_CHARACTERS = 2_048
"""The quota of one pattern."""
Pattern = dict[str, Any]
_BY_CALL = frozenset({"detail-type", "detail"})


def patterns(policies: Iterable[Policy]) -> list[Pattern]:
    """What a member has to send on, in as few rules as EventBridge's quota allows.

    What policies wait for of CloudTrail is put together, names and sources apart: a little more may be sent on than any
    policy wants, which the hub's own rules leave aside.
    """
    calls: dict[str, dict[str, set[str]]] = {}
    others: list[Pattern] = []
    for policy in policies:
        pattern = pattern_of(policy)
        if set(pattern) == _BY_CALL and set(pattern["detail"]) == {"eventSource", "eventName"}:
            [kind] = pattern["detail-type"]
            for source, name in calls_of(policy):
                calls.setdefault(kind, {}).setdefault(source, set()).add(name)
        elif pattern and pattern not in others:
            others.append(pattern)
    return [*(pattern for kind in sorted(calls) for pattern in _packed(kind, calls[kind])), *others]


def _packed(kind: str, calls: Mapping[str, set[str]]) -> Iterable[Pattern]:
    sources: list[str] = []
    names: set[str] = set()
    for source, part in _parts(kind, calls):
        grown = _pattern(kind, [*sources, source], names | part)
        if sources and len(json.dumps(grown)) > PATTERN_CHARACTERS:
            yield _pattern(kind, sources, names)
            sources, names = [], set()
        sources, names = [*sources, source], names | part
    if sources:
        yield _pattern(kind, sources, names)


def _parts(kind: str, calls: Mapping[str, set[str]]) -> Iterable[tuple[str, set[str]]]:
    """Each source with its names; a source with more names than one pattern takes comes in several parts."""
    for source in sorted(calls):
        part: set[str] = set()
        for name in sorted(calls[source]):
            if part and len(json.dumps(_pattern(kind, [source], part | {name}))) > PATTERN_CHARACTERS:
                yield source, part
                part = set()
            part.add(name)
        yield source, part


def _pattern(kind: str, sources: Sequence[str], names: Iterable[str]) -> Pattern:
    return {"detail-type": [kind], "detail": {"eventSource": list(sources), "eventName": sorted(names)}}


def hub_template() -> Template:
    """The stack of the hub account, in the hub's region."""
    bus = {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"}
    log = "arn:${AWS::Partition}:logs:*:${AWS::AccountId}:log-group:/aws/lambda/" + FUNCTION_PREFIX + "*"
    return template("Answers the events of all accounts: aws-guardrails, central deployment, the hub's side.", {
        "OrganizationId": {
            "Type": "String", "AllowedPattern": "o-[a-z0-9]{10,32}",
            "Description": "The organization whose accounts may send events, and be assumed into.",
        },
    }, {
        "Members": {"Type": "AWS::Events::EventBusPolicy", "Properties": {
            "StatementId": "guardrails-members",
            "Statement": {
                "Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": bus,
                "Condition": {"StringEquals": {"aws:PrincipalOrgID": {"Ref": "OrganizationId"}}},
            },
        }},
        "FunctionRole": {"Type": "AWS::IAM::Role", "Properties": {
            "RoleName": HUB_ROLE,
            "Description": "The functions of aws-guardrails that answer for all accounts",
            "AssumeRolePolicyDocument": LAMBDA_MAY_ASSUME,
            "Policies": [{"PolicyName": "calls", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                    "Resource": [{"Fn::Sub": log}, {"Fn::Sub": f"{log}:*"}],
                },
                {
                    "Effect": "Allow", "Action": "sts:AssumeRole",
                    "Resource": {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::*:role/{MEMBER_ROLE}"},
                    "Condition": {"StringEquals": {"aws:ResourceOrgID": {"Ref": "OrganizationId"}}},
                },
            ]}}],
            "Tags": TAGS,
        }},
    }, {"FunctionRoleArn": {"Value": {"Fn::GetAtt": ["FunctionRole", "Arn"]}}})


def member_template(policies: Sequence[Policy], hub: Account, variables: Sequence[Mapping[str, Any]]) -> Template:
    """The stack set of all accounts, the hub too, in every region where events happen.

    Args:
        policies: those to be answered; others than realtime ones are left aside.
        hub: the account whose functions answer.
        variables: the different `vars` of the accounts.
    """
    assert hub.hub is not None
    home = hub.hub.region
    answered = [policy for policy in policies if answered_centrally(policy, hub)]
    observing = _documents(answered, hub, Response.OBSERVE, variables)
    healing = _documents(answered, hub, Response.HEAL, variables)
    resources: dict[str, Any] = {
        "ForwardRole": {"Type": "AWS::IAM::Role", "Condition": "Home", "Properties": {
            "RoleName": FORWARD_ROLE,
            "Description": "EventBridge, to put events on the hub's bus",
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
            "Description": "What the hub's functions of aws-guardrails may do here",
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {"AWS": {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::{hub.id}:root"}},
                # As a condition: a principal must exist when a role is made, and the hub's may come later.
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
                "Description": f"{MEMBER_ROLE}, where the account's word is {key.lower()}",
                "PolicyDocument": substituted(one),
            }}
    for number, pattern in enumerate(patterns(answered), 1):
        resources[f"Forward{number}"] = {"Type": "AWS::Events::Rule", "Condition": "Forwards", "Properties": {
            "Name": f"guardrails-forward-{number}",
            "Description": "Sends to the hub what the realtime policies of aws-guardrails wait for",
            "EventPattern": pattern, "State": "ENABLED",
            "Targets": [{
                "Id": "hub", "Arn": _bus(hub),
                "RoleArn": {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{FORWARD_ROLE}"},
            }],
        }}
    in_home = {"Fn::Equals": [{"Ref": "AWS::Region"}, {"Ref": "HomeRegion"}]}
    heals = {"Fn::Equals": [{"Ref": "Response"}, Response.HEAL.value]}
    return template(
        f"Sends events to account {hub.id}, {home}: aws-guardrails, central deployment, a member's side.", {
            "Response": {
                "Type": "String", "AllowedValues": [Response.OBSERVE.value, Response.HEAL.value],
                "Default": Response.OBSERVE.value,
                "Description": "What the account's entry in accounts.yml says: whether fixes may run here.",
            },
            "HomeRegion": {
                "Type": "String", "Default": home,
                "Description": "The region whose stack makes the roles; they are the whole account's.",
            },
        }, resources, {}, conditions={
            "Home": in_home,
            "Heals": {"Fn::And": [in_home, heals]},
            "Observes": {"Fn::And": [in_home, {"Fn::Not": [heals]}]},
            # The hub's own events are on that bus already.
            "Forwards": {"Fn::Not": [{"Fn::And": [
                {"Fn::Equals": [{"Ref": "AWS::AccountId"}, hub.id]}, {"Fn::Equals": [{"Ref": "AWS::Region"}, home]}]}]},
        })


def _bus(hub: Account) -> dict[str, str]:
    assert hub.hub is not None
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:events:{hub.hub.region}:{hub.id}:event-bus/default"}


def _names(key: str, found: Sequence[Document]) -> list[str]:
    return [f"{key}Policy{number}" for number in range(1, len(found) + 1)]


def _documents(
    policies: Iterable[Policy], hub: Account, response: Response, variables: Sequence[Mapping[str, Any]]
) -> list[Document]:
    needs: list[Need] = []
    for policy in policies:
        needs += of_policy(telling_the_hub(as_deployed(policy, response), hub), variables, mode=True)
    return documents(grants(needs), role=MEMBER_ROLE)
