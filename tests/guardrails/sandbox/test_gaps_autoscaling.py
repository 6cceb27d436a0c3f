"""Launch configurations in the sandbox."""
from __future__ import annotations

from tests.moto_server import Moto


def test_a_launch_configuration_lists_no_groups_of_classic_link(moto: Moto) -> None:
    autoscaling = moto.client("autoscaling")
    autoscaling.create_launch_configuration(LaunchConfigurationName="c", ImageId="ami-1", InstanceType="t3.micro")
    [found] = autoscaling.describe_launch_configurations()["LaunchConfigurations"]
    assert found["ClassicLinkVPCSecurityGroups"] == []
