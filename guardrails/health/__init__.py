"""Whether what is deployed is alive: what should be there, what was read, and what follows from both.

`expected` says from the policy what c7n would deploy, `reading` asks AWS, `checks` judges, `probe` sends an event.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .expectations import ExpectedFunction, expected
    from .facts import FunctionFacts, RoleFacts, Unread
    from .forwarding import answered, member_verdicts, read_member
    from .functions import function_verdicts
    from .probe import fire, probes
    from .reading import AccountReader, RegionReading, now, read_listing, read_region, role_of
    from .regions import region_verdicts
    from .responder import read_responder, responder_verdicts, responds
    from .verdict import HealthState, HealthVerdict, unknown

__getattr__, __all__ = face(
    __name__,
    expectations=("ExpectedFunction", "expected"),
    facts=("FunctionFacts", "RoleFacts", "Unread"),
    forwarding=("answered", "member_verdicts", "read_member"),
    functions=("function_verdicts",),
    probe=("fire", "probes"),
    reading=("RegionReading", "AccountReader", "now", "read_listing", "read_region", "role_of"),
    regions=("region_verdicts",),
    responder=("read_responder", "responder_verdicts", "responds"),
    verdict=("HealthState", "HealthVerdict", "unknown"),
)
