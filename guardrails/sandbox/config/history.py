"""The configuration items of one account and region, and the clock that puts them in order."""
from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from .snapshot import Resource

DISCOVERED, CHANGED, DELETED = "ResourceDiscovered", "OK", "ResourceDeleted"


@dataclass(frozen=True)
class Item:
    """A configuration item: a resource as it was when it was captured."""

    account: str
    region: str
    status: str
    captured: datetime
    resource: Resource

    @property
    def deleted(self) -> bool:
        """Whether the resource was deleted."""
        return self.status == DELETED


class Clock:
    """Times in whole milliseconds, as in AWS Config. Each is later than the one before, so that they give an order."""

    def __init__(self) -> None:
        self._last = datetime.fromtimestamp(0, UTC)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The time, at least a millisecond after the last one."""
        with self._lock:
            now = datetime.now(UTC)
            now = now.replace(microsecond=now.microsecond // 1000 * 1000)
            self._last = max(now, self._last + timedelta(milliseconds=1))
            return self._last


class History:
    """What was recorded, oldest first, by type and resource."""

    def __init__(self, account: str, region: str, clock: Clock) -> None:
        self._account, self._region, self._clock = account, region, clock
        self._items: dict[tuple[str, str], list[Item]] = {}
        self._lock = threading.RLock()

    def record(self, resource: Resource) -> Item | None:
        """A new item, or None if the last one is the same."""
        with self._lock:
            last = self.last(resource.type, resource.id)
            if last and not last.deleted:
                return None if last.resource == resource else self._add(CHANGED, resource)
            return self._add(DISCOVERED, resource)

    def record_deleted(self, kind: str, resource_id: str) -> Item | None:
        """The item for a deleted resource, or None if the deletion is recorded already or it never existed."""
        with self._lock:
            last = self.last(kind, resource_id)
            if last is None or last.deleted:
                return None
            gone = replace(last.resource, configuration=None, supplementary={}, tags={}, related=())
            return self._add(DELETED, gone)

    def last(self, kind: str, resource_id: str) -> Item | None:
        """The newest item of a resource."""
        items = self.items(kind, resource_id)
        return items[-1] if items else None

    def before(self, item: Item) -> Item | None:
        """The item that came before `item`."""
        earlier = [
            other for other in self.items(item.resource.type, item.resource.id) if other.captured < item.captured
        ]
        return earlier[-1] if earlier else None

    def items(self, kind: str, resource_id: str) -> list[Item]:
        """Every item of a resource, oldest first."""
        with self._lock:
            return list(self._items.get((kind, resource_id), ()))

    def newest(self, kind: str | None = None) -> list[Item]:
        """The newest item of each resource, of one type or of all; including deleted resources."""
        with self._lock:
            return [items[-1] for (of, _), items in self._items.items() if kind in (None, of)]

    def _add(self, status: str, resource: Resource) -> Item:
        item = Item(self._account, self._region, status, self._clock.now(), resource)
        self._items.setdefault((resource.type, resource.id), []).append(item)
        return item
