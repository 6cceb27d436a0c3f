"""Which policy documents allow everything."""
from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.elements.iam.documents import DocumentError, allows_everything


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(**keys: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Resource": "*", **keys}


@pytest.mark.parametrize("action", [
    "*", "*:*", "**", "***", "?*", "*?", "?*:*", "*:?*", "*:**", "**:*", "*:????*",
])
def test_wildcards_alone_allow_everything(action: str) -> None:
    [said] = allows_everything(document(allow(Action=["s3:GetObject", action])))
    assert said == f"statement 1 allows the action {action}"


@pytest.mark.parametrize("action", [
    "s3:*", "iam:*", "*:Get*", "*:Describe*", "s*:*", "*s*", "*:a*", "s3:GetObject", "", "[*]", "????????????", "???:*",
])
def test_an_action_that_names_something_is_not_everything(action: str) -> None:
    assert allows_everything(document(allow(Action=action))) == []


@pytest.mark.parametrize(("not_action", "everything"), [
    ("iam:CreateUser", True),
    (["s3:DeleteBucket", "ec2:*"], True),
    ("iam:Create*", True),
    ([], True),
    ("iam:*", False),
    ("IAM:*", False),
    ("i*", False),
    ("?am:*", False),
    (["iam:*", "organizations:*", "account:*"], False),
    ("*", False),
    ("*:*", False),
])
def test_not_action_allows_everything_unless_it_shuts_out_iam(not_action: Any, everything: bool) -> None:
    assert bool(allows_everything(document(allow(NotAction=not_action)))) is everything


def test_a_deny_never_offends() -> None:
    assert allows_everything(document({"Effect": "Deny", "Action": "*", "Resource": "*"},
                                      {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"})) == []


def test_resource_and_condition_do_not_excuse() -> None:
    condition = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    assert allows_everything(document(allow(Action="*", Resource="arn:aws:s3:::b", Condition=condition)))


def test_a_statement_may_be_a_single_object_and_is_named_by_its_sid() -> None:
    whole = {"Version": "2012-10-17", "Statement": allow(Sid="Admin", Action="*")}
    assert allows_everything(whole) == ["statement Admin allows the action *"]


def test_every_offending_statement_is_named() -> None:
    found = allows_everything(document(allow(Action="*"), allow(Action="s3:*"), allow(NotAction="s3:*")))
    assert found == ["statement 1 allows the action *", "statement 3 allows all actions but s3:*"]


def test_text_is_read_as_json_percent_encoded_or_not() -> None:
    text = json.dumps(document(allow(Action="*")))
    assert allows_everything(text) == allows_everything(quote(text)) != []


@pytest.mark.parametrize("broken", [
    "no json", "%7B", None, [], {"Statement": ["x"]}, document(allow(Action=7)), document(allow(NotAction=[None])),
])
def test_what_cannot_be_read_is_not_called_harmless(broken: Any) -> None:
    with pytest.raises(DocumentError):
        allows_everything(broken)


actions = st.sampled_from(["*", "*:*", "s3:Get*", "iam:*", "iam:PassRole", "ec2:*", "*:List*"])
statements = st.builds(
    lambda effect, key, listed: {"Effect": effect, key: listed, "Resource": "*"},
    st.sampled_from(["Allow", "Deny"]), st.sampled_from(["Action", "NotAction"]), st.lists(actions, max_size=3),
)


@given(st.lists(statements, max_size=4))
def test_it_is_the_sum_of_its_statements(listed: list[dict[str, Any]]) -> None:
    alone = [bool(allows_everything({"Statement": statement})) for statement in listed]
    assert len(allows_everything({"Statement": listed})) == sum(alone)


@given(st.lists(statements, max_size=4))
def test_denying_more_never_makes_it_offend(listed: list[dict[str, Any]]) -> None:
    denied = [{**statement, "Effect": "Deny"} for statement in listed]
    assert len(allows_everything({"Statement": listed + denied})) == len(allows_everything({"Statement": listed}))


@given(st.text(alphabet="*?:iam", max_size=8))
def test_a_pattern_that_is_everything_takes_every_real_action(pattern: str) -> None:
    real = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    if allows_everything(document(allow(Action=pattern))):
        for action in ("iam:CreateUser", "sts:AssumeRole", "elasticloadbalancing:SetRulePriorities"):
            assert re.fullmatch(real, action)
