"""Suggests known names for a misspelled one."""
from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str], *, give_all: bool = False) -> str:
    """A fix with the nearest known names; without one, all names if `give_all`, else an empty string."""
    known = sorted(known)
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"use one of {', '.join(known)}" if give_all and known else ""
