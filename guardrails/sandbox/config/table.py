"""The resource types that are recorded: the table types.yaml."""
from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml

COMPLIANCE = "AWS::Config::ResourceCompliance"
"""The type of compliance items; created here, not read from a service."""


@dataclass(frozen=True)
class Kind:
    """A resource type as types.yaml describes it; the fields are explained there."""

    type: str
    service: str
    id: str
    arn: str
    client: str = ""
    call: str = ""
    found: str = ""
    name: str = ""
    zone: str = ""
    created: str = ""
    tags: str = "Tags"
    spell: dict[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    is_global: bool = False
    related: tuple[tuple[str, str, str], ...] = ()


@cache
def kinds() -> tuple[Kind, ...]:
    """Every type that is recorded."""
    text = resources.files(__package__).joinpath("types.yaml").read_text()
    return tuple(_kind(name, entry) for name, entry in yaml.safe_load(text).items())


@cache
def kinds_of(service: str) -> tuple[Kind, ...]:
    """The types whose resources a call to `service` may change."""
    return tuple(kind for kind in kinds() if kind.service == service)


@cache
def is_global(service: str) -> bool:
    """Whether the service's resources belong to no region, as IAM's do."""
    return any(kind.is_global for kind in kinds_of(service))


def _kind(name: str, entry: dict[str, Any]) -> Kind:
    rest = {key: value for key, value in entry.items() if key not in {"global", "drop", "related", "client"}}
    return Kind(
        type=name, is_global=entry.get("global", False), client=entry.get("client", entry["service"]),
        drop=tuple(entry.get("drop", ())), related=tuple(tuple(row) for row in entry.get("related", ())), **rest,
    )
