"""`exposed-cluster-port`: what no case of a policy can make."""
from __future__ import annotations

from pathlib import Path

import pytest
from c7n.exceptions import PolicyValidationError

from tests import engine
from tests.moto_server import Moto

from .test_elements import open_group

POLICY = {"name": "p", "resource": "aws.redshift", "filters": ["exposed-cluster-port"]}


def test_the_rule_is_kept_on_the_cluster(moto: Moto, tmp_path: Path) -> None:
    group = open_group(moto, "warehouse", 5439)
    moto.client("redshift").create_cluster(
        ClusterIdentifier="c", NodeType="ra3.large", MasterUsername="u", MasterUserPassword="Hunter22222",
        VpcSecurityGroupIds=[group])
    [found] = engine.pull(POLICY, tmp_path, dryrun=True)
    assert found["c7n:ExposedClusterPort"] == [f"{group}: tcp 5439 from 0.0.0.0/0"]


def test_a_share_that_is_none(moto: Moto, tmp_path: Path) -> None:
    wrong = {**POLICY, "filters": [{"type": "exposed-cluster-port", "world-share": "all"}]}
    with pytest.raises(PolicyValidationError, match="not a share"):
        engine.load(wrong, tmp_path).validate()
