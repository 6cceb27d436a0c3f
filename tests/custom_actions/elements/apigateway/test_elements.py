"""The filters and the action through c7n, against moto."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from c7n.exceptions import PolicyValidationError

from custom_actions.elements.apigateway.cache import StageName
from custom_actions.fixing.receipt import FixIncomplete
from custom_actions.resources import ResourcesUnknown
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto

OPEN = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}

Refuse = Callable[..., None]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Let an operation fail from now on, or after a number of calls that go through."""
    real = BaseClient._make_api_call
    failing: dict[str, list[Any]] = {}

    def intercept(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        if operation in failing:
            failing[operation][1] -= 1
            if failing[operation][1] < 0:
                error = {"Code": failing[operation][0], "Message": "not today"}
                raise ClientError({"Error": error}, operation)
        return real(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", intercept)
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))

    def start(operation: str, code: str = "AccessDeniedException", *, after: int = 0) -> None:
        failing[operation] = [code, after]

    return start


def apis(output: Path, *filters: Any) -> dict[str, Any]:
    found = engine.pull({"name": "p", "resource": "aws.rest-api", "filters": list(filters)}, output)
    return {api["id"]: api.get("c7n:Open") for api in found}


def make_api(moto: Moto, *statements: Any) -> str:
    policy = {"policy": json.dumps({"Statement": list(statements)})} if statements else {}
    return str(moto.client("apigateway").create_rest_api(name="api", **policy)["id"])


