"""The calls with which c7n's actions change settings, one module for each group of services.

Each names the settings that can be read and restored. A call that changes another setting is recorded without an
inverse, and the receipt says so.
"""
from __future__ import annotations

from ....fixing import SettingsCall
from .account import BUCKET_VERSIONING
from .apps import REPOSITORY_SCANNING, REPOSITORY_TAGS
from .databases import DB_CLUSTER, DOMAIN, POINT_IN_TIME_RECOVERY, REDSHIFT_CLUSTER, TABLE
from .network import FIREWALL

SETTINGS_CALLS: tuple[SettingsCall, ...] = (
    BUCKET_VERSIONING,
    DB_CLUSTER,
    DOMAIN,
    FIREWALL,
    POINT_IN_TIME_RECOVERY,
    REDSHIFT_CLUSTER,
    REPOSITORY_SCANNING,
    REPOSITORY_TAGS,
    TABLE,
)
"""Those whose plan is `settings_plan`. An operation is here once, with the settings of all actions that call it."""
