"""What is removed from a policy that admits everyone, and what stays."""
from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest

from custom_actions.elements.resource_policy.permissions import parameters_of, plan_function
from custom_actions.elements.resource_policy.removal import PolicyCalls, plan_removal
from custom_actions.fixing import Call, FixPlan

SHARE, ACCOUNT = Fraction(1, 256), "123456789012"
ROOT = "arn:aws:iam::111122223333:root"
EVERYONE = {"Sid": "Everyone", "Effect": "Allow", "Principal": "*", "Action": "*"}
PARTNER = {"Sid": "Partner", "Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "*"}
DENY = {"Sid": "Deny", "Effect": "Deny", "Principal": "*", "Action": "*"}
CLEAR = Call("x", "delete", {})
LEAST = {"Sid": "OwnAccount"}


def document(*statements: Any, **more: Any) -> str:
    return json.dumps({"Version": "2008-10-17", "Id": "i", "Statement": list(statements), **more})


def planned(text: str | None, *, least: bool = False) -> FixPlan:
    calls = PolicyCalls(
        lambda each: Call("x", "put", {"Policy": each}) if each else CLEAR, document(LEAST) if least else "")
    return plan_removal(text, SHARE, calls)


def left(text: str) -> Any:
    [step] = planned(text).steps
    assert step.inverse == Call("x", "put", {"Policy": text})
    return json.loads(step.call.parameters["Policy"])


@pytest.mark.parametrize("text", [None, "", document(), document(PARTNER), document(DENY)])
def test_nothing_is_done_without_a_public_statement(text: str | None) -> None:
    assert planned(text) == FixPlan()


def test_everything_else_stays() -> None:
    text = document(PARTNER, EVERYONE, DENY, {**EVERYONE, "Sid": "Again"})
    assert left(text) == json.loads(document(PARTNER, DENY))


@pytest.mark.parametrize(("principal", "named"), [
    ({"AWS": ["*", ROOT]}, {"AWS": [ROOT]}),
    ({"AWS": "*", "Service": "sns.amazonaws.com"}, {"Service": "sns.amazonaws.com"}),
])
def test_a_statement_stays_for_those_that_it_names(principal: Any, named: Any) -> None:
    assert left(document({**EVERYONE, "Principal": principal}))["Statement"] == [{**EVERYONE, "Principal": named}]


def test_all_but_some_is_removed() -> None:
    public = {"Effect": "Allow", "NotPrincipal": {"AWS": ROOT}, "Action": "*"}
    assert left(document(public, PARTNER))["Statement"] == [PARTNER]


@pytest.mark.parametrize("text", [document(EVERYONE), json.dumps({"Statement": EVERYONE})])
def test_a_policy_without_statements_is_removed_or_admits_the_account(text: str) -> None:
    [step] = planned(text).steps
    assert (step.call, dict(step.added)) == (CLEAR, {})
    [step] = planned(text, least=True).steps
    assert json.loads(step.call.parameters["Policy"])["Statement"] == [LEAST]


def test_what_is_not_json_cannot_be_decided() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        planned("{")


INVOKE = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:us-east-1:1:function:f"}


@pytest.mark.parametrize(("statement", "parameters"), [
    ({"Principal": "*"}, {"Principal": "*"}),
    ({"Principal": {"AWS": "*"}}, {"Principal": "*"}),
    ({"Principal": "*", "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}},
     {"Principal": "*", "FunctionUrlAuthType": "NONE"}),
    ({"Principal": "*", "Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}},
     {"Principal": "*", "InvokedViaFunctionUrl": True}),
    ({"Principal": {"Service": "s3.amazonaws.com"}, "Condition": {
        "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}, "StringEquals": {"AWS:SourceAccount": "1"}}},
     {"Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::b", "SourceAccount": "1"}),
    ({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
     {"Principal": "*", "PrincipalOrgID": "o-1"}),
    ({"Principal": "*", "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}}, None),
    ({"Principal": "*", "Condition": {"StringEquals": {"lambda:EventSourceToken": "t"}}}, None),
    ({"Principal": {"AWS": ["*", ROOT]}}, None),
    ({"NotPrincipal": {"AWS": ROOT}}, None),
    ({"Principal": "*", "Action": ["lambda:InvokeFunction", "lambda:GetFunction"]}, None),
])
def test_a_statement_says_what_wrote_it(statement: Any, parameters: Any) -> None:
    expected = parameters and {"Action": "lambda:InvokeFunction", **parameters}
    assert parameters_of({**INVOKE, **statement}) == expected


def test_public_statements_of_a_function_are_removed_one_by_one() -> None:
    text = document({**INVOKE, "Sid": "a", "Principal": "*"}, {**INVOKE, "Sid": "b", "Principal": {"AWS": ROOT}})
    [step] = plan_function("f", text, SHARE, ACCOUNT).steps
    assert step.call == Call("lambda", "remove_permission", {"FunctionName": "f", "StatementId": "a"})
    assert step.inverse == Call("lambda", "add_permission", {
        "FunctionName": "f", "StatementId": "a", "Action": "lambda:InvokeFunction", "Principal": "*"})


def test_what_cannot_be_written_again_is_removed_too() -> None:
    text = document({**INVOKE, "Sid": "a", "NotPrincipal": {"AWS": ROOT}})
    [step] = plan_function("f", text, SHARE, ACCOUNT).steps
    assert step.inverse == ()
    assert step.note.startswith("irreversible: ")
    assert step.removed["statement"]["NotPrincipal"] == {"AWS": ROOT}


def s3(**more: Any) -> dict[str, Any]:
    return {**INVOKE, "Sid": "a", "Principal": {"Service": "s3.amazonaws.com"}, **more}


def test_buckets_of_the_account_keep_their_access() -> None:
    first, second = plan_function("f", document(s3()), SHARE, ACCOUNT).steps
    assert first.call.parameters == {
        "FunctionName": "f", "StatementId": "a-own-account", "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com", "SourceAccount": ACCOUNT}
    assert (second.call.operation, first.chain, second.chain) == ("remove_permission", "a", "a")


def test_an_id_that_exists_is_not_added_again_and_the_longest_is_not_longer() -> None:
    there = {**s3(Condition={"StringEquals": {"AWS:SourceAccount": ACCOUNT}}), "Sid": "a-own-account"}
    [step] = plan_function("f", document(s3(), there), SHARE, ACCOUNT).steps
    assert step.call.operation == "remove_permission"
    [first, _] = plan_function("f", document(s3(Sid="a" * 100)), SHARE, ACCOUNT).steps
    assert first.call.parameters["StatementId"] == "a" * 88 + "-own-account"
