"""Databases as AWS shows them, where moto does not."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.moto_server import Moto


def test_the_latest_restorable_time_is_that_of_the_last_log(moto: Moto) -> None:
    rds = moto.client("rds")
    common = {"DBInstanceClass": "db.t4g.small", "Engine": "mysql", "AllocatedStorage": 10, "MasterUsername": "u",
              "MasterUserPassword": "hunter22222"}
    rds.create_db_instance(DBInstanceIdentifier="kept", BackupRetentionPeriod=7, **common)
    rds.create_db_instance(DBInstanceIdentifier="unkept", BackupRetentionPeriod=0, **common)
    found = {each["DBInstanceIdentifier"]: each for each in rds.describe_db_instances()["DBInstances"]}
    latest = found["kept"]["LatestRestorableTime"]
    assert (latest.minute % 5, latest.second, latest.microsecond) == (0, 0, 0)
    assert timedelta(0) <= datetime.now(UTC) - latest < timedelta(minutes=6)
    assert "LatestRestorableTime" not in found["unkept"]
