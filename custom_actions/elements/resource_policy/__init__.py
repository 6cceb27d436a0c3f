"""Resource policies (of topics, queues, keys, functions, repositories and secrets) that admit everyone.

`everyone` decides which statements do, and `removal` and `permissions` plan how to remove them; all three are pure: no
AWS, no c7n. `elements` has the filter `public-policy`, and `close` the action `remove-public-statements`.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .close import WRITTEN
    from .permissions import parameters_of

__getattr__, __all__ = face(__name__, close=("WRITTEN",), permissions=("parameters_of",))
