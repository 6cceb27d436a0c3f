"""The changes that c7n's actions make in RDS, by operation, where more is to say than `settings_plan` says."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .change import IRREVERSIBLE, Attempt, Change, Plan, settings_plan
from .settings.databases import DB_INSTANCE

_WAITED = "ApplyImmediately also applied what waited for the maintenance window"


def _instance(attempt: Attempt) -> Change | None:
    change = settings_plan(DB_INSTANCE)(attempt)
    if change is None or not attempt.parameters.get("ApplyImmediately") or not change.step.inverse:
        return change
    found = DB_INSTANCE.describe(attempt.client, DB_INSTANCE.identity_of(attempt.parameters))
    waiting = sorted(found.get("PendingModifiedValues") or ())
    note = f"{IRREVERSIBLE}{_WAITED}: {', '.join(waiting)}"
    return replace(change, step=replace(change.step, note=note)) if waiting else change


RDS: Mapping[str, Plan] = {
    "modify_db_instance": _instance,
}
