"""Calls to AWS and their errors, filtered lists of EC2, bulk calls, CloudTrail records, and the histories of CloudTrail
and AWS Config.

Imports nothing of the project.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from ..face import face

if TYPE_CHECKING:
    from . import config_history
    from .ahead import Ahead
    from .bulk_reads import ANSWERED, IamInBulk, Send, list_buckets
    from .caller import caller_ahead, caller_arn
    from .calls import AWS_ERRORS, absent, call, code_of, does_not_exist, may_have_happened, readings, reason_of
    from .ec2_lists import filtered
    from .event_history import earlier_events, earlier_named, event_by_id
    from .events import Actor, actor_of, detail_of, is_own, principal_of
    from .shared_state import EXPIRES, KEY, SharedState, SharedValue, forget_states, state_of
    from .tag_history import (
        UnknownTag,
        creates,
        distrusted_tag,
        moment,
        records_of,
        removed_tags,
        tags_before,
        tags_set,
    )

__getattr__, __all__ = face(
    __name__,
    ahead=("Ahead",),
    bulk_reads=("ANSWERED", "IamInBulk", "Send", "list_buckets"),
    calls=("AWS_ERRORS", "absent", "call", "code_of", "does_not_exist", "may_have_happened", "readings", "reason_of"),
    caller=("caller_ahead", "caller_arn"),
    config_history=("config_history",),
    ec2_lists=("filtered",),
    event_history=("earlier_events", "earlier_named", "event_by_id"),
    events=("Actor", "actor_of", "detail_of", "is_own", "principal_of"),
    shared_state=("EXPIRES", "KEY", "SharedState", "SharedValue", "forget_states", "state_of"),
    tag_history=(
        "UnknownTag", "creates", "distrusted_tag", "moment", "records_of", "removed_tags", "tags_before", "tags_set",
    ),
)
