"""`made-by`: a name counts only if the event history shows that an approved role created the group."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from c7n.exceptions import PolicyValidationError

from tests import engine
from tests.custom_actions.fixing.cloud import Cloud, record
from tests.moto_server import ACCOUNT, Moto

from .test_revert import Group

CONTROLLER = f"arn:aws:iam::{ACCOUNT}:role/controller"


def created(group: Group, role: str) -> dict[str, Any]:
    return record("CreateSecurityGroup", {}, {"groupId": group.id}, source="ec2", role=role, minutes_ago=60)


@pytest.fixture
def cloud(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return Cloud(moto, monkeypatch)


def found(tmp_path: Path, names: Any = ("k8s-*",), roles: Any = (CONTROLLER,)) -> set[str]:
    data = {"name": "p", "resource": "aws.security-group", "filters": [
        {"type": "made-by", "names": list(names), "roles": list(roles)}]}
    return {group["GroupName"] for group in engine.pull(data, tmp_path)}


def test_the_name_and_the_creator_must_match(moto: Moto, cloud: Cloud, tmp_path: Path) -> None:
    ours, attacker, unknown, other = (
        Group(moto, name) for name in ("k8s-ours", "k8s-attacker", "k8s-unknown", "web"))
    cloud.history = [created(ours, "controller"), created(attacker, "attacker"), created(other, "controller")]
    assert unknown.id
    assert found(tmp_path) == {"k8s-ours"}


def test_when_the_history_cannot_be_read_nothing_is_exempt(moto: Moto, cloud: Cloud, tmp_path: Path) -> None:
    cloud.history = [created(Group(moto, "k8s-ours"), "controller")]
    cloud.denied.add("LookupEvents")
    assert found(tmp_path) == set()


def test_empty_lists_match_nothing_and_call_nobody(moto: Moto, cloud: Cloud, tmp_path: Path) -> None:
    cloud.history = [created(Group(moto, "k8s-ours"), "controller")]
    assert found(tmp_path, names=()) == set()
    assert found(tmp_path, roles=()) == set()
    assert "LookupEvents" not in [operation for operation, _ in cloud.calls]


@pytest.mark.parametrize("wrong", [{"names": ["*"]}, {"roles": ["*"]}, {"names": "k8s-*"}])
def test_a_list_must_not_match_everything(moto: Moto, tmp_path: Path, wrong: dict[str, Any]) -> None:
    entry = {"type": "made-by", "names": ["k8s-*"], "roles": [CONTROLLER], **wrong}
    with pytest.raises(PolicyValidationError, match="made-by"):
        engine.load({"name": "p", "resource": "aws.security-group", "filters": [entry]}, tmp_path)
