"""What backdating changes is what the API says afterwards; a path that is wrong fails."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from guardrails.sandbox import Sandbox
from guardrails.sandbox.backdate import backdate
from guardrails.sandbox.errors import SandboxError
from tests.moto_server import ACCOUNT, REGION, Moto


def test_the_api_tells_the_new_date(moto: Moto) -> None:
    moto.client("iam").create_user(UserName="u")
    key = moto.client("iam").create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
    volume = moto.client("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
    instance = moto.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)
    reservation = instance["ReservationId"]
    for path in (
        f"iam.access_keys.{key}.create_date", f"ec2.volumes.{volume}.create_time",
        f"ec2.reservations.{reservation}.instances.0.launch_time",
    ):
        backdate(path, 100.5, account=ACCOUNT, region=REGION)
    dates = [
        moto.client("iam").list_access_keys(UserName="u")["AccessKeyMetadata"][0]["CreateDate"],
        moto.client("ec2").describe_volumes(VolumeIds=[volume])["Volumes"][0]["CreateTime"],
        moto.client("ec2").describe_instances()["Reservations"][0]["Instances"][0]["LaunchTime"],
    ]
    expected = datetime.now(UTC) - timedelta(days=100.5)
    assert all(abs(date - expected) < timedelta(minutes=5) for date in dates)


@pytest.mark.parametrize("path", ["ec2.volumes.vol-0.create_time", "ec2.volumes", "ec2.nothing.at_all"])
def test_what_is_no_date_is_refused(moto: Moto, path: str) -> None:
    with pytest.raises(LookupError, match=path):
        backdate(path, 1, account=ACCOUNT, region=REGION)


def test_a_sandbox_makes_dates_old_and_its_config_sees_it(sandbox: Sandbox, account: str) -> None:
    ec2 = sandbox.client("ec2", account)
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    sandbox.backdate(f"ec2.volumes.{volume}.create_time", 40, account=account)
    [seen] = ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
    assert (datetime.now(UTC) - seen["CreateTime"]).days == 40
    with pytest.raises(SandboxError, match=r"nothing was made older: .*no vol-none"):
        sandbox.backdate("ec2.volumes.vol-none.create_time", 40, account=account)
