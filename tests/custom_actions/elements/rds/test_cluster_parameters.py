"""`cluster-parameter`: groups of clusters and of instances can have one name, and are not mixed up."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from c7n.config import Config
from c7n.policy import PolicyCollection
from c7n.resources import load_resources
from c7n.resources.aws import AWS

from tests.moto_server import ACCOUNT, REGION, Moto


def found(kind: str, filter_: dict[str, Any], output: Path) -> list[str]:
    """The resources that match, in a run with c7n's cache file, which later runs share."""
    load_resources([kind])
    policy = {"name": f"of-{kind.rpartition('.')[2]}", "resource": kind, "filters": [filter_]}
    options = AWS().initialize(Config.empty(
        region=REGION, account_id=ACCOUNT, output_dir=str(output), dryrun=True, cache=str(output / "cache"),
        cache_period=15))
    [loaded] = PolicyCollection.from_data({"policies": [policy]}, options)
    key = "DBInstanceIdentifier" if kind == "aws.rds" else "DBClusterIdentifier"
    return [str(each[key]) for each in loaded()]


@pytest.mark.parametrize("first", ["aws.rds", "aws.rds-cluster"])
def test_groups_of_one_name(moto: Moto, tmp_path: Path, first: str) -> None:
    rds = moto.client("rds")
    rds.create_db_parameter_group(DBParameterGroupName="same", DBParameterGroupFamily="mysql8.0", Description="x")
    rds.modify_db_parameter_group(DBParameterGroupName="same", Parameters=[
        {"ParameterName": "p", "ParameterValue": "of-instances", "ApplyMethod": "immediate", "DataType": "string"}])
    rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName="same", DBParameterGroupFamily="aurora-mysql8.0", Description="x")
    rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName="same", Parameters=[
        {"ParameterName": "p", "ParameterValue": "of-clusters", "ApplyMethod": "immediate", "DataType": "string"}])
    rds.create_db_instance(
        DBInstanceIdentifier="i", DBInstanceClass="db.t3.micro", Engine="mysql", DBParameterGroupName="same")
    rds.create_db_cluster(
        DBClusterIdentifier="c", Engine="aurora-mysql", MasterUsername="me", MasterUserPassword="password",
        DBClusterParameterGroupName="same")

    def of(kind: str, value: str) -> list[str]:
        name = "db-parameter" if kind == "aws.rds" else "cluster-parameter"
        return found(kind, {"type": name, "key": "p", "value": value}, tmp_path)

    expected = {"aws.rds": ("of-instances", "i"), "aws.rds-cluster": ("of-clusters", "c")}
    for kind in (first, *({*expected} - {first})):
        value, name = expected[kind]
        assert of(kind, value) == [name]
        assert of(kind, "of-nobody") == []
