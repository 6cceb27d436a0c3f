"""Exceptions for resources whose fix was rolled back, ready for exceptions.yml."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from glob import escape
from pathlib import Path
from typing import Any

from custom_actions.exceptions import ExceptionRule

from ..errors import GuardrailsError
from ..paths import write_text

DAYS = 14
"""The length of a proposed exception: long enough to find the cause, short enough not to be forgotten."""


def propose(
    receipts: Iterable[Mapping[str, Any]], owner: str, today: date, regional: Mapping[str, bool]
) -> list[ExceptionRule]:
    """An exception for each resource of the receipts, for DAYS days.

    Args:
        receipts: valid receipts. Names in them are taken literally: `*` in a name does not match other resources.
        owner: who is responsible for the exception.
        today: the current day in UTC.
        regional: by policy, whether its resources belong to a region. The exception then names the region.
    """
    found = {}
    for receipt in receipts:
        region = escape(receipt["region"]) if regional.get(receipt["policy"]) else "*"
        rule = ExceptionRule(
            escape(receipt["policy"]), receipt["account"], escape(receipt["resource"]),
            f"Its fix of {receipt['at'][:10]} was rolled back.", owner, today + timedelta(days=DAYS), region)
        found[rule.policy, rule.account, rule.region, rule.resource] = rule
    return list(found.values())


def as_yaml(rules: Iterable[ExceptionRule]) -> str:
    """The exceptions as they are in exceptions.yml, in ASCII: names come from AWS, and are shown on a terminal."""
    import yaml

    entries = [{**rule.to_dict(), "expires": rule.expires} for rule in rules]
    return str(yaml.safe_dump({"exceptions": entries}, sort_keys=False, width=1000))


def write_proposal(file: Path, rules: Iterable[ExceptionRule]) -> Path:
    """Write the exceptions to a new file. Raises GuardrailsError if it exists, or cannot be written."""
    if file.exists():
        raise GuardrailsError(
            f"{file} exists: nothing was written", "name a new file, and copy its entries to exceptions.yml")
    return write_text(file, as_yaml(rules))
