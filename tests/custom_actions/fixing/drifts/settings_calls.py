"""Settings that one call changes and another shows."""
from __future__ import annotations

from ..cloud import Cloud
from ..faults import Drift, State
from .scenarios import described, drifts, pulled


@drifts("rds-cluster", "modify-db-cluster")
def clusters(cloud: Cloud) -> Drift:
    rds, names = cloud.client("rds"), ["one", "two"]
    for name in names:
        rds.create_db_cluster(DBClusterIdentifier=name, Engine="aurora-mysql", MasterUsername="u",
                              MasterUserPassword="password")

    def state() -> State:
        return {name: described(rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]) for name in names}

    settings = ("CopyTagsToSnapshot", "DeletionProtection")
    return Drift(
        pulled("rds-cluster", {"type": "modify-db-cluster", "attributes": dict.fromkeys(settings, True)}), names, state,
        lambda found: {name for name in settings if not found[name]})


@drifts("transit-gateway", "change-settings")
def gateways(cloud: Cloud) -> Drift:
    ec2 = cloud.client("ec2")
    names = [ec2.create_transit_gateway(Options={"AutoAcceptSharedAttachments": "enable"})[
        "TransitGateway"]["TransitGatewayId"] for _ in range(2)]

    def state() -> State:
        found = ec2.describe_transit_gateways()["TransitGateways"]
        return {each["TransitGatewayId"]: each["Options"] for each in found}

    return Drift(
        pulled("transit-gateway", {"type": "change-settings", "settings": {"AutoAcceptSharedAttachments": "disable"}}),
        names, state, lambda found: set() if found["AutoAcceptSharedAttachments"] == "disable" else {"accepts"})
