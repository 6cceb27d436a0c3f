"""Replaces c7n's modes `config-rule`, `config-poll-rule` and `cloudtrail`.

functions/config_rules.py and functions/realtime.py say why. The schemas stay c7n's.
"""
from __future__ import annotations

from c7n.policy import execution

from ..functions import ConfigPollRule, ConfigRule, RealtimeMode


def install() -> None:
    """Put our modes in the place of c7n's; doing it again changes nothing."""
    execution.register("config-rule", ConfigRule)
    execution.register("config-poll-rule", ConfigPollRule)
    execution.register("cloudtrail", RealtimeMode)
