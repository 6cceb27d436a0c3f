"""A resource policy is read whatever its spelling, and what cannot be read is an error."""
from __future__ import annotations

import json
from typing import Any

import pytest

from custom_actions.elements.apigateway.document import Condition, PolicyError, Statement, read

API = "arn:aws:execute-api:us-east-1:123456789012:abc"


def one(**statement: Any) -> Statement:
    [read_statement] = read(json.dumps({"Statement": {"Effect": "Allow", **statement}}), API)
    return read_statement


def test_escaped_quotes_are_read_as_api_gateway_writes_them() -> None:
    text = json.dumps({"Statement": [{"Effect": "Allow", "Resource": 'a"b\\c', "Action": "x"}]})
    escaped = json.dumps(text)[1:-1]
    assert "\\" in escaped
    assert read(escaped, API) == read(text, API)
    assert read(text, API)[0].resources == ('a"b\\c',)


@pytest.mark.parametrize("policy", ["", "no json", "[]", '"text"', "null", '{"Statement": ["x"]}',
                                    '{"Statement": {"Effect": "Maybe"}}',
                                    '{"Statement": {"Effect": "Allow", "Condition": []}}',
                                    '{"Statement": {"Effect": "Allow", "Condition": {"StringEquals": "x"}}}'])
def test_what_is_no_policy_is_an_error(policy: str) -> None:
    with pytest.raises(PolicyError):
        read(policy, API)


def test_one_entry_is_a_list_of_one_and_names_are_in_lower_case() -> None:
    statement = one(
        Sid="own", Action="execute-api:Invoke", Resource="execute-api:/prod/*",
        Condition={"StringEquals": {"aws:SourceVpc": "vpc-1", "aws:sourceVpce": ["vpce-1", "vpce-2"]}},
    )
    assert statement.name == "own"
    assert statement.actions == ("execute-api:invoke",)
    assert statement.resources == (f"{API}/prod/*",)
    assert statement.conditions == (
        Condition("stringequals", "aws:sourcevpc", ("vpc-1",)),
        Condition("stringequals", "aws:sourcevpce", ("vpce-1", "vpce-2")),
    )


@pytest.mark.parametrize(
    "resource", ["*", "arn:aws:execute-api:*", "arn:aws:execute-api:us-east-1:*:abc/*", "execute-api:/*"])
def test_an_allow_reaches_its_own_api_at_most(resource: str) -> None:
    assert one(Action="*", Resource=resource).resources == (f"{API}/*",)
    assert one(Action="*", Resource=resource).actions == ("execute-api:*",)


@pytest.mark.parametrize(("principal", "everyone"), [
    ("*", True), ({"AWS": "*"}, True), ({"AWS": ["arn:aws:iam::123456789012:root", "*"]}, True),
    ({"AWS": "123456789012"}, False), ({"Service": "*"}, False), (None, False),
])
def test_who_everyone_is(principal: Any, everyone: bool) -> None:
    assert one(Principal=principal, Action="*", Resource="*").everyone is everyone


def test_not_action_and_not_resource_are_everything_for_an_allow_and_nothing_for_a_deny() -> None:
    negated = {"NotAction": "execute-api:ManageConnections", "NotResource": "execute-api:/prod/*"}
    allow, deny = one(**negated), one(**negated, Effect="Deny")
    assert (allow.actions, allow.resources) == (("execute-api:*",), (f"{API}/*",))
    assert (deny.actions, deny.resources) == ((), ())
    assert not deny.covers(allow)


@pytest.mark.parametrize(("wide", "narrow", "covered"), [
    ("*", f"{API}/*", True),
    (f"{API}/*", f"{API}/prod/GET/pets", True),
    (f"{API}/*", f"{API}/*/GET/?", True),
    (f"{API}/prod/*", f"{API}/*", False),
    (f"{API}/?", f"{API}/*", False),
    (f"{API}/?", f"{API}/?", True),
    ("arn:aws:execute-api:us-east-1:123456789012:*", f"{API}/*", True),
    ("arn:aws:execute-api:us-east-1:123456789012:abd/*", f"{API}/*", False),
])
def test_one_pattern_covers_another(wide: str, narrow: str, covered: bool) -> None:
    deny = one(Effect="Deny", Principal="*", Action="execute-api:*", Resource=wide)
    assert deny.covers(one(Action="execute-api:Invoke", Resource=narrow)) is covered


def test_an_action_that_is_not_covered() -> None:
    deny = one(Effect="Deny", Action="execute-api:Invoke", Resource="*")
    assert deny.covers(one(Action="execute-api:Invoke", Resource="*"))
    assert not deny.covers(one(Action=["execute-api:Invoke", "execute-api:InvalidateCache"], Resource="*"))
    assert not deny.covers(one(Action="*", Resource="*"))
