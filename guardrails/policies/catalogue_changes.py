"""The differences between a framework's catalogue and a newer list of the same framework.

The newer list is a catalogue file, or for AWS Security Hub the JSON that this command prints:

    aws securityhub list-security-control-definitions --standards-arn ARN
"""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import GuardrailsError
from ..inputfile import CannotRead, read_bytes
from ..limits import FILE_BYTES
from .catalogue import Catalogue, Requirement, catalogue_of

_COMPARED = ("title", "severity", "level", "automatable")
_JSON_KEY = "SecurityControlDefinitions"


@dataclass(frozen=True)
class CatalogueChange:
    """One difference."""

    id: str
    what: str
    """added, removed, or the key that has changed."""
    ours: str
    theirs: str


def newer_list(file: Path) -> dict[str, Mapping[str, Any]]:
    """Requirement id to what the file says of it: a catalogue, or the JSON of ListSecurityControlDefinitions.

    Raises GuardrailsError if the file is neither.
    """
    if file.suffix == ".json":
        return _security_hub(file)
    return {
        requirement.id: {key: getattr(requirement, key) for key in _COMPARED}
        for requirement in catalogue_of(file).requirements}


def changes(catalogue: Catalogue, newer: Mapping[str, Mapping[str, Any]]) -> Iterator[CatalogueChange]:
    """The differences between a catalogue and a newer list, by id in the order of the lists."""
    for requirement in catalogue.requirements:
        found = newer.get(requirement.id)
        if found is None:
            yield CatalogueChange(requirement.id, "removed", requirement.title, "")
        else:
            yield from _changed(requirement, found)
    for name, found in newer.items():
        if name not in catalogue.by_id:
            yield CatalogueChange(name, "added", "", str(found.get("title", "")))


def _changed(requirement: Requirement, found: Mapping[str, Any]) -> Iterator[CatalogueChange]:
    for key in _COMPARED:
        ours = getattr(requirement, key)
        if key in found and found[key] != ours:
            yield CatalogueChange(requirement.id, key, _text(ours), _text(found[key]))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _security_hub(file: Path) -> dict[str, Mapping[str, Any]]:
    try:
        data = json.loads(read_bytes(file, FILE_BYTES))
        listed = data[_JSON_KEY]
        return {
            str(each["SecurityControlId"]): {
                "title": " ".join(str(each["Title"]).split()), "severity": str(each["SeverityRating"]).lower()}
            for each in listed}
    except CannotRead as error:
        raise GuardrailsError(f"{file}: {error}", "name a readable file") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise GuardrailsError(
            f"{file}: not the output of ListSecurityControlDefinitions",
            "aws securityhub list-security-control-definitions --standards-arn ARN > controls.json") from None
