"""Redshift's clusters and their parameters, where moto has none."""
from __future__ import annotations

import pytest

from tests.moto_server import Moto

CLUSTER = {"NodeType": "ra3.large", "MasterUsername": "u", "MasterUserPassword": "Hunter22222"}


def test_the_parameters_of_a_group_can_be_set(moto: Moto) -> None:
    redshift = moto.client("redshift")
    for name in ("changed", "as-it-was"):
        redshift.create_cluster_parameter_group(
            ParameterGroupName=name, ParameterGroupFamily="redshift-2.0", Description="x")
    redshift.modify_cluster_parameter_group(
        ParameterGroupName="changed", Parameters=[{"ParameterName": "require_ssl", "ParameterValue": "true"}])
    found = {
        name: {each["ParameterName"]: each
               for each in redshift.describe_cluster_parameters(ParameterGroupName=name)["Parameters"]}
        for name in ("changed", "as-it-was")}
    assert {key: found["changed"]["require_ssl"][key] for key in ("ParameterValue", "Source", "DataType")} == {
        "ParameterValue": "true", "Source": "user", "DataType": "boolean"}
    assert found["as-it-was"]["require_ssl"]["ParameterValue"] == "false"
    assert found["changed"]["statement_timeout"]["DataType"] == "string"
    with pytest.raises(redshift.exceptions.ClusterParameterGroupNotFoundFault):
        redshift.modify_cluster_parameter_group(ParameterGroupName="gone", Parameters=[])


def test_a_cluster_is_in_one_zone_or_two(moto: Moto) -> None:
    redshift = moto.client("redshift")
    redshift.create_cluster(ClusterIdentifier="two", MultiAZ=True, **CLUSTER)
    redshift.create_cluster(ClusterIdentifier="one", **CLUSTER)
    found = redshift.describe_clusters()["Clusters"]
    assert {each["ClusterIdentifier"]: each["MultiAZ"] for each in found} == {"two": "Enabled", "one": "Disabled"}
