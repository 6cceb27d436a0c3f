"""One resource that cannot be read does not end the check of the others; what tests/policies does not reach."""
from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from c7n import cache
from c7n.config import Config

from custom_actions.errors import CannotRead
from custom_actions.resources import COUNTS, UNKNOWN, ResourcesUnknown
from tests import engine
from tests.moto_server import Moto
from tests.wire import DELETED, SERVER_ERROR, Wire

WORLD = "http://acs.amazonaws.com/groups/global/AllUsers"


@pytest.fixture
def wire(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Wire:
    monkeypatch.setattr("time.sleep", lambda _: None)
    made = Wire()
    made.install(monkeypatch)
    return made


@pytest.fixture
def buckets(moto: Moto) -> Any:
    s3 = moto.client("s3")
    for name in ("a", "b", "c"):
        s3.create_bucket(Bucket=f"bucket-{name}")
        s3.put_bucket_versioning(Bucket=f"bucket-{name}", VersioningConfiguration={"Status": "Suspended"})
    return s3


def policy(resource: str, *filters: Any, **more: Any) -> dict[str, Any]:
    return {"name": "p", "resource": resource, "filters": list(filters), **more}


def judged(data: Mapping[str, Any], output: Path, *, dryrun: bool = True) -> tuple[list[str], dict[str, str]]:
    """The ids of the resources that match, and the unknown ones with their reasons."""
    loaded = engine.load(data, output, dryrun=dryrun)
    key = loaded.resource_manager.resource_type.id
    unknown: dict[str, str] = {}
    try:
        loaded()
    except ResourcesUnknown:
        listed = json.loads((output / "p" / UNKNOWN).read_text(encoding="utf-8"))
        unknown = {each["resource"]: each["reason"] for each in listed}
    found = json.loads((output / "p/resources.json").read_text(encoding="utf-8"))
    return sorted(each[key] for each in found), unknown


SUSPENDED = policy("aws.s3", {"Versioning.Status": "Suspended"}, query=[{"augment-keys": ["Versioning", "Acl"]}])


def test_a_detail_that_c7n_leaves_out_is_unknown(wire: Wire, buckets: Any, tmp_path: Path) -> None:
    wire.fail("GetBucketVersioning", "bucket-b")
    assert judged(SUSPENDED, tmp_path) == (
        ["bucket-a", "bucket-c"], {"bucket-b": "get_bucket_versioning: AccessDenied"})


def test_a_detail_that_no_filter_looks_at_does_not_matter(wire: Wire, buckets: Any, tmp_path: Path) -> None:
    wire.fail("GetBucketAcl", "bucket-b")
    assert judged(SUSPENDED, tmp_path) == (["bucket-a", "bucket-b", "bucket-c"], {})


def test_a_detail_that_is_denied_everywhere_is_a_missing_permission(wire: Wire, buckets: Any, tmp_path: Path) -> None:
    wire.fail("GetBucketVersioning", "bucket-a", "bucket-b", "bucket-c")
    with pytest.raises(CannotRead, match="get_bucket_versioning: AccessDenied, for each of 3 resources"):
        judged(SUSPENDED, tmp_path)


def test_a_policy_about_denied_calls_sees_them(wire: Wire, buckets: Any, tmp_path: Path) -> None:
    wire.fail("GetBucketVersioning", "bucket-b")
    about = policy("aws.s3", {"type": "value", "key": '"c7n:DeniedMethods"', "op": "contains",
                              "value": "get_bucket_versioning"})
    assert judged(about, tmp_path) == (["bucket-b"], {})


@pytest.mark.parametrize("operation", ["GetBucketLocation", "GetBucketVersioning"])
def test_a_bucket_that_was_deleted_is_no_bucket_without_versioning(
    operation: str, wire: Wire, buckets: Any, tmp_path: Path
) -> None:
    wire.fail(operation, "bucket-b", fault=DELETED)
    without = policy("aws.s3", {"type": "value", "key": "Versioning.Status", "op": "ne", "value": "Enabled"})
    assert judged(without, tmp_path) == (["bucket-a", "bucket-c"], {})


def test_the_fix_is_for_all_but_the_unknown(wire: Wire, buckets: Any, tmp_path: Path) -> None:
    for name in ("bucket-b", "bucket-c"):
        buckets.put_bucket_acl(Bucket=name, GrantRead=f'uri="{WORLD}"', GrantFullControl='id="75aa57f09aa0c8caeab4f8c'
                               '24e99d10f8e7faeebf76c078efc7c6caea54ba06a"')
    wire.fail("GetBucketAcl", "bucket-b")
    close = policy("aws.s3", {"type": "public-access", "through": "acl"}, actions=[
        {"type": "set-public-block", "IgnorePublicAcls": True}])
    found, unknown = judged(close, tmp_path, dryrun=False)
    assert found == ["bucket-c"]
    assert unknown == {"bucket-b": "public-access: GetBucketAcl: AccessDenied: injected"}
    assert {name for _, operation, strings in wire.called if operation == "PutPublicAccessBlock"
            for name in strings} == {"bucket-c"}


def test_policies_that_share_a_list_all_see_who_is_unknown(wire: Wire, moto: Moto, tmp_path: Path) -> None:
    for name in ("ann", "bob", "cleo"):
        moto.client("iam").create_user(UserName=name)
    shared = cache.factory(Config.empty(cache="memory", cache_period=60))
    wire.fail("GetUser", "bob")
    first, second = (engine.load({**policy("aws.iam-user"), "name": name}, tmp_path, dryrun=True)
                     for name in ("first", "second"))
    for each in (first, second):
        each.resource_manager._cache = shared
        with pytest.raises(ResourcesUnknown, match="bob: GetUser: AccessDenied"):
            each()
        wire.fault = ""  # the second gets the list of the first
    assert sum(operation == "ListUsers" for _, operation, _ in wire.called) == 1


def test_a_filter_on_related_resources_does_not_miss_the_unknown_one(wire: Wire, moto: Moto, tmp_path: Path) -> None:
    for name in ("ann", "bob"):
        moto.client("iam").create_user(UserName=name)
    wire.fail("GetUser", "bob")
    related = engine.load(policy("aws.iam-role"), tmp_path).resource_manager.get_resource_manager("iam-user")
    with pytest.raises(ResourcesUnknown, match="bob"):
        related.resources()
    assert [user["UserName"] for user in related.get_resources(["ann"])] == ["ann"]
    with pytest.raises(ClientError, match="AccessDenied"):
        related.get_resources(["ann", "bob"])


@pytest.mark.parametrize("over_the_list", [
    {"type": "reduce", "limit": 1, "sort-by": "UserName"},
    {"type": "value", "value_type": "resource_count", "op": "gt", "value": 1},
])
def test_a_filter_over_the_list_needs_all_of_it(
    over_the_list: Any, wire: Wire, moto: Moto, tmp_path: Path
) -> None:
    for name in ("ann", "bob", "cleo"):
        moto.client("iam").create_user(UserName=name)
    users = policy("aws.iam-user", {"type": "access-key", "key": "Status", "value": "absent"}, over_the_list)
    assert judged(users, tmp_path)
    wire.fail("ListAccessKeys", "bob")
    with pytest.raises(ClientError, match="AccessDenied"):
        engine.load(users, tmp_path, dryrun=True)()
    wire.fail("GetUser", "bob")
    with pytest.raises(ResourcesUnknown, match="bob"):
        engine.load(users, tmp_path, dryrun=True)()


def test_what_is_unknown_is_not_missing(wire: Wire, moto: Moto, tmp_path: Path) -> None:
    for name in ("ann", "bob"):
        moto.client("iam").create_user(UserName=name)
    wire.fail("GetUser", "bob")
    for user in ("ann", "bob", "cleo"):
        inside = {"resource": "aws.iam-user", "filters": [{"UserName": user}]}
        with pytest.raises(ResourcesUnknown, match="bob"):
            engine.load(policy("aws.account", {"type": "missing", "policy": inside}), tmp_path, dryrun=True)()
    # The output is about the account, not about users.
    assert not list(tmp_path.rglob("resources.json")) and not list(tmp_path.rglob(UNKNOWN))


def test_an_api_that_does_not_list_its_stages(wire: Wire, moto: Moto, tmp_path: Path) -> None:
    gateway = moto.client("apigateway")
    apis = []
    for name in ("a", "b", "c"):
        api = gateway.create_rest_api(name=name)["id"]
        root = gateway.get_resources(restApiId=api)["items"][0]["id"]
        gateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
        gateway.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
        gateway.create_deployment(restApiId=api, stageName="live")
        apis.append(api)
    stages = policy("aws.rest-stage", {"stageName": "live"})
    for fault, expected in ((SERVER_ERROR, {f"{apis[1]} (rest-stage)": "GetStages: InternalFailure: injected"}),
                            (DELETED, {})):
        wire.fail("GetStages", apis[1], fault=fault)
        found, unknown = judged(stages, tmp_path)
        assert len(found) == 2
        assert unknown == expected


def test_a_key_that_cannot_be_described(wire: Wire, moto: Moto, tmp_path: Path) -> None:
    keys = [moto.client("kms").create_key()["KeyMetadata"] for _ in range(3)]
    disabled = policy("aws.kms-key", {"type": "value", "key": "KeyState", "op": "ne", "value": "Disabled"})
    wire.fail("DescribeKey", keys[1]["KeyId"], keys[1]["Arn"])
    wire.code = "AccessDeniedException"
    assert judged(disabled, tmp_path) == (
        sorted(key["KeyId"] for key in (keys[0], keys[2])), {keys[1]["KeyId"]: "DescribeKey: AccessDenied"})


@pytest.fixture
def groups(moto: Moto) -> list[str]:
    ec2 = moto.client("ec2")
    made = []
    for name in ("a", "b", "c"):
        group = ec2.create_security_group(GroupName=name, Description="d")["GroupId"]
        ec2.authorize_security_group_ingress(
            GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
        made.append(group)
    return made


def test_an_instance_whose_group_is_not_shown(
    wire: Wire, moto: Moto, groups: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instances = [
        moto.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SecurityGroupIds=[group])[
            "Instances"][0]["InstanceId"]
        for group in groups]
    wire.change("DescribeSecurityGroups", lambda answer: {**answer, "SecurityGroups": [
        group for group in answer["SecurityGroups"] if group["GroupId"] != groups[1]]})
    found, unknown = judged(policy("aws.ec2", {"type": "exposed-ports", "ports": [22]}), tmp_path)
    assert found == sorted([instances[0], instances[2]])
    assert list(unknown) == [instances[1]]
    assert groups[1] in unknown[instances[1]]


def test_a_group_with_a_rule_that_cannot_be_understood(
    wire: Wire, groups: list[str], tmp_path: Path
) -> None:
    def broken(answer: Any) -> Any:
        for group in answer["SecurityGroups"]:
            if group["GroupId"] == groups[1]:
                group["IpPermissions"][0]["IpRanges"] = [{"CidrIp": "somewhere"}]
        return answer

    wire.change("DescribeSecurityGroups", broken)
    drift = policy("aws.security-group", {"type": "ingress-drift", "forbidden": ["tcp 22 from world"]})
    found, unknown = judged(drift, tmp_path)
    assert found == sorted([groups[0], groups[2]])
    assert list(unknown) == [groups[1]]
    assert "somewhere" in unknown[groups[1]]


def counts(output: Path, name: str = "p") -> list[int]:
    """What was listed, is in scope, matched, and is unknown."""
    found = json.loads((output / name / COUNTS).read_text(encoding="utf-8"))
    return [found[each] for each in ("listed", "in_scope", "matched", "unknown")]


SCOPE = {"type": "scope", "filters": [{"type": "value", "key": "Name", "op": "ne", "value": "bucket-a"}]}


def test_what_a_policy_looked_at_is_counted(wire: Wire, buckets: Any, tmp_path: Path) -> None:
    judged(SUSPENDED, tmp_path)
    assert counts(tmp_path) == [3, 3, 3, 0]
    assert stat.S_IMODE((tmp_path / "p" / COUNTS).stat().st_mode) == 0o600
    scoped = {**SUSPENDED, "filters": [SCOPE, {"Name": "bucket-b"}]}
    judged(scoped, tmp_path)
    assert counts(tmp_path) == [3, 2, 1, 0]
    judged({**SUSPENDED, "filters": [{"Name": "none"}]}, tmp_path)
    assert counts(tmp_path) == [3, 3, 0, 0]


def test_what_is_unknown_may_be_in_scope(wire: Wire, buckets: Any, tmp_path: Path) -> None:
    wire.fail("GetBucketVersioning", "bucket-a")
    judged({**SUSPENDED, "filters": [SCOPE, *SUSPENDED["filters"]]}, tmp_path)
    assert counts(tmp_path) == [3, 3, 2, 1]


def test_what_was_deleted_is_not_counted(wire: Wire, buckets: Any, tmp_path: Path) -> None:
    wire.fail("GetBucketVersioning", "bucket-b", fault=DELETED)
    judged(SUSPENDED, tmp_path)
    assert counts(tmp_path) == [2, 2, 2, 0]
    wire.fail("GetBucketAcl", "bucket-b", fault=DELETED)
    judged(policy("aws.s3", {"type": "public-access", "through": "acl"}, query=[{"augment-keys": []}]), tmp_path)
    assert counts(tmp_path) == [2, 2, 0, 0]


def test_nothing_and_an_account_are_counted(moto: Moto, tmp_path: Path) -> None:
    judged(policy("aws.rds"), tmp_path)
    assert counts(tmp_path) == [0, 0, 0, 0]
    missing = policy("aws.account", {"type": "missing", "policy": {"resource": "aws.rds"}})
    engine.pull(missing, tmp_path, dryrun=True)
    assert counts(tmp_path) == [1, 1, 1, 0]


def test_what_is_excepted_has_matched(moto: Moto, tmp_path: Path) -> None:
    for name in ("ann", "bob", "cleo"):
        moto.client("iam").create_user(UserName=name)
    excepted = {"type": "excepted", "exceptions": [{
        "policy": "p", "account": "*", "resource": "ann", "reason": "r", "owner": "o", "expires": "2999-01-01"}]}
    named = {"type": "value", "key": "UserName", "op": "in", "value": ["ann", "bob"]}
    found = engine.pull(policy("aws.iam-user", named, excepted), tmp_path, dryrun=True)
    assert [user["UserName"] for user in found] == ["bob"]
    assert counts(tmp_path) == [3, 3, 2, 0]


def test_policies_that_share_a_list_count_the_same(wire: Wire, moto: Moto, tmp_path: Path) -> None:
    for name in ("ann", "bob"):
        moto.client("iam").create_group(GroupName=name)
    shared = cache.factory(Config.empty(cache="memory", cache_period=60))
    for name in ("first", "second"):
        each = engine.load({**policy("aws.iam-group", {"GroupName": "ann"}), "name": name}, tmp_path, dryrun=True)
        each.resource_manager._cache = shared
        each()
        assert counts(tmp_path, name) == [2, 2, 1, 0]
    assert sum(operation == "ListGroups" for _, operation, _ in wire.called) == 1
