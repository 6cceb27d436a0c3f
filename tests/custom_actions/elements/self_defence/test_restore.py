"""`restore-own-resource` run by c7n, against moto and an event history that the test provides."""
from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from custom_actions.elements.self_defence.plan import function_name
from custom_actions.fixing.receipt import FixIncomplete
from tests import engine
from tests.custom_actions.fixing.cloud import Cloud, event, policy, receipts, record
from tests.moto_server import ACCOUNT, Moto

from .deployed import ACTION, FUNCTION, NAME, PERMISSION, RULE, TARGET, deploy


@pytest.fixture
def cloud(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """With our rule and function, as a deployment makes them."""
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))
    deploy(moto.client)
    return Cloud(moto, monkeypatch)


def push(cloud: Cloud, tmp_path: Path, made: dict[str, Any], *, forged: bool = False, fails: bool = False) -> Any:
    cloud.calls.clear()
    service = made["eventSource"].partition(".")[0]
    data = policy("account", ACTION, service, (made["eventName"], "recipientAccountId"))
    with pytest.raises(FixIncomplete) if fails else nullcontext():
        engine.push(data, tmp_path, event(made, forged=forged))
    found = receipts(tmp_path, "restore-own-resource")
    return found[0] if found else None


def added(name: str, request: dict[str, Any], *, role: str = "guardrails-deploy", minutes_ago: float = 60) -> Any:
    source = "events" if name == "PutTargets" else "lambda"
    return record(name, request, source=source, role=role, minutes_ago=minutes_ago)


def undo(cloud: Cloud, receipt: dict[str, Any]) -> None:
    for each in receipt["inverse"]:
        getattr(cloud.client(each["service"]), each["operation"])(**each["parameters"])


@pytest.mark.parametrize("made", [
    record("DisableRule", {"name": NAME}, source="events"),
    record("PutRule", {"name": NAME, "state": "DISABLED", "eventBusName": "default"}, source="events"),
])
def test_a_rule_is_enabled(cloud: Cloud, tmp_path: Path, made: dict[str, Any]) -> None:
    events = cloud.client("events")
    events.disable_rule(Name=NAME)
    # It switches a safeguard on: nothing has to confirm the event.
    receipt = push(cloud, tmp_path, made, forged=True)
    assert (receipt["resource"], receipt["resource_type"], receipt["outcome"]) == (RULE, "aws.event-rule", "reverted")
    assert events.describe_rule(Name=NAME)["State"] == "ENABLED"
    undo(cloud, receipt)
    assert events.describe_rule(Name=NAME)["State"] == "DISABLED"


def test_a_rule_of_another_project_is_not_changed(cloud: Cloud, tmp_path: Path) -> None:
    cloud.client("events").put_rule(Name="nightly", EventPattern='{"source": ["aws.ec2"]}', State="DISABLED")
    for name in ("nightly", "x/custodian-x"):
        assert push(cloud, tmp_path, record("DisableRule", {"name": name}, source="events")) is None
    on_a_bus = record("DisableRule", {"name": NAME, "eventBusName": "shop"}, source="events")
    assert push(cloud, tmp_path, on_a_bus) is None
    assert cloud.changes() == []


def test_only_a_reserved_concurrency_of_zero_is_removed(cloud: Cloud, tmp_path: Path) -> None:
    functions = cloud.client("lambda")
    made = record("PutFunctionConcurrency20171031", {"functionName": f"{FUNCTION}:live"}, source="lambda")
    functions.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=5)
    assert push(cloud, tmp_path, made)["outcome"] == "already-ok"
    functions.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=0)
    receipt = push(cloud, tmp_path, made)
    assert (receipt["resource"], receipt["outcome"]) == (FUNCTION, "reverted")
    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName=NAME)
    undo(cloud, receipt)
    assert functions.get_function_concurrency(FunctionName=NAME)["ReservedConcurrentExecutions"] == 0


def targets(cloud: Cloud) -> dict[str, str]:
    found = cloud.client("events").list_targets_by_rule(Rule=NAME)["Targets"]
    return {target["Id"]: target["Arn"] for target in found}


REMOVED = {"rule": NAME, "ids": [NAME]}


def test_a_removed_target_is_added_again_as_it_was_deployed(cloud: Cloud, tmp_path: Path) -> None:
    strange = {"rule": NAME, "targets": [{"id": NAME, "arn": FUNCTION.replace("custodian-x", "custodian-evil")}]}
    cloud.history = [added("PutTargets", TARGET), added("PutTargets", strange, role="eve", minutes_ago=5)]
    receipt = push(cloud, tmp_path, record("RemoveTargets", REMOVED, source="events"))
    assert receipt["outcome"] == "reverted"
    assert targets(cloud) == {NAME: FUNCTION}
    undo(cloud, receipt)
    assert targets(cloud) == {}


