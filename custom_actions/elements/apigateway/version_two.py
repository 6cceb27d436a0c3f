"""What a policy uses for HTTP and WebSocket APIs: `of-protocol` on `aws.apigwv2-stage`, and `private-without-tls` on
`aws.apigwv2`.

Source: API Gateway V2's API reference, Api, Integration and TlsConfig.
"""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call


class OfProtocol(Filter):
    """Stages of the APIs with this `protocol`: HTTP or WEBSOCKET.

    The protocol belongs to the API, and a stage does not show it. No call if the APIs are listed already, as they are
    for a list of stages.

    Written because c7n compares a stage with values of its own only.

    :example:

    .. code-block:: yaml

        policies:
          - name: apigateway-websocket-stages
            resource: aws.apigwv2-stage
            filters:
              - type: of-protocol
                protocol: WEBSOCKET
    """

    schema = type_schema("of-protocol", required=["protocol"], protocol={"enum": ["HTTP", "WEBSOCKET"]})
    permissions = ("apigateway:GET",)

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        apis = self.manager.get_resource_manager("aws.apigwv2").resources(augment=False)
        protocols = {api["ApiId"]: api["ProtocolType"] for api in apis}
        return [each for each in resources if protocols.get(each["c7n:parent-id"]) == self.data["protocol"]]


class PrivateWithoutTls(Filter):
    """APIs with an integration through a VPC link that does not use TLS.

    The ids of the integrations are stored as `c7n:PrivateWithoutTls`. One call for each API.

    Written because c7n has no resource type and no filter for the integrations of HTTP and WebSocket APIs.

    :example:

    .. code-block:: yaml

        policies:
          - name: apigateway-private-tls
            resource: aws.apigwv2
            filters:
              - ProtocolType: HTTP
              - private-without-tls
    """

    schema = type_schema("private-without-tls")
    permissions = ("apigateway:GET",)
    annotation_key = "c7n:PrivateWithoutTls"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("apigatewayv2")
        found = []
        for each in resources:
            integrations = call(lambda api=each["ApiId"]: [
                integration for page in client.get_paginator("get_integrations").paginate(ApiId=api)
                for integration in page["Items"]
            ])
            if plain := [integration["IntegrationId"] for integration in integrations if is_plain(integration)]:
                each[self.annotation_key] = plain
                found.append(each)
        return found


def is_plain(integration: dict[str, Any]) -> bool:
    """Whether an integration goes through a VPC link, and without TLS."""
    return integration.get("ConnectionType") == "VPC_LINK" and not integration.get("TlsConfig")
