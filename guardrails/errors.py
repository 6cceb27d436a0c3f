"""The exceptions that a verb ends with: what is wrong, where, and how to fix it."""
from __future__ import annotations


class GuardrailsError(Exception):
    """A verb cannot do what was asked; nothing half-written is left behind."""

    exit_code = 1

    def __init__(self, problem: str, fix: str = "") -> None:
        """`problem` says what is wrong and where; `fix` says what to do about it."""
        super().__init__(problem)
        self.problem = problem
        self.fix = fix


class NothingSelected(GuardrailsError):
    """The options select nothing to work on."""

    exit_code = 2
