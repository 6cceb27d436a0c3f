"""The filter `in-one-zone` on `aws.lambda`. Source: EC2's DescribeSubnets, AvailabilityZoneId."""
from __future__ import annotations

from typing import Any

from c7n.exceptions import PolicyExecutionError
from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import filtered


class InOneZone(Filter):
    """Functions in a VPC whose subnets are all in the same Availability Zone.

    The zone is stored as `c7n:InOneZone`. A function in no VPC does not match. A function is unknown if EC2 does not
    show one of its subnets. One call for 200 subnets.

    Written because c7n's `subnet` compares each subnet for itself, and does not count their zones.

    :example:

    .. code-block:: yaml

        policies:
          - name: lambda-in-several-zones
            resource: aws.lambda
            filters:
              - in-one-zone
    """

    schema = type_schema("in-one-zone")
    permissions = ("ec2:DescribeSubnets",)
    annotation_key = "c7n:InOneZone"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("ec2")
        named = {subnet for each in resources for subnet in _subnets(each)}
        zones = {subnet["SubnetId"]: subnet["AvailabilityZoneId"]
                 for subnet in filtered(client, "describe_subnets", "Subnets", "subnet-id", named)}
        found = []
        for each in resources:
            if unseen := sorted(set(_subnets(each)) - zones.keys()):
                raise PolicyExecutionError(f"EC2 does not show {', '.join(unseen)}")
            its = {zones[subnet] for subnet in _subnets(each)}
            if len(its) == 1:
                each[self.annotation_key] = next(iter(its))
                found.append(each)
        return found


def _subnets(function: dict[str, Any]) -> list[str]:
    return list((function.get("VpcConfig") or {}).get("SubnetIds") or ())
