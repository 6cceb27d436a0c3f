"""`full-star` and `revoke-full-star` through c7n, against moto."""
from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from c7n.exceptions import PolicyValidationError

from custom_actions.elements.iam.full_star import is_caller
from custom_actions.elements.iam.principals import Principal
from custom_actions.fixing.receipt import FixIncomplete
from custom_actions.resources import ResourcesUnknown

from .conftest import EVERYTHING, SOME, Iam


def user_with_both(iam: Iam) -> str:
    iam.client.create_user(UserName="u")
    arn = iam.policy("everything", EVERYTHING)
    iam.client.attach_user_policy(UserName="u", PolicyArn=arn)
    iam.client.put_user_policy(UserName="u", PolicyName="inline", PolicyDocument=EVERYTHING)
    iam.client.put_user_policy(UserName="u", PolicyName="some", PolicyDocument=SOME)
    return arn


def test_it_names_policy_statement_and_how(iam: Iam) -> None:
    arn = user_with_both(iam)
    [user] = iam.run("iam-user", "full-star")
    assert user["c7n:FullStar"] == [
        "inline policy inline: statement 1 allows the action *", f"{arn}: statement 1 allows the action *",
    ]


def test_it_names_the_group_that_a_policy_comes_through(iam: Iam) -> None:
    iam.client.create_user(UserName="u")
    iam.client.create_group(GroupName="g")
    iam.client.add_user_to_group(UserName="u", GroupName="g")
    iam.client.put_group_policy(GroupName="g", PolicyName="all", PolicyDocument=EVERYTHING)
    assert iam.run("iam-user", "full-star") == []
    [user] = iam.run("iam-user", {"type": "full-star", "groups": True})
    assert user["c7n:FullStar"] == ["inline policy all of the group g: statement 1 allows the action *"]


def test_a_managed_policy_of_many_is_read_once(iam: Iam) -> None:
    arn = iam.policy("everything", EVERYTHING)
    for name in ("a", "b", "c"):
        iam.client.create_user(UserName=name)
        iam.client.attach_user_policy(UserName=name, PolicyArn=arn)
    assert len(iam.run("iam-user", "full-star")) == 3
    assert iam.calls.count("GetPolicy") == iam.calls.count("GetPolicyVersion") == 1


def test_every_page_is_read(iam: Iam) -> None:
    iam.client.create_user(UserName="u")
    for number in range(120):
        iam.client.put_user_policy(UserName="u", PolicyName=f"some-{number:03}", PolicyDocument=SOME)
    iam.client.put_user_policy(UserName="u", PolicyName="zzz", PolicyDocument=EVERYTHING)
    assert len(iam.run("iam-user", "full-star")) == 1


@pytest.mark.parametrize("operation", ["ListUserPolicies", "GetUserPolicy", "ListAttachedUserPolicies", "GetPolicy"])
@pytest.mark.parametrize("code", ["AccessDenied", "InvalidClientTokenId"])
def test_what_cannot_be_read_is_not_compliant(iam: Iam, operation: str, code: str) -> None:
    user_with_both(iam)
    iam.refuse[operation] = code
    with pytest.raises(ResourcesUnknown if code == "AccessDenied" else ClientError, match=code):
        iam.run("iam-user", "full-star")


def test_what_is_gone_by_then_is_left_out(iam: Iam) -> None:
    user_with_both(iam)
    iam.refuse |= {"GetUserPolicy": "NoSuchEntity", "GetPolicy": "NoSuchEntity"}
    assert iam.run("iam-user", "full-star") == []


