"""What the fixes do that turn on services: decisions that no case of a policy can show."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from custom_actions.elements.account.analyzer import plan_analyzer
from custom_actions.elements.guardduty.switch import plan_feature
from custom_actions.elements.iam.attached_policy import Holder, plan_detach
from custom_actions.elements.inspector.switch import TurnOnInspectorScan, plan_scan
from custom_actions.elements.kms.deletion import plan_cancel
from custom_actions.elements.s3.lifecycle import RULE, plan_lifecycle
from custom_actions.errors import CannotRead
from custom_actions.fixing import Outcome
from tests.moto_server import ACCOUNT

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(("kind", "status", "created"), [
    ("ACCOUNT", "ACTIVE", False), ("ORGANIZATION", "CREATING", False), ("ACCOUNT_UNUSED_ACCESS", "ACTIVE", True),
])
def test_an_analyzer_is_created_where_none_works(kind: str, status: str, created: bool) -> None:
    plan = plan_analyzer([{"name": "a", "type": kind, "status": status}], "new")
    assert (bool(plan.steps), plan.cannot) == (created, "")


@pytest.mark.parametrize("status", ["DISABLED", "FAILED"])
def test_an_analyzer_that_does_not_work_is_for_a_person(status: str) -> None:
    plan = plan_analyzer([{"name": "a", "type": "ACCOUNT", "status": status}], "new")
    assert not plan.steps
    assert status in plan.cannot


def test_the_earlier_plan_for_eks_gets_its_agent_and_keeps_runtime_monitoring_out() -> None:
    features = [{"Name": "EKS_RUNTIME_MONITORING", "Status": "ENABLED"}]
    [step] = plan_feature("d", features, "RUNTIME_MONITORING", "EKS_ADDON_MANAGEMENT").steps
    assert step.call.parameters["Features"][0]["Name"] == "EKS_RUNTIME_MONITORING"
    for agent in ("", "EC2_AGENT_MANAGEMENT"):
        plan = plan_feature("d", features, "RUNTIME_MONITORING", agent)
        assert not plan.steps
        assert plan.cannot


def test_other_agents_of_a_plan_stay() -> None:
    now = [{"Name": "RUNTIME_MONITORING", "Status": "ENABLED", "AdditionalConfiguration": [
        {"Name": "EC2_AGENT_MANAGEMENT", "Status": "ENABLED", "UpdatedAt": NOW}]}]
    [step] = plan_feature("d", now, "RUNTIME_MONITORING", "EKS_ADDON_MANAGEMENT").steps
    [undo] = step.undo({})
    states = [{each["Name"]: each["Status"] for each in call.parameters["Features"][0]["AdditionalConfiguration"]}
              for call in (step.call, undo)]
    assert states == [{"EC2_AGENT_MANAGEMENT": "ENABLED", "EKS_ADDON_MANAGEMENT": "ENABLED"},
                      {"EC2_AGENT_MANAGEMENT": "ENABLED", "EKS_ADDON_MANAGEMENT": "DISABLED"}]


@pytest.mark.parametrize(("scan", "states", "types"), [
    ("lambdaCode", {}, ["LAMBDA", "LAMBDA_CODE"]), ("lambdaCode", {"lambda": "ENABLED"}, ["LAMBDA_CODE"]),
    ("ec2", {"ec2": "DISABLING"}, ["EC2"]), ("ec2", {"ec2": "ENABLING"}, []),
])
def test_a_scan_is_turned_on_with_what_it_needs(scan: str, states: dict[str, str], types: list[str]) -> None:
    assert [step.call.parameters["resourceTypes"] for step in plan_scan(ACCOUNT, states, scan).steps] == (
        [types] if types else [])


class Inspector:
    """Enables nothing, and says why."""

    def batch_get_account_status(self, accountIds: list[str]) -> Any:  # noqa: N803 - boto3's name
        return {"accounts": [{"accountId": each, "resourceState": {}} for each in accountIds]}

    def enable(self, **_: Any) -> Any:
        return {"accounts": [], "failedAccounts": [
            {"errorCode": "ACCESS_DENIED", "errorMessage": "ask the administrator"}]}


def test_the_reason_of_inspector_is_in_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))
    manager = SimpleNamespace(config=SimpleNamespace(account_id=ACCOUNT, region="us-east-1"))
    fix = TurnOnInspectorScan({"type": "turn-on-inspector-scan", "scan": "ec2"}, manager)
    [result] = fix.fix(SimpleNamespace(client=lambda service: Inspector()), {"account_id": ACCOUNT})
    assert result.outcome is Outcome.FAILED
    assert "ask the administrator" in result.reason
    assert not result.inverse


def test_an_account_that_inspector_does_not_tell_of_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*_: Any) -> Any:
        raise CannotRead("no answer")

    monkeypatch.setattr("custom_actions.elements.inspector.switch.states_of", cannot)
    manager = SimpleNamespace(config=SimpleNamespace(account_id=ACCOUNT, region="us-east-1"))
    fix = TurnOnInspectorScan({"type": "turn-on-inspector-scan", "scan": "ec2"}, manager)
    [result] = fix.fix(SimpleNamespace(client=lambda service: Inspector()), {"account_id": ACCOUNT})
    assert (result.outcome, result.reason) == (Outcome.FAILED, "no answer")


@pytest.mark.parametrize(("left", "window"), [(3, 7), (12, 12), (40, 30)])
def test_a_rollback_schedules_the_deletion_with_what_is_left(left: int, window: int) -> None:
    key = {"KeyId": "k", "KeyState": "PendingDeletion", "DeletionDate": NOW + timedelta(days=left)}
    [undo] = plan_cancel(key, NOW).steps[0].undo({})
    assert undo.parameters["PendingWindowInDays"] == window


def test_a_primary_key_that_waits_for_its_replicas_is_for_a_person() -> None:
    plan = plan_cancel({"KeyId": "k", "KeyState": "PendingReplicaDeletion"}, NOW)
    assert not plan.steps
    assert plan.cannot


def test_a_rule_of_ours_that_is_disabled_is_replaced_and_the_smallest_size_stays() -> None:
    now = {"TransitionDefaultMinimumObjectSize": "varies_by_storage_class", "LifecycleConfiguration": {"Rules": [
        {"ID": "own", "Status": "Disabled"}, {"ID": RULE, "Status": "Disabled"}]}}
    [step] = plan_lifecycle("b", now, 7).steps
    assert [each["ID"] for each in step.call.parameters["LifecycleConfiguration"]["Rules"]] == ["own", RULE]
    assert step.call.parameters["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    [undo] = step.undo({})
    assert undo.parameters == {"Bucket": "b", **now}


def test_a_protected_role_keeps_the_policy_and_does_not_stop_the_others() -> None:
    plan = plan_detach("arn", [Holder("Role", "sso"), Holder("User", "u")], {"sso": "it is AWS's"})
    assert [step.call.parameters for step in plan.steps] == [{"UserName": "u", "PolicyArn": "arn"}]
    assert plan.cannot == "role sso: it is AWS's"
