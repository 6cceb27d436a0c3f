"""`only-resources`: the resources of a list, by account, region and id, and no others."""
from __future__ import annotations

from pathlib import Path

from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto


def found(tmp_path: Path, *listed: tuple[str, str, str], resource: str = "aws.security-group") -> set[str]:
    data = {"name": "p", "resource": resource, "filters": [
        {"type": "only-resources", "resources": [list(each) for each in listed]}]}
    return {str(each.get("GroupId") or each.get("UserName")) for each in engine.pull(data, tmp_path)}


def test_only_what_is_listed(moto: Moto, tmp_path: Path) -> None:
    one, two = (moto.client("ec2").create_security_group(GroupName=name, Description=name)["GroupId"]
                for name in ("one", "two"))
    assert found(tmp_path, (ACCOUNT, REGION, one)) == {one}
    assert found(tmp_path, (ACCOUNT, REGION, one), (ACCOUNT, REGION, two)) == {one, two}
    assert found(tmp_path, ("222222222222", REGION, one), (ACCOUNT, "eu-west-3", two)) == set()
    assert found(tmp_path) == set()


def test_what_belongs_to_the_account_is_in_no_region(moto: Moto, tmp_path: Path) -> None:
    moto.client("iam").create_user(UserName="ann")
    moto.client("iam").create_user(UserName="bob")
    assert found(tmp_path, (ACCOUNT, "global", "ann"), resource="aws.iam-user") == {"ann"}
    assert found(tmp_path, (ACCOUNT, REGION, "ann"), resource="aws.iam-user") == set()
