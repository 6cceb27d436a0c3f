"""Which logs of a control plane are turned on."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.elements.eks.logs import plan_logs
from custom_actions.errors import Refusal
from custom_actions.fixing import FixPlan


def cluster(*on: str, status: str = "ACTIVE") -> dict[str, Any]:
    return {"name": "c", "status": status, "logging": {"clusterLogging": [
        {"types": list(on), "enabled": True}, {"types": ["scheduler"], "enabled": False}]}}


@pytest.mark.parametrize(("on", "turned_on"), [
    ((), ["api", "audit"]), (("api", "controllerManager"), ["audit"]), (("audit", "api"), None)])
def test_only_missing_logs_are_named(on: tuple[str, ...], turned_on: list[str] | None) -> None:
    steps = plan_logs(cluster(*on), ["audit", "api"], again=False).steps
    assert [step.call.parameters["logging"] for step in steps] == (
        [{"clusterLogging": [{"types": turned_on, "enabled": True}]}] if turned_on else [])
    assert [call.parameters["logging"] for step in steps for call in step.undo({})] == (
        [{"clusterLogging": [{"types": turned_on, "enabled": False}]}] if turned_on else [])


def test_a_cluster_without_settings_writes_no_log() -> None:
    assert plan_logs({"name": "c", "status": "ACTIVE"}, ["audit"], again=False).steps


def test_a_cluster_that_is_being_updated_is_refused_unless_the_update_is_ours() -> None:
    with pytest.raises(Refusal, match="the cluster is UPDATING"):
        plan_logs(cluster(status="UPDATING"), ["audit"], again=False)
    assert plan_logs(cluster(status="UPDATING"), ["audit"], again=True) == FixPlan()
    with pytest.raises(Refusal, match="the cluster is DELETING"):
        plan_logs(cluster(status="DELETING"), ["audit"], again=True)
