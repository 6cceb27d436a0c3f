"""Capacity providers of ECS. Source: ECS API, DescribeCapacityProviders."""
from __future__ import annotations

from typing import Any

from botocore.paginate import Paginator
from c7n.query import DescribeSource, QueryResourceManager, ResourceQuery, RetryPageIterator, TypeInfo
from c7n.resources.ecs import ecs_tag_normalize

from .registry import resource_type


class AllPages(ResourceQuery):
    """Reads every page: AWS gives ten capacity providers at a time, and botocore has no paginator for them."""

    def _invoke_client_enum(self, client: Any, enum_op: str, params: Any, path: str, retry: Any = None) -> Any:
        operation = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[enum_op])
        pages = Paginator(
            getattr(client, enum_op),
            {"input_token": "nextToken", "output_token": "nextToken", "result_key": path}, operation)
        pages.PAGE_ITERATOR_CLS = RetryPageIterator
        return pages.paginate(**params).build_full_result()[path]


class DescribeCapacityProviders(DescribeSource):
    """Reads the capacity providers, with tags as c7n has them."""

    resource_query_factory = AllPages

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
