"""Roles of AWS, and those with which an organization administers the account, are never changed."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from custom_actions.elements.iam.protected import why_protected
from tests import engine
from tests.moto_server import Moto

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
ALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


@pytest.mark.parametrize(("name", "path", "reason"), [
    ("AWSServiceRoleForECS", "/aws-service-role/ecs.amazonaws.com/", "service-linked"),
    ("AWSReservedSSO_Admin_0123456789abcdef", "/aws-reserved/sso.amazonaws.com/", "permission set"),
    ("OrganizationAccountAccessRole", "/", "management account"),
    ("AWSControlTowerExecution", "/", "Control Tower"),
    ("stacksets-exec-0123456789abcdef", "/", "StackSets"),
    ("admin", "/", ""),
    # The name of a role of Identity Center, at a path that anyone can choose.
    ("AWSReservedSSO_Admin_0123456789abcdef", "/", ""),
    ("my-OrganizationAccountAccessRole", "/", ""),
])
def test_a_protected_role_has_a_reason(name: str, path: str, reason: str) -> None:
    why = why_protected(name, path)
    assert reason in why
    assert bool(why) is bool(reason)


@pytest.mark.parametrize(("filters", "action"), [
    (["full-star"], "revoke-full-star"),
    ([{"type": "missing-policies", "policies": ["some"]}], "attach-missing-policies"),
])
def test_the_organization_is_not_locked_out(moto: Moto, tmp_path: Path, filters: list[Any], action: str) -> None:
    iam = moto.client("iam")
    iam.create_policy(PolicyName="some", PolicyDocument=ALL.replace("*", "s3:GetObject", 1))
    for name in ("OrganizationAccountAccessRole", "admin"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=ALL)
    engine.pull({"name": "p", "resource": "aws.iam-role", "filters": filters, "actions": [action]}, tmp_path)
    receipts = json.loads((tmp_path / "p" / f"action-{action}").read_text(encoding="utf-8"))
    assert {receipt["resource"].rpartition("/")[2]: receipt["outcome"] for receipt in receipts} == {
        "OrganizationAccountAccessRole": "refused", "admin": "reverted"}
    assert iam.list_role_policies(RoleName="OrganizationAccountAccessRole")["PolicyNames"] == ["all"]
    assert not iam.list_attached_role_policies(RoleName="OrganizationAccountAccessRole")["AttachedPolicies"]
