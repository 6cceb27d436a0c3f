"""c7n in this process, on one policy: pulled, or pushed an event as in Lambda."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guardrails.cases.engine import load, push

__all__ = ["load", "pull", "push"]


def pull(data: Mapping[str, Any], output: Path, *, dryrun: bool = False) -> list[dict[str, Any]]:
    """Run the policy on the state; returns the resources that matched."""
    return list(load({key: value for key, value in data.items() if key != "mode"}, output, dryrun=dryrun)() or ())