def test_only_what_is_named_is_looked_up_and_each_kind_once(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc = moto.client("ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    own = make_api(moto, {**OPEN, "Condition": {"StringEquals": {"aws:SourceVpc": vpc}}})
    foreign = make_api(moto, {**OPEN, "Condition": {"StringEquals": {"aws:SourceVpc": "vpc-0123456789abcdef0"}}})
    calls: list[str] = []
    real = BaseClient._make_api_call

    def intercept(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        calls.append(operation)
        return real(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", intercept)
    found = apis(tmp_path, "open-beyond-vpcs")
    assert found == {
        foreign: ["statement 1: vpc-0123456789abcdef0 is not a VPC or endpoint of this account and region"]}
    assert own not in found
    assert [call for call in calls if call.startswith("Describe")] == ["DescribeVpcs"]


def test_a_vpc_that_others_share_with_us_is_not_ours(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = make_api(moto, {**OPEN, "Condition": {"StringEquals": {"aws:SourceVpc": "vpc-shared"}}})
    real = BaseClient._make_api_call

    def intercept(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "DescribeVpcs":
            return {"Vpcs": [{"VpcId": "vpc-shared", "OwnerId": "111111111111"}]}
        return real(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", intercept)
    assert list(apis(tmp_path, "open-beyond-vpcs")) == [shared]


@pytest.mark.parametrize("operation", ["DescribeVpcs", "DescribeVpcEndpoints"])
def test_what_cannot_be_looked_up_is_an_error(moto: Moto, tmp_path: Path, refuse: Refuse, operation: str) -> None:
    condition = {"StringEquals": {"aws:SourceVpc": "vpc-1", "aws:SourceVpce": "vpce-1"}}
    make_api(moto, {**OPEN, "Condition": condition})
    refuse(operation, "UnauthorizedOperation")
    with pytest.raises(ResourcesUnknown, match="UnauthorizedOperation"):
        apis(tmp_path, "open-beyond-vpcs")


def test_a_policy_that_cannot_be_read_is_reported_and_hides_no_other(moto: Moto, tmp_path: Path) -> None:
    broken = str(moto.client("apigateway").create_rest_api(name="broken", policy="{")["id"])
    nothing, opened = make_api(moto), make_api(moto, OPEN)
    found = apis(tmp_path, {"type": "open-beyond-networks", "networks": []})
    assert found == {
        broken: ["the resource policy cannot be read: it must be a JSON object"],
        nothing: ["the API has no resource policy"],
        opened: ["statement 1: no condition limits it by aws:sourceip"],
    }


@pytest.mark.parametrize(("networks", "problem"), [
    (["10.0.0.0/33"], "10.0.0.0/33"), (["office"], "office"), ("10.0.0.0/8", "must be a list"),
])
def test_networks_that_are_none_are_refused(moto: Moto, tmp_path: Path, networks: Any, problem: str) -> None:
    with pytest.raises(PolicyValidationError, match=problem):
        apis(tmp_path, {"type": "open-beyond-networks", "networks": networks})


# -- encrypt-cache ----------------------------------------------------------------------------------------------


def make_stage(moto: Moto) -> dict[str, str]:
    """A stage that caches by default and in one override, neither encrypted."""
    client = moto.client("apigateway")
    api = client.create_rest_api(name="api")
    client.put_method(restApiId=api["id"], resourceId=api["rootResourceId"], httpMethod="GET", authorizationType="NONE")
    client.put_integration(restApiId=api["id"], resourceId=api["rootResourceId"], httpMethod="GET", type="MOCK")
    client.create_deployment(restApiId=api["id"], stageName="prod")
    named = {"restApiId": api["id"], "stageName": "prod"}
    client.update_stage(**named, patchOperations=[
        {"op": "replace", "path": f"/{method}/caching/enabled", "value": "true"} for method in ("*/*", "~1pets/GET")
    ])
    return named


def encrypt(output: Path) -> list[dict[str, Any]]:
    try:
        engine.pull({"name": "p", "resource": "aws.rest-stage", "actions": ["encrypt-cache"]}, output)
    finally:
        written = output / "p" / "action-encrypt-cache"
        receipts = json.loads(written.read_text(encoding="utf-8")) if written.exists() else []
    return receipts


def settings(moto: Moto, named: dict[str, str]) -> dict[str, bool]:
    stage = moto.client("apigateway").get_stage(**named)
    return {method: setting["cacheDataEncrypted"] for method, setting in stage["methodSettings"].items()}


def test_a_cache_is_encrypted_and_the_inverse_takes_it_back(moto: Moto, tmp_path: Path) -> None:
    named = make_stage(moto)
    before = moto.client("apigateway").get_stage(**named)["methodSettings"]

    [receipt] = encrypt(tmp_path)

    assert settings(moto, named) == {"*/*": True, "~1pets/GET": True}
    assert receipt["outcome"] == "reverted"
    assert receipt["resource"] == f"arn:aws:apigateway:{REGION}::/restapis/{named['restApiId']}/stages/prod"
    assert (receipt["account"], receipt["region"], receipt["policy"]) == (ACCOUNT, REGION, "p")
    assert [entry["method"] for entry in receipt["added"]] == ["*/*", "~1pets/GET"]
    for call in receipt["inverse"]:
        getattr(moto.client(call["service"]), call["operation"])(**call["parameters"])
    assert moto.client("apigateway").get_stage(**named)["methodSettings"] == before


def test_a_second_run_has_nothing_to_do(moto: Moto, tmp_path: Path) -> None:
    make_stage(moto)
    encrypt(tmp_path)
    [receipt] = encrypt(tmp_path)
    assert (receipt["outcome"], receipt["inverse"]) == ("already-ok", [])


def test_a_refused_update_leaves_a_receipt_and_an_error(moto: Moto, tmp_path: Path, refuse: Refuse) -> None:
    named = make_stage(moto)
    refuse("UpdateStage")
    with pytest.raises(FixIncomplete, match="AccessDeniedException"):
        encrypt(tmp_path)
    [receipt] = json.loads((tmp_path / "p" / "action-encrypt-cache").read_text(encoding="utf-8"))
    assert (receipt["outcome"], receipt["inverse"], receipt["added"]) == ("failed", [], [])
    assert settings(moto, named) == {"*/*": False, "~1pets/GET": False}


def test_what_cannot_be_read_back_is_not_done(moto: Moto, tmp_path: Path, refuse: Refuse) -> None:
    make_stage(moto)
    refuse("GetStage", after=1)
    with pytest.raises(FixIncomplete, match="could not read it back"):
        encrypt(tmp_path)
    [receipt] = json.loads((tmp_path / "p" / "action-encrypt-cache").read_text(encoding="utf-8"))
    assert receipt["outcome"] == "partial"
    assert len(receipt["inverse"]) == 1


def test_an_item_of_aws_config_has_the_api_in_its_id_only(moto: Moto, tmp_path: Path) -> None:
    named = make_stage(moto)
    action = engine.load(
        {"name": "p", "resource": "aws.rest-stage", "actions": ["encrypt-cache"]}, tmp_path
    ).resource_manager.actions[0]
    arn = f"arn:aws:apigateway:{REGION}::/restapis/{named['restApiId']}/stages/prod"
    event = {"invokingEvent": json.dumps({"configurationItem": {"resourceId": arn}})}
    [receipt] = action.process([{"stageName": "prod", "deploymentId": "d"}], event)
    assert (receipt["resource"], receipt["outcome"]) == (arn, "reverted")
    with pytest.raises(FixIncomplete, match="is not the ARN of a REST API stage"):
        action.process([{"stageName": "prod", "deploymentId": "d"}])


def test_a_stage_of_another_partition() -> None:
    assert StageName.of("arn:aws-cn:apigateway:cn-north-1::/restapis/a/stages/b") == StageName("a", "b")
