"""What was added to moto's EKS, as AWS has it."""
from __future__ import annotations

from tests.moto_server import Moto


def test_logs_that_a_call_does_not_name_stay(moto: Moto) -> None:
    eks = moto.client("eks")
    eks.create_cluster(
        name="c", roleArn="arn:aws:iam::123456789012:role/eks", resourcesVpcConfig={"subnetIds": []},
        logging={"clusterLogging": [{"types": ["api", "scheduler"], "enabled": True}]})
    for types, enabled in ((["audit"], True), (["scheduler"], False)):
        eks.update_cluster_config(name="c", logging={"clusterLogging": [{"types": types, "enabled": enabled}]})
    assert eks.describe_cluster(name="c")["cluster"]["logging"]["clusterLogging"] == [
        {"types": ["api", "audit"], "enabled": True}, {"types": ["scheduler"], "enabled": False}]