@pytest.mark.parametrize(("history", "forged", "fails"), [
    ([], False, False),
    ([added("PutTargets", TARGET, role="eve")], False, False),
    ([added("PutTargets", {"rule": "custodian-y", "targets": TARGET["targets"]})], False, False),
    ([added("PutTargets", {**TARGET, "eventBusName": "shop"})], False, False),
    ([added("PutTargets", {"rule": NAME, "targets": [{"id": NAME, "arn": "arn:aws:lambda:us-east-1:9:function:e"}]})],
     False, False),
    ([added("PutTargets", {"rule": NAME, "targets": [{**TARGET["targets"][0], "roleArn": "r"}]})], False, False),
    ([added("PutTargets", TARGET)], True, False),  # nothing confirms the event
])
def test_a_target_without_a_deployment_is_not_added(
    cloud: Cloud, tmp_path: Path, history: list[Any], forged: bool, fails: bool
) -> None:
    cloud.history = history
    receipt = push(cloud, tmp_path, record("RemoveTargets", REMOVED, source="events"), forged=forged, fails=fails)
    assert receipt["outcome"] == "refused"
    assert cloud.changes() == [] and targets(cloud) == {}


def permissions(cloud: Cloud) -> list[Any]:
    functions = cloud.client("lambda")
    try:
        return list(json.loads(functions.get_policy(FunctionName=NAME)["Policy"])["Statement"])
    except functions.exceptions.ResourceNotFoundException:
        return []


REMOVAL = record("RemovePermission20150331v2", {"functionName": NAME, "statementId": NAME}, source="lambda")


def test_a_removed_permission_is_added_again_as_it_was_deployed(cloud: Cloud, tmp_path: Path) -> None:
    cloud.history = [added("AddPermission20150331v2", PERMISSION)]
    receipt = push(cloud, tmp_path, REMOVAL)
    assert (receipt["resource"], receipt["outcome"]) == (FUNCTION, "reverted")
    [statement] = permissions(cloud)
    assert (statement["Sid"], statement["Principal"]) == (NAME, {"Service": "events.amazonaws.com"})
    undo(cloud, receipt)
    assert permissions(cloud) == []


@pytest.mark.parametrize("history", [
    [],
    [added("AddPermission20150331v2", PERMISSION, role="eve")],
    [added("AddPermission20150331v2", {**PERMISSION, "statementId": "other"})],
    [added("AddPermission20150331v2", {**PERMISSION, "functionName": "custodian-y"})],
    [added("AddPermission20150331v2", {**PERMISSION, "principal": "*"})],
    [added("AddPermission20150331v2", {**PERMISSION, "principal": "999988887777"})],
    [added("AddPermission20150331v2", {**PERMISSION, "action": "lambda:*"})],
    [added("AddPermission20150331v2", {**PERMISSION, "sourceArn": "arn:aws:events:us-east-1:999988887777:rule/x"})],
    [added("AddPermission20150331v2", {**PERMISSION, "sourceArn": ""})],  # any account's rules
])
def test_a_permission_without_a_deployment_is_not_added(cloud: Cloud, tmp_path: Path, history: list[Any]) -> None:
    cloud.history = history
    assert push(cloud, tmp_path, REMOVAL)["outcome"] == "refused"
    assert cloud.changes() == [] and permissions(cloud) == []


def test_a_permission_is_not_added_after_a_forged_event(cloud: Cloud, tmp_path: Path) -> None:
    cloud.history = [added("AddPermission20150331v2", PERMISSION)]
    forged = record("RemovePermission20150331v2", {"functionName": NAME, "statementId": NAME}, source="lambda")
    assert push(cloud, tmp_path, forged, forged=True)["outcome"] == "refused"
    assert permissions(cloud) == []


@pytest.mark.parametrize(("name", "request_"), [
    ("DisableRule", {"name": "custodian-gone"}), ("RemoveTargets", {"rule": "custodian-gone", "ids": ["a"]}),
    ("PutFunctionConcurrency20171031", {"functionName": "custodian-gone"}),
])
def test_a_deleted_resource_is_refused(cloud: Cloud, tmp_path: Path, name: str, request_: dict[str, Any]) -> None:
    source = "lambda" if "functionName" in request_ else "events"
    receipt = push(cloud, tmp_path, record(name, request_, source=source))
    assert (receipt["outcome"], receipt["reason"]) == (
        "refused", "custodian-gone no longer exists: deploy its policy again")


def test_an_error_of_aws_fails_the_fix(cloud: Cloud, tmp_path: Path) -> None:
    cloud.client("events").disable_rule(Name=NAME)
    cloud.denied.add("EnableRule")
    receipt = push(cloud, tmp_path, record("DisableRule", {"name": NAME}, source="events"), fails=True)
    assert receipt["outcome"] == "failed"


@pytest.mark.parametrize("given", [
    NAME, f"{NAME}:live", FUNCTION, f"{FUNCTION}:7", f"{ACCOUNT}:{NAME}", f"{ACCOUNT}:function:{NAME}:live",
    f"function:{NAME}", f"us-east-1:{ACCOUNT}:function:{NAME}",
])
def test_the_name_of_a_function(given: str) -> None:
    assert function_name(given) == NAME


def test_someone_else_added_the_permission_in_the_meantime(cloud: Cloud, tmp_path: Path) -> None:
    functions = cloud.client("lambda")
    statement = {"FunctionName": NAME, "StatementId": NAME, "Action": "lambda:InvokeFunction",
                 "Principal": "events.amazonaws.com", "SourceArn": RULE}
    functions.add_permission(**statement)
    with pytest.raises(functions.exceptions.ResourceConflictException):
        functions.add_permission(**statement)
    cloud.history = [added("AddPermission20150331v2", PERMISSION)]
    assert push(cloud, tmp_path, REMOVAL)["outcome"] == "already-ok"
    assert len(permissions(cloud)) == 1
