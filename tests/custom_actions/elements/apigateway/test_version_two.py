"""`of-protocol` and `private-without-tls`: the APIs behind stages, and how integrations reach their backends."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from custom_actions.elements.apigateway.version_two import is_plain
from tests import engine
from tests.moto_server import Moto


@pytest.mark.parametrize(("integration", "plain"), [
    ({"ConnectionType": "VPC_LINK"}, True),
    ({"ConnectionType": "VPC_LINK", "TlsConfig": {}}, True),
    ({"ConnectionType": "VPC_LINK", "TlsConfig": {"ServerNameToVerify": "b.example.com"}}, False),
    ({"ConnectionType": "INTERNET"}, False),
    ({}, False),
])
def test_what_is_plain(integration: dict[str, Any], plain: bool) -> None:
    assert is_plain(integration) is plain


def test_stages_of_one_name_are_told_apart(moto: Moto, tmp_path: Path) -> None:
    client = moto.client("apigatewayv2")
    made = {}
    for protocol in ("HTTP", "WEBSOCKET"):
        made[protocol] = client.create_api(
            Name=protocol, ProtocolType=protocol, RouteSelectionExpression="$request.body.action")["ApiId"]
        client.create_stage(ApiId=made[protocol], StageName="prod")
    for protocol, api in made.items():
        policy = {"name": "p", "resource": "aws.apigwv2-stage", "filters": [
            {"type": "of-protocol", "protocol": protocol}]}
        assert [each["c7n:parent-id"] for each in engine.pull(policy, tmp_path)] == [api]


def test_the_integrations_are_named(moto: Moto, tmp_path: Path) -> None:
    client = moto.client("apigatewayv2")
    for _ in range(2):
        api = client.create_api(Name="n", ProtocolType="HTTP")["ApiId"]
    plain = client.create_integration(
        ApiId=api, IntegrationType="HTTP_PROXY", IntegrationMethod="ANY", ConnectionType="VPC_LINK", ConnectionId="v",
        IntegrationUri="arn:aws:servicediscovery:us-east-1:111111111111:service/s")["IntegrationId"]
    [found] = engine.pull({"name": "p", "resource": "aws.apigwv2", "filters": ["private-without-tls"]}, tmp_path)
    assert (found["ApiId"], found["c7n:PrivateWithoutTls"]) == (api, [plain])
