"""The filter `exposed-cluster-port` on `aws.redshift`.

Source: Redshift's DescribeClusters (`Endpoint.Port`, `VpcSecurityGroups`); EC2's DescribeSecurityGroups.
"""
from __future__ import annotations

from typing import Any

from c7n.utils import local_session, type_schema

from ...parameters import placeholders
from ..security_group import SHARE_SCHEMA, WORLD_SHARE, Forbidden, PrefixListReader, from_policy, world_share
from .elements import ExposedPorts
from .exposure import exposures


class ExposedClusterPort(ExposedPorts):
    """Redshift clusters whose security groups open the port of the cluster to the world.

    The groups of a cluster count together, and what the world is decides `exposed-ports` of instances: sources that
    cover more than `world-share` (default 1/256) of the internet's IPv4 or IPv6 addresses, also through prefix lists.
    The rules that would have to be removed are stored on the cluster as `c7n:ExposedClusterPort`. A cluster that has no
    endpoint yet does not match.

    Written because c7n's `security-group` compares a group with fixed values, and each cluster has a port of its own.

    :example:

    .. code-block:: yaml

        policies:
          - name: redshift-exposed
            resource: aws.redshift
            filters:
              - exposed-cluster-port
    """

    schema = type_schema("exposed-cluster-port", **{WORLD_SHARE: SHARE_SCHEMA})
    annotation_key = "c7n:ExposedClusterPort"

    def validate(self) -> ExposedClusterPort:
        if not placeholders(self.data.get(WORLD_SHARE)):
            world_share(self)
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        lists = PrefixListReader(lambda: local_session(self.manager.session_factory).client("ec2"))
        share = world_share(self)
        groups = {
            cluster["ClusterIdentifier"]: [
                each["VpcSecurityGroupId"] for each in cluster.get("VpcSecurityGroups") or ()]
            for cluster in resources}
        rules = self._rules({group for listed in groups.values() for group in listed})
        exposed = []
        for cluster in resources:
            if not (port := (cluster.get("Endpoint") or {}).get("Port")):
                continue
            watched = Forbidden(tuple(from_policy(f"tcp {port} from world")), share, lists)
            if found := exposures([groups[cluster["ClusterIdentifier"]]], rules, watched):
                cluster[self.annotation_key] = found.lines()
                exposed.append(cluster)
        return exposed
