"""What a deployed function does with a message: AWS Config's rules, the hub, the responder, a probe."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ..face import face

if TYPE_CHECKING:
    from . import responder
    from .central import HEAL, KEY, OBSERVE, Members, NotOfAMember, is_central, pack
    from .config_rules import GONE, SCHEDULED, ConfigPollRule, ConfigRule, Verdict
    from .messages import MARK, MARKED
    from .probe import PROBE_PREFIX, PROBE_SOURCE, answer_probe, config, probe_in
    from .realtime import RealtimeMode, distrust, with_aws_source
    from .shapes import EventNotUnderstood, notification_problem, record_problem, too_deep

__getattr__, __all__ = face(
    __name__,
    central=("HEAL", "KEY", "Members", "NotOfAMember", "OBSERVE", "is_central", "pack"),
    config_rules=("ConfigPollRule", "ConfigRule", "GONE", "SCHEDULED", "Verdict"),
    messages=("MARK", "MARKED"),
    probe=("PROBE_PREFIX", "PROBE_SOURCE", "answer_probe", "config", "probe_in"),
    realtime=("RealtimeMode", "distrust", "with_aws_source"),
    responder=("responder",),
    shapes=("EventNotUnderstood", "notification_problem", "record_problem", "too_deep"),
)
