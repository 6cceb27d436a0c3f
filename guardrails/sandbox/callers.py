"""Records which operations each role has called, so that the permissions that a role needs are known.

Every request passes here, so it is only stored, once. The name of its operation is found when the calls are read.
"""
from __future__ import annotations

import re
import threading
from functools import cache
from typing import Any
from urllib.parse import unquote

from .wire import service_model

_ACTION = re.compile(r"(?:^|&)Action=(\w+)")
Seen = tuple[str, str, str, str]
"""Role, service of the signature, method, and operation or path."""


class Callers:
    """The calls of all role sessions since the start."""

    def __init__(self) -> None:
        self._seen: set[Seen] = set()
        self._lock = threading.Lock()

    def add(self, role: str, service: str, method: str, path: str, target: str, body: bytes) -> None:
        """Keep a request. `target`: its X-Amz-Target; empty where the service has none."""
        said = target.rpartition(".")[2] or (
            found[1] if (found := _ACTION.search(body[:4096].decode(errors="replace"))) else path)
        with self._lock:
            self._seen.add((role, service, method, said))

    def clear(self) -> None:
        """Forget every call, for a reset."""
        with self._lock:
            self._seen.clear()

    def calls(self, role: str) -> list[str]:
        """The calls of a role, by its ARN, such as `lambda:CreateFunction`. An unknown path is returned unchanged."""
        with self._lock:
            seen = [each for each in self._seen if each[0] == role]
        return sorted({f"{service}:{_operation(service, method, said)}" for _, service, method, said in seen})


def _operation(service: str, method: str, said: str) -> str:
    found = _paths(service) if said.startswith("/") else []
    return next((name for wanted, pattern, name in found if wanted == method and pattern.fullmatch(said)), said)


@cache
def _paths(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    """Method, path and name of the service's operations, the most literal first."""
    model: Any = service_model(service)
    found = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path = unquote(str(http["requestUri"]).partition("?")[0]).rstrip("/")
        found.append((len(re.sub(r"{[^}]+}", "", path)), http["method"], re.compile(
            re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(path)) + "/?"), name))
    return [entry[1:] for entry in sorted(found, key=lambda entry: -entry[0])]
