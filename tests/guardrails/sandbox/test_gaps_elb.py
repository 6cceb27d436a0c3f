"""Attributes of classic load balancers: one that is changed changes no other."""
from __future__ import annotations

from tests.moto_server import Moto

DESYNC, OTHER = "elb.http.desyncmitigationmode", "elb.http.other"


def test_other_attributes_stay(moto: Moto) -> None:
    elb = moto.client("elb")
    elb.create_load_balancer(LoadBalancerName="one", AvailabilityZones=["us-east-1a"], Listeners=[
        {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}])

    def additional(**attributes: object) -> dict[str, str]:
        elb.modify_load_balancer_attributes(LoadBalancerName="one", LoadBalancerAttributes=attributes)
        found = elb.describe_load_balancer_attributes(LoadBalancerName="one")["LoadBalancerAttributes"]
        return {each["Key"]: each["Value"] for each in found["AdditionalAttributes"]}

    assert additional(CrossZoneLoadBalancing={"Enabled": True}) == {}
    assert additional(AdditionalAttributes=[{"Key": DESYNC, "Value": "monitor"}]) == {DESYNC: "monitor"}
    assert additional(AdditionalAttributes=[{"Key": OTHER, "Value": "x"}]) == {DESYNC: "monitor", OTHER: "x"}
    assert additional(ConnectionDraining={"Enabled": True}) == {DESYNC: "monitor", OTHER: "x"}
