"""Groups that another system manages, and groups of another account."""
from __future__ import annotations

from pathlib import Path

import pytest

from custom_actions.elements.security_group.managed import managers
from tests import engine
from tests.moto_server import Moto

from .test_revert import FORBIDDEN, Group, policy, receipts


@pytest.mark.parametrize(("key", "told"), [
    ("aws:cloudformation:stack-name", "the CloudFormation stack prod: the stack has now drifted"),
    ("aws:eks:cluster-name", "the EKS cluster prod"),
    ("elbv2.k8s.aws/cluster", "the load balancer controller of the cluster prod"),
    ("ingress.k8s.aws/stack", "for the Ingress prod"),
    ("service.k8s.aws/stack", "for the Service prod"),
    ("kubernetes.io/cluster/blue", "the Kubernetes cluster blue"),
])
def test_the_system_is_told_by_its_tag(key: str, told: str) -> None:
    [note] = managers([{"Key": key, "Value": "prod"}, {"Key": "Name", "Value": "x"}])
    assert told in note
    assert managers([{"Key": "Name", "Value": key}]) == []


def test_a_tag_does_not_keep_a_port_open(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "k8s-web", ("tcp", 22, 22, "0.0.0.0/0"), **{"elbv2.k8s.aws/cluster": "prod"})
    engine.pull(policy(FORBIDDEN), tmp_path)
    assert group.ingress() == set()
    assert "the load balancer controller of the cluster prod" in " ".join(receipts(tmp_path)[group.id]["notes"])


def test_a_group_of_another_account_is_refused(moto: Moto, tmp_path: Path) -> None:
    group = Group(moto, "shared", ("tcp", 22, 22, "0.0.0.0/0"))
    loaded = engine.load(policy(FORBIDDEN), tmp_path)
    [resource] = [each for each in loaded.resource_manager.resources() if each["GroupId"] == group.id]
    with loaded.ctx:
        [receipt] = loaded.resource_manager.actions[0].process([{**resource, "OwnerId": "222222222222"}])
    assert receipt["outcome"] == "refused"
    assert "belongs to the account 222222222222" in receipt["reason"]
    assert group.ingress() == {"tcp 22-22 0.0.0.0/0"}