def test_groups_goes_with_users_only(iam: Iam) -> None:
    with pytest.raises(PolicyValidationError, match="groups works on"):
        iam.run("iam-role", {"type": "full-star", "groups": True})
    with pytest.raises(PolicyValidationError, match="true or false"):
        iam.run("iam-user", {"type": "full-star", "groups": "yes"})


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_it_takes_what_offends_and_the_receipt_gives_it_back(iam: Iam, kind: str) -> None:
    named = {f"{kind.capitalize()}Name": "x"}
    more = {"AssumeRolePolicyDocument": "{}"} if kind == "role" else {}
    getattr(iam.client, f"create_{kind}")(**named, **more)
    arn, kept = iam.policy("everything", EVERYTHING), iam.policy("some", SOME)
    for policy in (arn, kept):
        getattr(iam.client, f"attach_{kind}_policy")(**named, PolicyArn=policy)
    for name, document in (("all", EVERYTHING), ("few", SOME)):
        getattr(iam.client, f"put_{kind}_policy")(**named, PolicyName=name, PolicyDocument=document)

    def attached() -> list[str]:
        listed = getattr(iam.client, f"list_attached_{kind}_policies")(**named)["AttachedPolicies"]
        return sorted(policy["PolicyArn"] for policy in listed)

    def inline() -> dict[str, object]:
        names = getattr(iam.client, f"list_{kind}_policies")(**named)["PolicyNames"]
        read = getattr(iam.client, f"get_{kind}_policy")
        return {name: read(**named, PolicyName=name)["PolicyDocument"] for name in names}

    before = attached(), inline()
    iam.run(f"iam-{kind}", "full-star", action="revoke-full-star")
    assert (attached(), list(inline())) == ([kept], ["few"])
    [receipt] = iam.receipts("revoke-full-star")
    assert (receipt["outcome"], receipt["resource_type"]) == ("reverted", f"aws.iam-{kind}")
    assert receipt["resource"].endswith(f":{kind}/x")
    assert receipt["removed"] == [{"PolicyName": "all", "PolicyDocument": EVERYTHING}, {"PolicyArn": arn}]

    iam.take_back(receipt)
    assert (attached(), inline()) == before


def test_a_users_groups_are_not_touched(iam: Iam) -> None:
    iam.client.create_user(UserName="u")
    iam.client.create_group(GroupName="g")
    iam.client.add_user_to_group(UserName="u", GroupName="g")
    iam.client.put_group_policy(GroupName="g", PolicyName="all", PolicyDocument=EVERYTHING)
    iam.run("iam-user", {"type": "full-star", "groups": True}, action="revoke-full-star")
    [receipt] = iam.receipts("revoke-full-star")
    assert receipt["outcome"] == "already-ok"
    assert iam.changes() == []


def test_one_that_fails_does_not_stop_the_others(iam: Iam) -> None:
    arn = user_with_both(iam)
    iam.client.create_user(UserName="v")
    iam.client.put_user_policy(UserName="v", PolicyName="all", PolicyDocument=EVERYTHING)
    iam.refuse["DetachUserPolicy"] = "AccessDenied"
    with pytest.raises(FixIncomplete, match="1 of 2 resources still drift"):
        iam.run("iam-user", "full-star", action="revoke-full-star")
    partial, whole = iam.receipts("revoke-full-star")
    assert (partial["outcome"], whole["outcome"]) == ("partial", "reverted")
    assert "DetachUserPolicy: AccessDenied" in partial["reason"]
    assert f"still to do: detach {arn}" in partial["reason"]
    assert [call["operation"] for call in partial["inverse"]] == ["put_user_policy"]


def test_the_document_survives_the_receipt(iam: Iam) -> None:
    iam.client.create_user(UserName="u")
    document = {"Version": "2012-10-17", "Statement": {
        "Sid": "Ünïcode", "Effect": "Allow", "Action": ["*"], "Resource": "*",
        "Condition": {"StringLike": {"aws:PrincipalTag/team": "a b%20c"}}}}
    iam.client.put_user_policy(UserName="u", PolicyName="all", PolicyDocument=json.dumps(document))
    iam.run("iam-user", "full-star", action="revoke-full-star")
    iam.take_back(iam.receipts("revoke-full-star")[0])
    assert iam.client.get_user_policy(UserName="u", PolicyName="all")["PolicyDocument"] == document


@pytest.mark.parametrize(("principal", "arn", "same"), [
    (Principal("role", "guardrails"), "arn:aws:sts::123456789012:assumed-role/guardrails/session", True),
    (Principal("role", "other"), "arn:aws:sts::123456789012:assumed-role/guardrails/session", False),
    (Principal("user", "guardrails"), "arn:aws:sts::123456789012:assumed-role/guardrails/session", False),
    (Principal("user", "me"), "arn:aws:iam::123456789012:user/path/me", True),
    (Principal("user", "root"), "arn:aws:iam::123456789012:root", False),
    (Principal("group", "me"), "arn:aws:iam::123456789012:user/me", False),
])
def test_who_is_calling(principal: Principal, arn: str, same: bool) -> None:
    assert is_caller(principal, arn) is same


def test_the_caller_keeps_its_own_rights(iam: Iam, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custom_actions.elements.iam.full_star.is_caller", lambda principal, _: principal.name == "u")
    user_with_both(iam)
    iam.run("iam-user", "full-star", action="revoke-full-star")
    [receipt] = iam.receipts("revoke-full-star")
    assert (receipt["outcome"], receipt["inverse"], iam.changes()) == ("refused", [], [])
