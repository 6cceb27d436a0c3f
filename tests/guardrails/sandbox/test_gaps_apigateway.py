"""Resource policies are shown as AWS shows them, and no cache is encrypted unless somebody asks."""
from __future__ import annotations

import json

from tests.moto_server import ACCOUNT, REGION, Moto

POLICY = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke",
                         "Resource": ["execute-api:/prod/*", "*"]}]}


def test_a_policy_has_whole_arns_and_its_quotes_are_escaped(moto: Moto) -> None:
    client = moto.client("apigateway")
    made = client.create_rest_api(name="api", policy=json.dumps(POLICY))
    for shown in (made, client.get_rest_api(restApiId=made["id"]), client.get_rest_apis()["items"][0]):
        assert shown["policy"].startswith('{\\"Statement\\":')
        statement = json.loads(json.loads(f'"{shown["policy"]}"'))["Statement"][0]
        assert statement["Resource"] == [f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{made['id']}/prod/*", "*"]


def test_a_policy_can_be_replaced_and_an_api_without_one_has_none(moto: Moto) -> None:
    client = moto.client("apigateway")
    made = client.create_rest_api(name="api")
    assert not made.get("policy")
    changed = client.update_rest_api(
        restApiId=made["id"], patchOperations=[{"op": "replace", "path": "/policy", "value": json.dumps(POLICY)}])
    assert "execute-api:Invoke" in changed["policy"]


def test_a_new_method_setting_does_not_encrypt(moto: Moto) -> None:
    client = moto.client("apigateway")
    api = client.create_rest_api(name="api")
    client.put_method(restApiId=api["id"], resourceId=api["rootResourceId"], httpMethod="GET", authorizationType="NONE")
    client.put_integration(restApiId=api["id"], resourceId=api["rootResourceId"], httpMethod="GET", type="MOCK")
    client.create_deployment(restApiId=api["id"], stageName="prod")
    stage = client.update_stage(restApiId=api["id"], stageName="prod", patchOperations=[
        {"op": "replace", "path": "/*/*/caching/enabled", "value": "true"},
        {"op": "replace", "path": "/~1pets/GET/caching/dataEncrypted", "value": "true"},
    ])
    assert {name: setting["cacheDataEncrypted"] for name, setting in stage["methodSettings"].items()} == {
        "*/*": False, "~1pets/GET": True}


def test_a_stage_keeps_its_client_certificate(moto: Moto) -> None:
    client = moto.client("apigateway")
    api = client.create_rest_api(name="api")
    client.put_method(restApiId=api["id"], resourceId=api["rootResourceId"], httpMethod="GET", authorizationType="NONE")
    client.put_integration(restApiId=api["id"], resourceId=api["rootResourceId"], httpMethod="GET", type="MOCK")
    client.create_deployment(restApiId=api["id"], stageName="prod")
    stage = {"restApiId": api["id"], "stageName": "prod"}
    assert "clientCertificateId" not in client.get_stage(**stage)
    for value in ("c1", ""):
        client.update_stage(**stage, patchOperations=[
            {"op": "replace", "path": "/clientCertificateId", "value": value},
            {"op": "replace", "path": "/description", "value": f"with {value}"},
        ])
        assert client.get_stage(**stage).get("clientCertificateId", "") == value
        assert client.get_stage(**stage)["description"] == f"with {value}"
