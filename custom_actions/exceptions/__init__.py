"""Exceptions: drift that an owner accepts until a date. The rules are pure functions; the filter applies them."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ..face import face

if TYPE_CHECKING:
    from .entries import WARN_DAYS, InvalidExceptions, parse, parse_rule
    from .excepted import TYPE, Excepted, excuse
    from .in_force import default_file, file_in_force, rules_for
    from .rules import FILE, VARIABLE, ExceptionRule, Subject, holds

__getattr__, __all__ = face(
    __name__,
    entries=("InvalidExceptions", "WARN_DAYS", "parse", "parse_rule"),
    excepted=("Excepted", "TYPE", "excuse"),
    in_force=("default_file", "file_in_force", "rules_for"),
    rules=("ExceptionRule", "FILE", "Subject", "VARIABLE", "holds"),
)
