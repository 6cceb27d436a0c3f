"""The filter `unattached` on `aws.security-group`: groups that no network interface uses."""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import chunks, local_session, type_schema

from ...aws import call

_FILTER_VALUES = 200
"""What EC2 takes as values of one filter."""


class Unattached(Filter):
    """Security groups that no network interface uses.

    Whatever runs in a VPC does so behind a network interface, so a group without one guards nothing at the moment.
    Written because c7n's `unused` asks another question, and six services, for it: a group that a stopped fleet's
    launch configuration, a rule of another group or a build project names is not `unused`, and here it is found.
    Use `unused` before you delete.

    One call for 200 groups, and for AWS Config's single group one call. Why a group was found is noted as
    `c7n:Unattached`.

    :example:

    .. code-block:: yaml

        policies:
          - name: security-group-without-interface
            resource: aws.security-group
            filters:
              - type: scope
                filters:
                  - not: [{GroupName: default}]
              - unattached
    """

    schema = type_schema("unattached")
    permissions = ("ec2:DescribeNetworkInterfaces",)
    annotation_key = "c7n:Unattached"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("ec2")
        used: set[str] = set()
        for some in chunks([group["GroupId"] for group in resources], _FILTER_VALUES):
            used |= attached(client, some)
        found = [group for group in resources if group["GroupId"] not in used]
        for group in found:
            group[self.annotation_key] = "no network interface uses the group"
        return found


def attached(client: Any, group_ids: list[str]) -> set[str]:
    """The groups that a network interface uses; with others that stand on the same interfaces. Raises ClientError."""
    pages = call(lambda: list(client.get_paginator("describe_network_interfaces").paginate(
        Filters=[{"Name": "group-id", "Values": list(group_ids)}], PaginationConfig={"PageSize": 1000})))
    return {
        group["GroupId"] for page in pages for interface in page["NetworkInterfaces"] for group in interface["Groups"]
    }
