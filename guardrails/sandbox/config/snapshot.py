"""The current state of an account's resources, in AWS Config's format."""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import jmespath
from botocore.exceptions import BotoCoreError, ClientError

from . import buckets, special
from .spelling import decapitalised, spelled, tags_of
from .table import Kind

_log = logging.getLogger(__name__)

Json = dict[str, Any]
ClientOf = Callable[[str], Any]


@dataclass(frozen=True)
class Resource:
    """A resource as an item holds it; `configuration` is None if it was deleted."""

    type: str
    id: str
    name: str = ""
    arn: str = ""
    zone: str = ""
    created: datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)
    configuration: Json | None = None
    supplementary: Json = field(default_factory=dict)
    related: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """The resources of a type, and the ids of those that exist but could not be read."""

    resources: list[Resource]
    unreadable: set[str]


class Unreadable(Exception):
    """A type's resources cannot be listed, so it is unknown whether they exist."""


def take(kind: Kind, client_of: ClientOf, account: str, region: str, only: str = "") -> Snapshot:
    """The resources of `kind` in an account and region, or only the one whose id is `only`. Raises Unreadable."""
    snapshot = Snapshot([], set())
    try:
        listed = list(_listed(kind, client_of, region))
    except (ClientError, BotoCoreError) as error:
        raise Unreadable(f"{kind.type}: {error}") from error
    for raw in listed:
        resource_id = jmespath.search(kind.id, raw)
        if only and resource_id != only:
            continue
        try:
            snapshot.resources.append(_resource(kind, raw, client_of, account, region))
        except (ClientError, BotoCoreError) as error:
            _log.info("%s %s is not recorded now: %s", kind.type, resource_id, error)
            snapshot.unreadable.add(resource_id)
    return snapshot


def _listed(kind: Kind, client_of: ClientOf, region: str) -> Iterable[Json]:
    client = client_of(kind.client)
    if kind.type == buckets.TYPE:
        return buckets.listed(client, region)
    if kind.type in special.LISTED:
        return special.LISTED[kind.type](client, region)
    if client.can_paginate(kind.call):
        return (raw for raw in client.get_paginator(kind.call).paginate().search(kind.found) if raw)
    return jmespath.search(kind.found, getattr(client, kind.call)()) or ()


def _resource(kind: Kind, raw: Json, client_of: ClientOf, account: str, region: str) -> Resource:
    resource_id = jmespath.search(kind.id, raw)
    if kind.type == buckets.TYPE:
        configuration, supplementary = buckets.described(client_of(kind.client), raw)
    elif kind.type in special.DESCRIBED:
        configuration, supplementary = special.DESCRIBED[kind.type](client_of(kind.client), raw)
    else:
        configuration, supplementary = spelled(raw, kind.spell), {}
    dropped = {kind.spell.get(key, decapitalised(key)) for key in kind.drop}
    return Resource(
        type=kind.type,
        id=resource_id,
        name=_text(kind.name, raw),
        arn=kind.arn.format(account=account, region=region, id=resource_id) if ":" in kind.arn else _text(
            kind.arn, raw),
        zone=_text(kind.zone, raw),
        created=jmespath.search(kind.created, raw) if kind.created else None,
        tags=tags_of(jmespath.search(kind.tags, raw)),
        configuration={key: value for key, value in configuration.items() if key not in dropped},
        supplementary=supplementary,
        related=tuple(
            (other, other_id, called) for other, path, called in kind.related for other_id in _ids(path, raw)
        ),
    )


def _text(path: str, raw: Json) -> str:
    return str(jmespath.search(path, raw) or "") if path else ""


def _ids(path: str, raw: Json) -> list[str]:
    found = jmespath.search(path, raw) or []
    return [found] if isinstance(found, str) else list(dict.fromkeys(found))
