"""`missing-policies`, `attach-missing-policies` and `missing-boundary` through c7n, against moto."""
from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from c7n.exceptions import PolicyValidationError

from custom_actions.fixing.receipt import FixIncomplete
from custom_actions.resources import ResourcesUnknown

from .conftest import Iam

PREFIX = "arn:aws:iam::123456789012:policy/"


def required(*policies: str) -> dict[str, Any]:
    return {"type": "missing-policies", "policies": list(policies)}


def test_the_missing_ones_are_named_in_order(iam: Iam) -> None:
    iam.client.create_user(UserName="u")
    iam.client.attach_user_policy(UserName="u", PolicyArn=iam.policy("b"))
    [user] = iam.run("iam-user", required("c", "b", PREFIX + "team/a", "c"))
    assert user["c7n:MissingPolicies"] == [PREFIX + "c", PREFIX + "team/a"]


def test_groups_are_read_only_where_they_matter(iam: Iam) -> None:
    iam.client.create_user(UserName="u")
    iam.client.attach_user_policy(UserName="u", PolicyArn=iam.policy("a"))
    assert iam.run("iam-user", required("a")) == []
    assert "ListGroupsForUser" not in iam.calls


def test_nothing_is_read_when_nothing_is_required(iam: Iam) -> None:
    iam.client.create_user(UserName="u")
    assert iam.run("iam-user", required()) == []
    assert "ListAttachedUserPolicies" not in iam.calls


@pytest.mark.parametrize(("resource", "operation"), [
    ("iam-user", "ListAttachedUserPolicies"), ("iam-user", "ListGroupsForUser"), ("account", "ListPolicies"),
])
def test_what_cannot_be_read_is_not_compliant(iam: Iam, resource: str, operation: str) -> None:
    iam.client.create_user(UserName="u")
    iam.refuse[operation] = "AccessDenied"
    with pytest.raises(ClientError if resource == "account" else ResourcesUnknown, match="AccessDenied"):
        iam.run(resource, required("a"))


@pytest.mark.parametrize("policies", ["a", ["arn:aws:s3:::bucket"], ["two words"], ["arn:aws:iam::1:policy/short"]])
def test_what_is_no_policy_is_refused_before_it_runs(iam: Iam, policies: Any) -> None:
    for resource, element in (("iam-user", "missing-policies"), ("account", "missing-policies"),
                              ("iam-user", "missing-boundary")):
        with pytest.raises(PolicyValidationError, match=element):
            iam.run(resource, {"type": element, "policies": policies})


def test_it_attaches_what_is_missing_and_the_receipt_detaches_it(iam: Iam) -> None:
    iam.client.create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    for name in ("a", "b"):
        iam.policy(name)
    iam.client.attach_role_policy(RoleName="r", PolicyArn=PREFIX + "a")

    def attached() -> set[str]:
        listed = iam.client.list_attached_role_policies(RoleName="r")["AttachedPolicies"]
        return {policy["PolicyName"] for policy in listed}

    iam.run("iam-role", required("a", "b"), action="attach-missing-policies")
    assert attached() == {"a", "b"}
    [receipt] = iam.receipts("attach-missing-policies")
    assert (receipt["outcome"], receipt["added"]) == ("reverted", [{"PolicyArn": PREFIX + "b"}])
    iam.take_back(receipt)
    assert attached() == {"a"}


def test_a_policy_that_does_not_exist_is_told(iam: Iam) -> None:
    iam.client.create_user(UserName="u")
    iam.policy("a")
    with pytest.raises(FixIncomplete, match="partial"):
        iam.run("iam-user", required("a", "nowhere"), action="attach-missing-policies")
    [receipt] = iam.receipts("attach-missing-policies")
    assert receipt["reason"].endswith(f"still to do: attach {PREFIX}nowhere")


def test_the_fix_needs_the_filter(iam: Iam) -> None:
    with pytest.raises(PolicyValidationError, match="missing-policies"):
        iam.run("iam-user", action="attach-missing-policies")


def test_the_account_says_what_it_lacks(iam: Iam) -> None:
    iam.policy("a")
    [account] = iam.run("account", required("a", "b", PREFIX + "a", PREFIX + "c"))
    assert account["c7n:MissingPolicies"] == ["b", PREFIX + "c"]


def test_a_boundary_is_told_in_words(iam: Iam) -> None:
    arn = iam.policy("a")
    iam.client.create_user(UserName="u")
    iam.client.create_user(UserName="v", PermissionsBoundary=arn)
    found = iam.run("iam-user", {"type": "missing-boundary", "policies": ["b"]})
    assert {user["UserName"]: user["c7n:Boundary"] for user in found} == {
        "u": "none", "v": f"{arn} is not an allowed boundary"}
    assert [user["UserName"] for user in iam.run("iam-user", "missing-boundary")] == ["u"]
