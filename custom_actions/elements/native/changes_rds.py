"""The changes that c7n's actions make in RDS, by operation.

Source: RDS's ModifyDBInstance and DescribeDBInstances; the RDS user guide, "Settings for DB instances".
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...aws import call
from ...errors import Refusal
from .change import IRREVERSIBLE, Attempt, Change, Plan, setting, unknown

INSTANCE_SETTINGS = ("AutoMinorVersionUpgrade", "DeletionProtection")
"""Settings of a database instance that RDS applies at once, without a restart, whatever `ApplyImmediately` says."""


_WAITED = "ApplyImmediately also applied what waited for the maintenance window"
_SECRETS = ("MasterUserPassword", "TdeCredentialPassword")


def _instance(attempt: Attempt) -> Change | None:
    client, name = attempt.client, attempt.parameters["DBInstanceIdentifier"]
    if secret := [key for key in _SECRETS if key in attempt.parameters]:
        raise Refusal(f"{', '.join(secret)} would be in the receipt, in plain text")
    wanted = {key: value for key, value in attempt.parameters.items() if key in INSTANCE_SETTINGS}
    if others := sorted(attempt.parameters.keys() - wanted.keys() - {"DBInstanceIdentifier", "ApplyImmediately"}):
        return unknown(attempt.call, *others)

    def describe() -> dict[str, Any]:
        [instance] = call(client.describe_db_instances, DBInstanceIdentifier=name)["DBInstances"]
        return dict(instance)

    def read(instance: Mapping[str, Any]) -> dict[str, Any]:
        return {key: instance[key] for key in wanted if key in instance}

    now = describe()
    before = read(now)
    # Without `ApplyImmediately`, so that nothing else is applied.
    inverse = attempt.undo("modify_db_instance", DBInstanceIdentifier=name, **before)
    change = setting(attempt, "Settings", lambda: read(describe()), wanted, inverse, before=before)
    waiting = sorted(now.get("PendingModifiedValues") or ())
    if change is None or not waiting or not attempt.parameters.get("ApplyImmediately"):
        return change
    return replace(change, step=replace(change.step, note=f"{IRREVERSIBLE}{_WAITED}: {', '.join(waiting)}"))


RDS: Mapping[str, Plan] = {
    "modify_db_instance": _instance,
}
