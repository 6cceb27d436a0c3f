"""Which logs a database exports, and which ones the fix adds."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.elements.rds.log_exports import ExportLogs, exported, of_engine, plan_exports
from custom_actions.errors import Refusal
from custom_actions.fixing import Call

IDENTITY = {"DBInstanceIdentifier": "d"}
LOGS = {"oracle-*": ["alert"], "postgres": ["postgresql", "upgrade"]}


@pytest.mark.parametrize(("pending", "expected"), [
    (None, {"upgrade"}), ({}, {"upgrade"}),
    ({"LogTypesToEnable": ["postgresql"]}, {"postgresql", "upgrade"}),
    ({"LogTypesToDisable": ["upgrade"]}, set()),
])
def test_changes_that_wait_count(pending: Any, expected: set[str]) -> None:
    assert exported({
        "EnabledCloudwatchLogsExports": ["upgrade"],
        "PendingModifiedValues": pending and {"PendingCloudwatchLogsExports": pending}}) == expected


def test_only_missing_logs_are_added_and_stopped_again() -> None:
    [step] = plan_exports("modify_db_instance", IDENTITY, {
        "Engine": "postgres", "EnabledCloudwatchLogsExports": ["upgrade", "iam-db-auth-error"]}, LOGS).steps
    assert step.call == Call("rds", "modify_db_instance", {
        **IDENTITY, "CloudwatchLogsExportConfiguration": {"EnableLogTypes": ["postgresql"]}})
    assert step.inverse == Call("rds", "modify_db_instance", {
        **IDENTITY, "CloudwatchLogsExportConfiguration": {"DisableLogTypes": ["postgresql"]}})


def test_a_database_that_exports_them_all_is_left() -> None:
    database = {"Engine": "oracle-ee", "EnabledCloudwatchLogsExports": ["alert", "trace"]}
    assert not plan_exports("modify_db_instance", IDENTITY, database, LOGS).steps


def test_an_engine_that_the_policy_does_not_name_is_refused() -> None:
    with pytest.raises(Refusal, match="the policy names no logs of the engine mysql"):
        of_engine(LOGS, "mysql")


@pytest.mark.parametrize(("change", "valid"), [
    ({"DisableLogTypes": ["postgresql"]}, True), ({"DisableLogTypes": ["upgrade"]}, False),
    ({"DisableLogTypes": []}, False), ({"DisableLogTypes": "postgresql"}, False),
    ({"EnableLogTypes": ["postgresql"]}, False), ("postgresql", False),
])
def test_a_receipt_can_only_stop_logs_that_the_fix_added(change: Any, *, valid: bool) -> None:
    [inverse] = ExportLogs.inverses
    receipt = {"resource": "d", "added": [{"LogExports": ["postgresql"]}]}
    found = inverse.problem({**IDENTITY, "CloudwatchLogsExportConfiguration": change}, receipt)
    assert (not found) is valid
