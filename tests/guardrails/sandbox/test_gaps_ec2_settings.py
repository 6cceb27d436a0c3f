"""Settings of a region in EC2, as its API reference documents them."""
from __future__ import annotations

from tests.moto_server import Moto


def test_the_block_of_public_images(moto: Moto) -> None:
    ec2 = moto.client("ec2")

    def state() -> str:
        return str(ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"])

    assert state() == "unblocked"
    ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    assert state() == "block-new-sharing"
    ec2.disable_image_block_public_access()
    assert state() == "unblocked"


def test_defaults_of_the_metadata_service(moto: Moto) -> None:
    ec2 = moto.client("ec2")

    def defaults() -> object:
        return ec2.get_instance_metadata_defaults()["AccountLevel"]

    assert defaults() == {"ManagedBy": "account"}
    ec2.modify_instance_metadata_defaults(HttpTokens="required", HttpPutResponseHopLimit=2)
    ec2.modify_instance_metadata_defaults(HttpEndpoint="enabled", HttpPutResponseHopLimit=-1)
    assert defaults() == {"HttpTokens": "required", "HttpEndpoint": "enabled", "ManagedBy": "account"}
    ec2.modify_instance_metadata_defaults(HttpTokens="no-preference")
    assert defaults() == {"HttpEndpoint": "enabled", "ManagedBy": "account"}


def test_vpc_block_public_access(moto: Moto) -> None:
    ec2 = moto.client("ec2")
    before = ec2.describe_vpc_block_public_access_options()["VpcBlockPublicAccessOptions"]
    assert (before["InternetGatewayBlockMode"], before["State"]) == ("off", "default-state")
    ec2.modify_vpc_block_public_access_options(InternetGatewayBlockMode="block-ingress")
    after = ec2.describe_vpc_block_public_access_options()["VpcBlockPublicAccessOptions"]
    assert (after["InternetGatewayBlockMode"], after["AwsRegion"]) == ("block-ingress", "us-east-1")
