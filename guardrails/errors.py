"""The one exception that a verb ends with: what is wrong, where, and how to mend it."""
from __future__ import annotations


class GuardrailsError(Exception):
    """A verb cannot do what was asked; nothing half-written is left behind."""

    def __init__(self, what: str, mend: str = "") -> None:
        """`what` says what is wrong and where; `mend` says what to do about it."""
        super().__init__(what)
        self.what = what
        self.mend = mend
