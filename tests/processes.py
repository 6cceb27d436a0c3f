"""Waits for processes to end."""
from __future__ import annotations

import time

from guardrails.sandbox.ministack import still_running


def all_end(pids: list[int], seconds: float) -> bool:
    """Whether all end within this time; a zombie is no process that works."""
    deadline = time.monotonic() + seconds
    while still_running(pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
