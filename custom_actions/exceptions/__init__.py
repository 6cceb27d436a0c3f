"""Exceptions: drift that an owner accepts until a date. The rules are pure functions; the filter applies them."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ..face import face

if TYPE_CHECKING:
    from .excepted import TYPE, Excepted, excuse
    from .in_force import rules_for
    from .rules import FILE, VARIABLE, WARN_DAYS, ExceptionRule, InvalidExceptions, Subject, holds, parse, parse_rule

__getattr__, __all__ = face(
    __name__,
    excepted=("Excepted", "TYPE", "excuse"),
    in_force=("rules_for",),
    rules=(
        "ExceptionRule", "FILE", "InvalidExceptions", "Subject", "VARIABLE", "WARN_DAYS", "holds", "parse",
        "parse_rule",
    ),
)
