"""Python's garbage collector in this program's processes."""
from __future__ import annotations

import gc

_RARELY = 50_000


def collect_rarely() -> None:
    """Let the collector run after 50,000 new objects, not after 700.

    Modules, models of services, policies and resources stay for as long as a process runs. Looking through them again
    and again takes a fifth of the start, and finds nothing. Reference counts free nearly everything else.
    """
    gc.set_threshold(_RARELY)
