"""What was probably meant."""
from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str], *, give_all: bool = False) -> str:
    """A remedy that names what was probably meant."""
    known = sorted(known)
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"it is one of {', '.join(known)}" if give_all and known else ""
