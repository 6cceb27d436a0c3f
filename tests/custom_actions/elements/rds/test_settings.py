"""Settings of databases whose change waits for the maintenance window."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from custom_actions.elements.rds.monitoring import plan_monitoring
from custom_actions.elements.rds.settings import ChangeDatabase, ChangeDBCluster
from custom_actions.elements.redshift.settings import ChangeRedshift

NAMES = ["BackupRetentionPeriod", "EnableIAMDatabaseAuthentication"]


@pytest.mark.parametrize(("pending", "expected"), [
    (None, [0, False]), ({}, [0, False]),
    ({"BackupRetentionPeriod": 7, "IAMDatabaseAuthenticationEnabled": True}, [7, True]),
])
@pytest.mark.parametrize(("action", "answer"), [(ChangeDatabase, "DBInstance"), (ChangeDBCluster, "DBCluster")])
def test_a_change_that_waits_counts_as_made(action: Any, answer: str, pending: Any, expected: list[Any]) -> None:
    known = action.settings_call
    found = {"BackupRetentionPeriod": 0, "PendingModifiedValues": pending}
    client = SimpleNamespace(**{
        f"describe_db_{answer[2:].lower()}s": lambda **_: {f"{answer}s": [found]}})
    now = known.now(client, {f"{answer}Identifier": "d"}, NAMES)
    assert [now[name] for name in NAMES] == expected


@pytest.mark.parametrize("action", [ChangeDatabase, ChangeDBCluster])
def test_backups_never_become_fewer(action: Any) -> None:
    known = action.settings_call
    assert not known.differing({"BackupRetentionPeriod": 30}, {"BackupRetentionPeriod": 7})
    assert known.differing({"BackupRetentionPeriod": 1}, {"BackupRetentionPeriod": 7})


def test_snapshots_never_become_fewer() -> None:
    known = ChangeRedshift.settings_call
    assert not known.differing({"AutomatedSnapshotRetentionPeriod": 30}, {"AutomatedSnapshotRetentionPeriod": 7})


def test_an_instance_with_monitoring_keeps_its_interval() -> None:
    identity = {"DBInstanceIdentifier": "d"}
    assert not plan_monitoring(identity, 15, 60, "role").steps
    [step] = plan_monitoring(identity, 0, 60, "role").steps
    assert step.call.parameters == {**identity, "MonitoringRoleArn": "role", "MonitoringInterval": 60}
    [undo] = step.undo({})
    assert undo.parameters == {**identity, "MonitoringInterval": 0}
