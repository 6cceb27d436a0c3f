"""Puts our resource types into the map in which c7n looks a type's class up, and registers the classes when they load.

c7n finds the class of `aws.NAME` in one dictionary: the name to the path of the class. It imports the module when a
policy, `custodian schema` or c7n-org asks for the type. With an entry there, a type of ours is like any other: c7n
validates it, adds the generic filters and actions to it, and lists it.

A type that the installed c7n has itself is c7n's: its entry stays, and our class is never registered.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

TYPES: Mapping[str, str] = {
    "bedrock-agentcore-browser": "agentcore.BedrockAgentCoreBrowser",
    "bedrock-agentcore-gateway": "agentcore.BedrockAgentCoreGateway",
    "bedrock-agentcore-runtime": "agentcore.BedrockAgentCoreRuntime",
    "codebuild-report-group": "codebuild.CodeBuildReportGroup",
    "ecs-capacity-provider": "ecs.EcsCapacityProvider",
    "kafka-connector": "kafkaconnect.KafkaConnector",
    "network-firewall-policy": "networkfirewall.NetworkFirewallPolicy",
    "network-firewall-rule-group": "networkfirewall.NetworkFirewallRuleGroup",
    "redshift-serverless-namespace": "redshift_serverless.RedshiftServerlessNamespace",
    "redshift-serverless-workgroup": "redshift_serverless.RedshiftServerlessWorkgroup",
    "sagemaker-feature-group": "sagemaker.SagemakerFeatureGroup",
    "sagemaker-monitoring-schedule": "sagemaker.SagemakerMonitoringSchedule",
}
"""The name of each type, without `aws.`, and its class in this package, which is imported only when it is needed."""


def add_types() -> None:
    """Add the types that c7n does not have to its map. Calling it again has no effect."""
    from c7n.resources.resource_map import ResourceMap

    for name, path in TYPES.items():
        ResourceMap.setdefault(f"aws.{name}", f"{__package__}.{path}")


def resource_type(name: str) -> Callable[[type], type]:
    """A decorator that registers a class as c7n's type of that name, unless c7n's map has another class for it."""
    def register(kind: type) -> type:
        from c7n.manager import resources
        from c7n.resources.resource_map import ResourceMap

        entry: Any = ResourceMap.get(f"aws.{name}")
        if entry == f"{kind.__module__}.{kind.__qualname__}":
            resources.register(name)(kind)
        return kind

    return register
