"""Replaces c7n's modes `config-rule`, `config-poll-rule` and `cloudtrail`.

functions/config_rules.py and functions/realtime.py explain why. The schemas stay the same.
"""
from __future__ import annotations

from c7n.policy import execution

from ..functions import ConfigPollRule, ConfigRule, RealtimeMode


def install() -> None:
    """Replace c7n's modes with ours. Calling it again has no effect."""
    execution.register("config-rule", ConfigRule)
    execution.register("config-poll-rule", ConfigPollRule)
    execution.register("cloudtrail", RealtimeMode)
