"""A policy that is called limited lets nobody in from elsewhere: against a small model of how IAM evaluates.

The model knows requests only: a caller's VPC and endpoint, an action, a resource. It says whether a policy allows one.
"""
from __future__ import annotations

import itertools
import json
from fnmatch import fnmatchcase
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from custom_actions.elements.apigateway.document import _wider, read
from custom_actions.elements.apigateway.networks import OwnVpcs
from custom_actions.elements.apigateway.restriction import open_statements

API = "arn:aws:execute-api:us-east-1:123456789012:abc"
OWN = OwnVpcs({"aws:sourcevpc": {"vpc-own"}, "aws:sourcevpce": {"vpce-own"}})

CALLERS = [
    {"aws:sourcevpc": "vpc-own", "aws:sourcevpce": "vpce-own"},
    {"aws:sourcevpc": "vpc-foreign", "aws:sourcevpce": "vpce-foreign"},
    {},
]
REQUESTS = list(itertools.product(
    CALLERS, ("execute-api:Invoke", "execute-api:InvalidateCache"), (f"{API}/prod/GET/a", f"{API}/test/GET/a"),
    ("somebody", "nobody"),
))


def holds(operator: str, values: list[str], value: str | None) -> bool:
    """One test of a condition block, on a key with one value or none."""
    quantifier, _, plain = operator.rpartition(":")
    plain, if_exists = plain.removesuffix("IfExists"), plain.endswith("IfExists")
    negated = "Not" in plain
    if plain == "Null":
        return (value is None) is (values == ["true"])
    if value is None:
        return {"ForAllValues": True, "ForAnyValue": False}.get(quantifier, if_exists or negated)
    found = any(fnmatchcase(value, each) if "Like" in plain else value == each for each in values)
    return found is not negated


def applies(statement: dict[str, Any], request: Any) -> bool:
    context, action, resource, caller = request
    return (
        statement["Principal"] in ("*", caller)
        and any(fnmatchcase(action, pattern) for pattern in statement["Action"])
        and any(fnmatchcase(resource, pattern) for pattern in statement["Resource"])
        and all(
            holds(operator, values, context.get(key.lower()))
            for operator, tests in statement["Condition"].items() for key, values in tests.items()
        )
    )


def allowed(statements: list[dict[str, Any]], request: Any) -> bool:
    effects = {statement["Effect"] for statement in statements if applies(statement, request)}
    return effects == {"Allow"}


OPERATORS = [
    *(f"{quantifier}{operator}" for quantifier in ("", "ForAnyValue:", "ForAllValues:")
      for operator in ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike")),
    "StringEqualsIfExists", "StringNotEqualsIfExists",
]
conditions = st.dictionaries(
    st.sampled_from(OPERATORS),
    st.dictionaries(
        st.sampled_from(["aws:SourceVpc", "aws:sourceVpce", "aws:PrincipalOrgID"]),
        st.lists(st.sampled_from(["vpc-own", "vpce-own", "vpc-foreign", "vpc*", "*"]), min_size=1, max_size=2),
        min_size=1, max_size=2,
    ),
    max_size=2,
) | st.just({"Null": {"aws:SourceVpce": ["true"]}})
statements = st.fixed_dictionaries({
    "Effect": st.sampled_from(["Allow", "Deny"]),
    "Principal": st.sampled_from(["*", "*", "somebody"]),
    "Action": st.lists(st.sampled_from(["execute-api:Invoke", "execute-api:*", "*"]), min_size=1, max_size=2),
    "Resource": st.lists(
        st.sampled_from(["*", f"{API}/*", f"{API}/prod/*", f"{API}/????/*"]), min_size=1, max_size=2),
    "Condition": conditions,
})


# Most policies at random let nobody in at all; these two have the shapes of real ones, and name own places only.
wide = {"Principal": "*", "Action": ["execute-api:Invoke"], "Resource": [f"{API}/*"]}
own_test = st.builds(
    lambda operator, place: {operator: {place[0]: [place[1]]}},
    st.sampled_from(OPERATORS), st.sampled_from([("aws:SourceVpc", "vpc-own"), ("aws:sourceVpce", "vpce-own")]),
)
allow_from = own_test.map(lambda condition: [{**wide, "Effect": "Allow", "Condition": condition}])
deny_others = st.builds(
    lambda denial, condition, change: [
        {**wide, "Effect": "Allow", "Condition": {}},
        {**wide, "Effect": "Deny", "Condition": condition} | {key: denial[key] for key in change},
    ],
    statements, own_test, st.sets(st.sampled_from(["Principal", "Action", "Resource"]), max_size=1),
)


@given(st.lists(statements, min_size=1, max_size=3) | allow_from | deny_others)
def test_a_limited_policy_lets_nobody_in_from_elsewhere(policy: list[dict[str, Any]]) -> None:
    if open_statements(read(json.dumps({"Statement": policy}), API), OWN):
        return
    for request in REQUESTS:
        if request[0] is not CALLERS[0]:
            assert not allowed(policy, request), request


def test_the_model_tells_an_open_policy() -> None:
    policy = [{"Effect": "Allow", "Principal": "*", "Action": ["*"], "Resource": ["*"], "Condition": {}}]
    assert all(allowed(policy, request) for request in REQUESTS)
    policy.append({**policy[0], "Effect": "Deny", "Condition": {"StringNotEquals": {"aws:SourceVpc": ["vpc-own"]}}})
    assert [allowed(policy, request) for request in REQUESTS] == [request[0] is CALLERS[0] for request in REQUESTS]
    assert not open_statements(read(json.dumps({"Statement": policy}), API), OWN)


patterns = st.text("ab*?", max_size=6)


@given(patterns, patterns, st.text("ab", max_size=6))
def test_a_wider_pattern_matches_all_that_the_other_matches(pattern: str, narrow: str, text: str) -> None:
    if _wider(pattern, narrow) and fnmatchcase(text, narrow):
        assert fnmatchcase(text, pattern)
