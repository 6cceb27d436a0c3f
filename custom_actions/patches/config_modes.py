"""Replaces c7n's modes `config-rule` and `config-poll-rule` with ours; functions/config_rules.py says why.

The schema stays c7n's, and so does the deployment but for one notification and a lost permission.
"""
from __future__ import annotations

from c7n.policy import execution

from ..functions import ConfigPollRule, ConfigRule


def install() -> None:
    """Put both modes in the place of c7n's; doing it again changes nothing."""
    execution.register("config-rule", ConfigRule)
    execution.register("config-poll-rule", ConfigPollRule)
