"""Capacity providers of ECS. Source: ECS API, DescribeCapacityProviders.

botocore has no paginator for them: `custom_actions/patches/every_page.py` reads all pages.
"""
from __future__ import annotations

from typing import Any

from c7n.query import DescribeSource, QueryResourceManager, TypeInfo
from c7n.resources.ecs import ecs_tag_normalize

from .registry import resource_type


class DescribeCapacityProviders(DescribeSource):
    """Reads the capacity providers, with tags as c7n has them."""

    def augment(self, resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The resources with `Tags`."""
        ecs_tag_normalize(resources)
        return resources


@resource_type("ecs-capacity-provider")
class EcsCapacityProvider(QueryResourceManager):
    """Where tasks run: the instances of an Auto Scaling group, or AWS's own FARGATE and FARGATE_SPOT.

    .. code-block:: yaml

        policies:
          - name: instances-protected
            resource: aws.ecs-capacity-provider
            filters:
              - type: value
                key: autoScalingGroupProvider.managedTerminationProtection
                value: ENABLED
    """

    class resource_type(TypeInfo):  # noqa: N801 - c7n's name
        service = "ecs"
        enum_spec = ("describe_capacity_providers", "capacityProviders", {"include": ["TAGS"]})
        arn = id = "capacityProviderArn"
        arn_type = "capacity-provider"
        name = "name"
        cfn_type = "AWS::ECS::CapacityProvider"

    source_mapping = {"describe": DescribeCapacityProviders}  # noqa: RUF012 - as c7n has it
