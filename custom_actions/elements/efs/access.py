"""The filters `access-point` and `public-mount-target` on `aws.efs`: how a file system is reached.

Source: EFS's DescribeAccessPoints and DescribeMountTargets, EC2's DescribeSubnets; Security Hub's controls EFS.3, EFS.4
and EFS.6.
"""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter, ValueFilter
from c7n.utils import local_session, type_schema

from ...aws import call, filtered

_GOING = ("deleting", "deleted")


class AccessPoint(ValueFilter):
    """File systems with an access point that matches.

    One call, or one for each page, for the access points of all file systems. Those that are being deleted do not
    count. The ids of the matching ones are kept on the file system as `c7n:AccessPoints`.

    Written because c7n has no access points, neither as a resource type nor as a filter.

    :example:

    .. code-block:: yaml

        policies:
          - name: efs-access-point-user
            resource: aws.efs
            filters:
              - {type: access-point, key: PosixUser, value: absent}
    """

    schema = type_schema("access-point", rinherit=ValueFilter.schema)
    schema_alias = False
    annotate = False
    permissions = ("elasticfilesystem:DescribeAccessPoints",)
    annotation_key = "c7n:AccessPoints"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("efs")
        points = call(lambda: [
            point for page in client.get_paginator("describe_access_points").paginate()
            for point in page["AccessPoints"] if point.get("LifeCycleState") not in _GOING])
        matching: dict[str, list[str]] = {}
        for point in points:
            if self.match(point):
                matching.setdefault(point["FileSystemId"], []).append(point["AccessPointId"])
        found = []
        for file_system in resources:
            if ids := matching.get(file_system["FileSystemId"]):
                file_system[self.annotation_key] = ids
                found.append(file_system)
        return found


class PublicMountTarget(Filter):
    """File systems with a mount target in a subnet that gives new network interfaces a public address.

    One call for the mount targets of each file system, and one for 200 subnets. The subnets are kept on the file system
    as `c7n:PublicMountTargets`.

    Written because c7n can look at the subnet of a mount target, but a mount target has no ARN, and Security Hub judges
    the file system.

    :example:

    .. code-block:: yaml

        policies:
          - name: efs-mount-target-not-public
            resource: aws.efs
            filters:
              - public-mount-target
    """

    schema = type_schema("public-mount-target")
    permissions = ("elasticfilesystem:DescribeMountTargets", "ec2:DescribeSubnets")
    annotation_key = "c7n:PublicMountTargets"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        session = local_session(self.manager.session_factory)
        efs, ec2 = session.client("efs"), session.client("ec2")
        subnets = {each["FileSystemId"]: mounted_in(efs, each["FileSystemId"]) for each in resources}
        mounted = set().union(*subnets.values())
        public = {subnet["SubnetId"] for subnet in filtered(ec2, "describe_subnets", "Subnets", "subnet-id", mounted)
                  if subnet["MapPublicIpOnLaunch"]}
        found = []
        for file_system in resources:
            if those := sorted(subnets[file_system["FileSystemId"]] & public):
                file_system[self.annotation_key] = those
                found.append(file_system)
        return found


def mounted_in(efs: Any, file_system: str) -> set[str]:
    """The subnets in which a file system has mount targets."""
    return call(lambda: {
        target["SubnetId"]
        for page in efs.get_paginator("describe_mount_targets").paginate(FileSystemId=file_system)
        for target in page["MountTargets"]})
