"""Errors that end a verb: what is wrong, where, and how to fix it."""
from __future__ import annotations


class GuardrailsError(Exception):
    """A verb cannot do its work. No partial file is left behind."""

    exit_code = 1

    def __init__(self, problem: str, fix: str = "") -> None:
        """`problem` says what is wrong and where; `fix` says how to fix it."""
        super().__init__(problem)
        self.problem = problem
        self.fix = fix


class NothingSelected(GuardrailsError):
    """The options select nothing to work on."""

    exit_code = 2
