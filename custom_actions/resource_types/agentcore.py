"""Runtimes, gateways and browsers of Bedrock AgentCore. Source: AgentCore control plane API, List… and Get…."""
from __future__ import annotations

from typing import Any

from c7n.query import DescribeSource, QueryResourceManager, TypeInfo
from c7n.utils import local_session

from .registry import resource_type


class DescribeWithTags(DescribeSource):
    """Reads the details of the resources, then the tags of each with the service's own call."""

    def augment(self, resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The resources with their details and with `Tags`."""
        client = local_session(self.manager.session_factory).client(self.manager.resource_type.service)
        found: list[dict[str, Any]] = super().augment(resources)
        for resource in found:
            arn = resource[self.manager.resource_type.arn]
            tags = self.manager.retry(client.list_tags_for_resource, resourceArn=arn).get("tags") or {}
            resource["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        return found


@resource_type("bedrock-agentcore-runtime")
class BedrockAgentCoreRuntime(QueryResourceManager):
    """What an agent runs in.

    .. code-block:: yaml

        policies:
          - name: agent-on-public-network
            resource: aws.bedrock-agentcore-runtime
            filters:
              - type: value
                key: networkConfiguration.networkMode
                value: PUBLIC
    """

    class resource_type(TypeInfo):  # noqa: N801 - c7n's name
        service = "bedrock-agentcore-control"
        permission_prefix = arn_service = "bedrock-agentcore"
        enum_spec = ("list_agent_runtimes", "agentRuntimes", None)
        detail_spec = ("get_agent_runtime", "agentRuntimeId", "agentRuntimeId", None)
        arn = "agentRuntimeArn"
        arn_type = "runtime"
        id = "agentRuntimeId"
        name = "agentRuntimeName"
        date = "createdAt"
        cfn_type = "AWS::BedrockAgentCore::Runtime"
        permissions_augment = ("bedrock-agentcore:ListTagsForResource",)

    source_mapping = {"describe": DescribeWithTags}  # noqa: RUF012 - as c7n has it


@resource_type("bedrock-agentcore-gateway")
class BedrockAgentCoreGateway(QueryResourceManager):
    """Where agents reach tools, and who may do so.

    .. code-block:: yaml

        policies:
          - name: gateway-without-authorization
            resource: aws.bedrock-agentcore-gateway
            filters:
              - authorizerType: NONE
    """

    class resource_type(TypeInfo):  # noqa: N801 - c7n's name
        service = "bedrock-agentcore-control"
        permission_prefix = arn_service = "bedrock-agentcore"
        enum_spec = ("list_gateways", "items", None)
        detail_spec = ("get_gateway", "gatewayIdentifier", "gatewayId", None)
        arn = "gatewayArn"
        arn_type = "gateway"
        id = "gatewayId"
        name = "name"
        date = "createdAt"
        cfn_type = "AWS::BedrockAgentCore::Gateway"
        permissions_augment = ("bedrock-agentcore:ListTagsForResource",)

    source_mapping = {"describe": DescribeWithTags}  # noqa: RUF012 - as c7n has it


@resource_type("bedrock-agentcore-browser")
class BedrockAgentCoreBrowser(QueryResourceManager):
    """A browser of your own that agents use. Those of AWS are not among them.

    .. code-block:: yaml

        policies:
          - name: browser-on-public-network
            resource: aws.bedrock-agentcore-browser
            filters:
              - type: value
                key: networkConfiguration.networkMode
                value: PUBLIC
    """

    class resource_type(TypeInfo):  # noqa: N801 - c7n's name
        service = "bedrock-agentcore-control"
        permission_prefix = arn_service = "bedrock-agentcore"
        enum_spec = ("list_browsers", "browserSummaries", {"type": "CUSTOM"})
        detail_spec = ("get_browser", "browserId", "browserId", None)
        arn = "browserArn"
        arn_type = "browser-custom"
        id = "browserId"
        name = "name"
        date = "createdAt"
        cfn_type = "AWS::BedrockAgentCore::BrowserCustom"
        permissions_augment = ("bedrock-agentcore:ListTagsForResource",)

    source_mapping = {"describe": DescribeWithTags}  # noqa: RUF012 - as c7n has it
