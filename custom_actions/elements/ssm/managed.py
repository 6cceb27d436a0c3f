"""The filter `unmanaged` on `aws.ec2`: instances that Systems Manager does not manage.

Source: Systems Manager's DescribeInstanceInformation, which lists the managed nodes and whether their agents report.
"""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call


class Unmanaged(Filter):
    """Instances that Systems Manager does not manage, or whose agent does not report any more.

    The state is kept on the instance as `c7n:Unmanaged`: `not managed`, or what Systems Manager says of the agent, such
    as `ConnectionLost`.

    Written because c7n's `ssm` asks about fifty instances and reads the first ten answers only.

    :example:

    .. code-block:: yaml

        policies:
          - name: ec2-managed
            resource: aws.ec2
            filters:
              - unmanaged
    """

    schema = type_schema("unmanaged")
    permissions = ("ssm:DescribeInstanceInformation",)
    annotation_key = "c7n:Unmanaged"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("ssm")
        pages = client.get_paginator("describe_instance_information")
        listed = call(lambda: pages.paginate(PaginationConfig={"PageSize": 50}).build_full_result())
        pings = {each["InstanceId"]: each.get("PingStatus", "") for each in listed["InstanceInformationList"]}
        found = []
        for instance in resources:
            state = pings.get(instance["InstanceId"], "not managed")
            if state != "Online":
                instance[self.annotation_key] = state
                found.append(instance)
        return found
