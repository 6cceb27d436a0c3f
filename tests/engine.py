"""c7n in this process, on one policy: pulled, or pushed an event as in Lambda."""
from __future__ import annotations

from guardrails.cases.engine import load, pull, push

__all__ = ["load", "pull", "push"]
