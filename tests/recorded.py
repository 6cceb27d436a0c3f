"""How a test says which faults it has tried: docs/reliability.md is written from that (`reliability`)."""
from __future__ import annotations

RECORDED = "reliability"
"""The name of the property that a test records: the fix, and how often each fault was tried."""
