"""The policies of the hub's bus and of the compliance topic: those of the templates are right, wider ones are not."""
from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from custom_actions.names import REDELIVERY_ROLE
from guardrails.accounts.account import Account, Hub
from guardrails.health.facts import RoleFacts, Unread
from guardrails.health.forwarding import bus
from guardrails.health.regions import publishers, redelivery
from guardrails.health.resource_policies import bus_admits, wide_bus, wide_topic
from guardrails.health.verdict import HealthState
from guardrails.stacks.compliance_stack import compliance
from guardrails.stacks.hub_stack import hub_template
from tests.cloudformation import Stack, bus_policy, topic_policy

HUB, RED, STRANGER = "999999999999", "111111111111", "333333333333"
HOME, ORGANIZATION = "eu-west-1", "o-exampleorgid"
ACCOUNTS = (Account(HUB, "security", (HOME,)), Account(RED, "red", (HOME,)))
IN_HUB = Account(HUB, "security", (HOME,), hub=Hub(HUB, HOME, ACCOUNTS))
BY_ORGANIZATION = bus_policy(hub_template(), HUB, HOME, OrganizationId=ORGANIZATION)
BY_ACCOUNT = bus_policy(hub_template(), HUB, HOME, MemberAccounts=RED)


def statement(policy: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [each for each in policy["Statement"] if each.get("Sid") == name]
    return dict(found)


def changed(policy: dict[str, Any], name: str, change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The policy with one statement changed."""
    copy = deepcopy(policy)
    change(next(each for each in copy["Statement"] if each.get("Sid") == name))
    return copy


@pytest.mark.parametrize("policy", [BY_ORGANIZATION, BY_ACCOUNT], ids=["organization", "accounts"])
def test_the_bus_of_the_template_accepts_members_and_nothing_wider(policy: dict[str, Any]) -> None:
    assert bus_admits(policy, RED)
    assert wide_bus(policy, {HUB, RED}) == []
    verdict = bus({"Policy": json.dumps(policy)}, IN_HUB)
    assert (verdict.state, "organization" in verdict.reason) == (HealthState.OK, policy is BY_ORGANIZATION)
    assert len(json.dumps(policy)) < 10_240, "EventBridge's quota for a bus' policy"


def test_accounts_that_are_not_listed_are_not_admitted() -> None:
    assert not bus_admits(BY_ACCOUNT, STRANGER)
    assert wide_bus(BY_ACCOUNT, {HUB}) == [f"guardrails-accounts admits {RED}, which accounts.yml does not list"]
    verdict = bus({"Policy": json.dumps(bus_policy(hub_template(), HUB, HOME, MemberAccounts=STRANGER))}, IN_HUB)
    assert (verdict.state, verdict.reason) == (
        HealthState.BROKEN, f"the event bus guardrails does not accept events of red ({RED})")


@pytest.mark.parametrize(("change", "why"), [
    (lambda each: each["Condition"].pop("StringEquals"), "admits every AWS account"),
    (lambda each: each["Condition"].pop("StringLike"), "events that do not come from AWS"),
    (lambda each: each["Condition"].update(StringLike={"events:source": ["aws.*", "*"]}), "do not come from AWS"),
    (lambda each: each["Condition"].update(StringLikeIfExists=each["Condition"].pop("StringLike")),
     "events that do not come from AWS"),
    (lambda each: each["Condition"].pop("Bool"), "calls of PutEvents"),
    (lambda each: each["Condition"].update(Bool={"events:eventBusInvocation": "false"}), "calls of PutEvents"),
    (lambda each: each.update(Action="events:*"), "allows more than events:PutEvents"),
    (lambda each: each.update(Action=["events:PutEvents", "events:PutRule"]), "allows more than events:PutEvents"),
    (lambda each: each.update(NotAction=each.pop("Action")), "allows more than events:PutEvents"),
    (lambda each: each.update(NotPrincipal=each.pop("Principal")), "everybody except some principals"),
    (lambda each: each.update(Principal={"AWS": f"arn:aws:iam::{STRANGER}:root"}), f"admits {STRANGER}"),
    (lambda each: each.update(Principal={"AWS": ["*", STRANGER]}), f"admits {STRANGER}"),
])
def test_a_wider_bus_is_broken(change: Callable[[dict[str, Any]], Any], why: str) -> None:
    policy = changed(BY_ORGANIZATION, "guardrails-organization", change)
    assert why in " ".join(wide_bus(policy, {HUB, RED}))
    # Not beside a right statement either.
    both = {"Statement": [*BY_ORGANIZATION["Statement"], *policy["Statement"]]}
    verdict = bus({"Policy": json.dumps(both)}, IN_HUB)
    assert (verdict.state, why in verdict.reason) == (HealthState.BROKEN, True), verdict


@pytest.mark.parametrize("change", [
    lambda each: each.update(Effect="Allow"), lambda each: each.update(Action="events:PutRule"),
    lambda each: each["Condition"].update(Bool={"aws:SecureTransport": "false"}),
    lambda each: each["Condition"].update(ArnNotLike={"aws:PrincipalArn": "arn:aws:iam::*:role/*"}),
    lambda each: each["Condition"].update(ArnNotLike={"aws:PrincipalArn": "*"}),
    lambda each: each.update(Principal={"AWS": RED}),
])
def test_nobody_in_the_hub_may_put_events_on_the_bus(change: Callable[[dict[str, Any]], Any]) -> None:
    assert "no statement denies" in " ".join(
        wide_bus(changed(BY_ORGANIZATION, "guardrails-senders", change), {HUB, RED}))


def test_a_bus_that_is_missing_or_unreadable() -> None:
    assert (bus(None, IN_HUB).state, bus(Unread("denied"), IN_HUB).state) == (
        HealthState.BROKEN, HealthState.UNKNOWN)
    assert "does not accept events of red" in bus({}, IN_HUB).reason


# -- the compliance topic -----------------------------------------------------------------------------------------

CLOSED = topic_policy(compliance(), HUB, HOME)


@pytest.mark.parametrize("parameters", [
    {}, {"OrganizationId": ORGANIZATION}, {"MemberAccounts": f"{RED},{STRANGER}"}, {"SubscriberAccount": RED},
])
def test_the_topic_of_the_template_takes_our_functions_only(parameters: dict[str, Any]) -> None:
    policy = topic_policy(compliance(), HUB, HOME, **parameters)
    assert wide_topic(json.dumps(policy), HUB) == []
    assert publishers(f"arn:aws:sns:{HOME}:{HUB}:guardrails-compliance", {"Policy": json.dumps(policy)}).state is (
        HealthState.OK)


def test_the_topic_of_an_account_is_wider() -> None:
    policy = topic_policy(compliance(), HUB, HOME, Publishers="account")
    assert wide_topic(policy, HUB) == [
        "Account lets every principal in the account publish if IAM allows it, not only our functions"]
    # So is the one that SNS gives to a topic without a policy.
    default = {"Statement": [{
        "Sid": "__default_statement_ID", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["SNS:Publish"],
        "Resource": "x", "Condition": {"StringEquals": {"AWS:SourceOwner": HUB}}}]}
    assert "not only our functions" in wide_topic(default, HUB)[0]
    verdict = publishers(f"arn:aws:sns:{HOME}:{HUB}:guardrails-compliance", {"Policy": json.dumps(policy)})
    assert (verdict.state, "Publishers=functions" in verdict.remedy) == (HealthState.BROKEN, True)


@pytest.mark.parametrize(("added", "why"), [
    ({"Principal": "*"}, "lets every AWS account publish"),
    ({"Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"}}, f"{STRANGER}:root publish"),
    ({"Principal": {"AWS": STRANGER}}, f"lets {STRANGER} publish"),
    ({"Principal": {"AWS": f"arn:aws:iam::{STRANGER}:role/guardrails"}}, "role/guardrails publish"),
    ({"Principal": {"Service": "s3.amazonaws.com"}}, "lets s3.amazonaws.com publish"),
    ({"NotPrincipal": {"AWS": STRANGER}}, "everybody except some principals publish"),
    ({"Principal": "*", "Action": "sns:*"}, "every AWS account"),
    ({"Principal": "*", "Condition": {"StringLike": {"aws:PrincipalOrgID": "o-*"}}}, "every AWS account"),
])
def test_a_wider_topic_is_broken(added: dict[str, Any], why: str) -> None:
    more = {"Sid": "More", "Effect": "Allow", "Action": "sns:Publish", **added}
    [found] = wide_topic({"Statement": [*CLOSED["Statement"], more]}, HUB)
    assert found.startswith("More ") and why in found


@pytest.mark.parametrize("change", [
    lambda each: each["Condition"].pop("ArnNotLike"),
    lambda each: each["Condition"]["ArnNotLike"].update({"aws:PrincipalArn": ["*"]}),
    lambda each: each["Condition"]["ArnNotLike"]["aws:PrincipalArn"].append("arn:aws:iam::*:role/*"),
    lambda each: each["Condition"].update(StringEquals={"aws:PrincipalTag/team": "x"}),
    lambda each: each.update(Effect="Allow"), lambda each: each.update(Principal={"AWS": STRANGER}),
])
def test_a_denial_that_does_not_deny_is_none(change: Callable[[dict[str, Any]], Any]) -> None:
    assert wide_topic(changed(CLOSED, "FunctionsOnly", change), HUB)


def test_what_is_not_about_publishing_is_not_judged() -> None:
    reading = {"Effect": "Allow", "Principal": "*", "Action": "sns:GetTopicAttributes"}
    assert wide_topic({"Statement": [*CLOSED["Statement"], reading]}, HUB) == []
    assert publishers("arn:aws:sns:a:1:guardrails-compliance", Unread("denied")).state is HealthState.UNKNOWN


# -- the role that delivers events again --------------------------------------------------------------------------

NAMES = {"Topic": "t", "Failed": "q", "Failed.Arn": "a"}
[ROLE] = Stack(compliance(), HUB, HOME, NAMES).resources("AWS::IAM::Role").values()


def test_the_role_that_delivers_again_is_made_once_in_an_account() -> None:
    assert ROLE["RoleName"] == REDELIVERY_ROLE

    def made(region: str, **parameters: Any) -> bool:
        return Stack(compliance(), HUB, region, NAMES, **parameters).holds("Redelivers")

    assert made(HOME) and made(HOME, HomeRegion=HOME)
    assert not made("eu-north-1", HomeRegion=HOME)
    # The hub's own stack has it.
    assert not made(HOME, OrganizationId=ORGANIZATION) and not made(HOME, MemberAccounts=RED)
    hub = Stack(hub_template(), HUB, HOME, {"Bus": "b", "Bus.Arn": "a"}, OrganizationId=ORGANIZATION)
    assert ROLE in hub.resources("AWS::IAM::Role").values()


@pytest.mark.parametrize(("role", "granted", "state", "part"), [
    (ROLE, ["lambda:InvokeFunction"], HealthState.OK, ""),
    (None, [], HealthState.BROKEN, "does not exist: fixes of a and b cannot wait"),
    (Unread("denied"), [], HealthState.UNKNOWN, "denied"),
    ({"AssumeRolePolicyDocument": {"Statement": []}}, ["lambda:*"], HealthState.BROKEN, "does not trust"),
    (ROLE, ["lambda:GetFunction"], HealthState.BROKEN, "does not allow lambda:InvokeFunction"),
    (ROLE, Unread("denied"), HealthState.UNKNOWN, "whether"),
])
def test_the_role_that_delivers_again(role: Any, granted: Any, state: HealthState, part: str) -> None:
    verdict = redelivery(["a and b"], RoleFacts(role, {}, granted))
    assert (verdict.state, part in verdict.reason) == (state, True), verdict
