"""Reads the names of time zones when a policy first asks for one.

c7n's filters for working hours list the names of all time zones while they are imported, and every resource type
imports them. dateutil parses 600 zones for that: a quarter of what loading c7n costs in a function's cold start.
"""
from __future__ import annotations

import importlib
import sys
from typing import Any

from dateutil import zoneinfo  # type: ignore[import-untyped]

_OFFHOURS = "c7n.filters.offhours"


def install() -> None:
    """Import c7n's module without the zones. Calling it again, or after that module was imported, has no effect."""
    if _OFFHOURS in sys.modules:
        return
    original = zoneinfo.get_zonefile_instance
    zoneinfo.get_zonefile_instance = lambda *_, **__: _NoZones
    try:
        time = importlib.import_module(_OFFHOURS).Time
    finally:
        zoneinfo.get_zonefile_instance = original
    time.TZ_ALIASES = Aliases(time.TZ_ALIASES)


class _NoZones:
    zones: dict[str, Any] = {}  # noqa: RUF012 - read once, by c7n


class Aliases(dict[str, str]):
    """c7n's table of time zones, by names in lower case. Those that dateutil has to list come when one is asked for.

    c7n's own aliases, such as `utc` and `pt`, are there from the start.
    """

    _complete = False

    def get(self, name: Any, default: Any = None) -> Any:
        """The zone of a name, as of a dict."""
        if name not in self:
            return default
        return self[name]

    def __contains__(self, name: object) -> bool:
        if not super().__contains__(name):
            self._complete_it()
        return super().__contains__(name)

    def __missing__(self, name: str) -> str:
        self._complete_it()
        if dict.__contains__(self, name):
            return self[name]
        raise KeyError(name)

    def _complete_it(self) -> None:
        if self._complete:
            return
        self._complete = True
        # As c7n does: title() changes the other names into zones by itself.
        self.update({zone.lower(): zone for zone in zoneinfo.get_zonefile_instance().zones
                     if zone.title() != zone and not dict.__contains__(self, zone.lower())})
