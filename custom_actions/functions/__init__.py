"""What a deployed function does with a message: AWS Config's rules, the hub, the responder, a probe."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ..face import face

if TYPE_CHECKING:
    from . import responder
    from .central import HEAL, KEY, OBSERVE, Members, NotOfAMember, is_central, pack
    from .config_rules import GONE, SCHEDULED, ConfigPollRule, ConfigRule, Verdict
    from .group import (
        GROUP_KEY,
        Group,
        GroupIncomplete,
        PolicyNotInGroup,
        addressed_event,
        addressed_tick,
        group_config,
        unwrapped,
    )
    from .messages import MARK, MARKED
    from .probe import PROBE_PREFIX, PROBE_SOURCE, answer_probe, config, probe_in
    from .realtime import RealtimeMode, distrust, with_aws_source
    from .shapes import EventNotUnderstood, notification_problem, record_problem, too_deep
    from .start import load_once, with_account

__getattr__, __all__ = face(
    __name__,
    central=("HEAL", "KEY", "Members", "NotOfAMember", "OBSERVE", "is_central", "pack"),
    config_rules=("ConfigPollRule", "ConfigRule", "GONE", "SCHEDULED", "Verdict"),
    group=(
        "GROUP_KEY", "Group", "GroupIncomplete", "PolicyNotInGroup", "addressed_event", "addressed_tick",
        "group_config", "unwrapped",
    ),
    messages=("MARK", "MARKED"),
    probe=("PROBE_PREFIX", "PROBE_SOURCE", "answer_probe", "config", "probe_in"),
    realtime=("RealtimeMode", "distrust", "with_aws_source"),
    responder=("responder",),
    shapes=("EventNotUnderstood", "notification_problem", "record_problem", "too_deep"),
    start=("load_once", "with_account"),
)
