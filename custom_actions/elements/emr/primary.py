"""The filter `public-primary-node` on `aws.emr`: clusters with a primary node that has a public address.

Source: EMR's ListInstances; Security Hub's control EMR.1, which looks at the addresses of the primary nodes.
"""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call


class PublicPrimaryNode(Filter):
    """Clusters with a running primary node that has a public IPv4 address.

    For clusters with instance groups and with instance fleets. One call or more for each cluster. The addresses are
    kept on the cluster as `c7n:PublicPrimaryNodes`.

    Written because c7n can look at the subnet of a cluster, which says what new interfaces get, but not at the
    addresses that its nodes have.

    :example:

    .. code-block:: yaml

        policies:
          - name: emr-primary-node-not-public
            resource: aws.emr
            filters:
              - public-primary-node
    """

    schema = type_schema("public-primary-node")
    permissions = ("elasticmapreduce:ListInstances",)
    annotation_key = "c7n:PublicPrimaryNodes"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("emr")
        found = []
        for cluster in resources:
            if addresses := public_addresses(client, cluster):
                cluster[self.annotation_key] = addresses
                found.append(cluster)
        return found


def public_addresses(client: Any, cluster: dict[str, Any]) -> list[str]:
    """The public addresses of a cluster's primary nodes. `cluster`: from DescribeCluster."""
    fleets = cluster.get("InstanceCollectionType") == "INSTANCE_FLEET"
    which: dict[str, Any] = {"InstanceFleetType": "MASTER"} if fleets else {"InstanceGroupTypes": ["MASTER"]}
    nodes = call(lambda: [
        node for page in client.get_paginator("list_instances").paginate(
            ClusterId=cluster["Id"], InstanceStates=["PROVISIONING", "BOOTSTRAPPING", "RUNNING"], **which)
        for node in page["Instances"]])
    return [node["PublicIpAddress"] for node in nodes if node.get("PublicIpAddress")]
