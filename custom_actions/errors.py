"""The two ways in which a fix stops before it changes anything."""
from __future__ import annotations


class CannotRead(Exception):
    """What was read cannot be understood, so nothing can be decided on it; the text says why. The fix has failed."""


class Refusal(Exception):
    """The fix must not be tried: it would do harm, or what is right is not known in full; the text says why."""
