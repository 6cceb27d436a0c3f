"""Before a rollback: the settings that a fix changed, compared with its receipt."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from guardrails.runs.read_back import Comparison, observe, observe_undone

RECEIPT = {
    "action": "set-attributes", "resource_type": "aws.redshift", "resource": "c",
    "removed": [{"Settings": {"AllowVersionUpgrade": False}}], "added": [{"Settings": {"AllowVersionUpgrade": True}}]}
CALL = {"ClusterIdentifier": "c", "AllowVersionUpgrade": False}


def observed(cluster: dict[str, Any] | None, receipt: dict[str, Any] = RECEIPT, *, undone: bool = False) -> Any:
    client = SimpleNamespace(describe_clusters=lambda **_: {"Clusters": [cluster] if cluster else []})
    return (observe_undone if undone else observe)(client, "redshift", "modify_cluster", CALL, receipt)


@pytest.mark.parametrize(("now", "comparison"), [
    ({"AllowVersionUpgrade": True}, Comparison.AS_FIXED),
    ({"AllowVersionUpgrade": False}, Comparison.BACK), ({"ClusterIdentifier": "c"}, Comparison.BACK),
    ({"AllowVersionUpgrade": "neither"}, Comparison.CHANGED), (None, Comparison.UNREADABLE),
])
def test_settings_are_compared_with_the_receipt(now: dict[str, Any] | None, comparison: Comparison) -> None:
    assert observed(now).comparison is comparison


@pytest.mark.parametrize(("days", "comparison"), [
    (7, Comparison.AS_FIXED), (1, Comparison.BACK), (30, Comparison.CHANGED), (3, Comparison.CHANGED),
])
def test_a_number_that_somebody_raised_since_is_a_change(days: int, comparison: Comparison) -> None:
    receipt = {"action": "change-settings", "resource_type": "aws.rds", "resource": "d",
               "removed": [{"Settings": {"BackupRetentionPeriod": 1}}],
               "added": [{"Settings": {"BackupRetentionPeriod": 7}}]}
    client = SimpleNamespace(describe_db_instances=lambda **_: {"DBInstances": [{"BackupRetentionPeriod": days}]})
    given = {"DBInstanceIdentifier": "d", "BackupRetentionPeriod": 1}
    assert observe(client, "rds", "modify_db_instance", given, receipt).comparison is comparison


def test_after_the_rollback_the_state_before_the_fix_is_expected() -> None:
    assert observed({"AllowVersionUpgrade": False}, undone=True).comparison is Comparison.AS_FIXED


def test_a_receipt_that_does_not_say_what_the_fix_set_cannot_be_compared() -> None:
    assert observed({"AllowVersionUpgrade": True}, {**RECEIPT, "added": []}).comparison is Comparison.CHANGED
