"""The filter `unattached` on `aws.security-group`: groups that no network interface uses."""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import filtered


class Unattached(Filter):
    """Security groups that no network interface uses.

    Everything in a VPC has a network interface, so a group without one protects nothing at the moment. One call for 200
    groups. The reason is kept on the group as `c7n:Unattached`.

    Written because c7n's `unused` answers a different question, with calls to six services: a group in a launch
    configuration, in a rule of another group or in a build project is not `unused`, but it is found here. Use `unused`
    before you delete a group.

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
        used = attached(client, [group["GroupId"] for group in resources])
        found = [group for group in resources if group["GroupId"] not in used]
        for group in found:
            group[self.annotation_key] = "no network interface uses the group"
        return found


def attached(client: Any, group_ids: list[str]) -> set[str]:
    """The groups that a network interface uses, and the other groups of those interfaces. Raises one of AWS_ERRORS."""
    interfaces = filtered(client, "describe_network_interfaces", "NetworkInterfaces", "group-id", group_ids,
                          PaginationConfig={"PageSize": 1000})
    return {group["GroupId"] for interface in interfaces for group in interface["Groups"]}
