"""Instances as AWS makes them, where moto does not."""
from __future__ import annotations

import pytest

from tests.moto_server import ACCOUNT, Moto


@pytest.mark.parametrize("profile", [{"Name": "p"}, {"Arn": f"arn:aws:iam::{ACCOUNT}:instance-profile/p"}])
def test_every_instance_of_a_call_has_the_profile(moto: Moto, profile: dict[str, str]) -> None:
    arn = moto.client("iam").create_instance_profile(InstanceProfileName="p")["InstanceProfile"]["Arn"]
    ec2 = moto.client("ec2")
    image = ec2.describe_images(Filters=[{"Name": "owner-id", "Values": ["801119661308"]}])["Images"][0]["ImageId"]
    made = ec2.run_instances(ImageId=image, MinCount=3, MaxCount=3, IamInstanceProfile=profile)["Instances"]
    described = ec2.describe_instances(InstanceIds=[each["InstanceId"] for each in made])["Reservations"]
    for instances in (made, [each for reservation in described for each in reservation["Instances"]]):
        assert [each["IamInstanceProfile"]["Arn"] for each in instances] == [arn] * 3


def test_without_a_profile_there_is_none(moto: Moto) -> None:
    ec2 = moto.client("ec2")
    image = ec2.describe_images(Filters=[{"Name": "owner-id", "Values": ["801119661308"]}])["Images"][0]["ImageId"]
    made = ec2.run_instances(ImageId=image, MinCount=2, MaxCount=2)["Instances"]
    assert not any("IamInstanceProfile" in each for each in made)


def test_options_of_the_metadata_that_a_call_does_not_name_stay(moto: Moto) -> None:
    """Source: EC2's ModifyInstanceMetadataOptions: "If no parameter is specified, the existing state is maintained"."""
    ec2 = moto.client("ec2")
    image = ec2.describe_images(Filters=[{"Name": "owner-id", "Values": ["801119661308"]}])["Images"][0]["ImageId"]
    [instance] = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, MetadataOptions={
        "HttpTokens": "optional", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 2})["Instances"]
    ec2.modify_instance_metadata_options(InstanceId=instance["InstanceId"], HttpTokens="required")
    [found] = ec2.describe_instances()["Reservations"][0]["Instances"]
    now = {key: found["MetadataOptions"].get(key) for key in ("HttpTokens", "HttpEndpoint", "HttpPutResponseHopLimit")}
    assert now == {"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 2}


def test_lists_of_launch_templates_show_all(moto: Moto) -> None:
    ec2 = moto.client("ec2")
    for number in range(20):
        ec2.create_launch_template(LaunchTemplateName=f"web-{number}", LaunchTemplateData={"ImageId": "ami-1"})
        ec2.create_launch_template_version(LaunchTemplateName="web-0", LaunchTemplateData={"ImageId": "ami-2"})
    assert len(ec2.describe_launch_templates()["LaunchTemplates"]) == 20
    assert len(ec2.describe_launch_template_versions(LaunchTemplateName="web-0")["LaunchTemplateVersions"]) == 21
