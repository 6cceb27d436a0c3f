"""What a request to AWS asks, read from the request alone: account, region, service, operation, protocol."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

_JSON_VERSIONS = "x-amz-json-"


@dataclass(frozen=True)
class Asked:
    """One request."""

    key: str
    """The access key."""
    region: str
    service: str
    """As in the signature: `ec2`, `s3`."""
    operation: str
    """Its name; for REST services the method and the path, with `…` for parts that have digits."""
    protocol: str
    """`json`, `query` or `rest`."""

    @property
    def name(self) -> str:
        """`service Operation`."""
        return f"{self.service} {self.operation}"


def read_request(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Asked | None:
    """Read a request; None if it is not signed (moto's own API). The names of headers are in lower case."""
    if "authorization" not in headers:
        return None
    scope = headers["authorization"].partition("Credential=")[2].partition(",")[0].split("/")
    key, region, service = (scope[0], scope[2], scope[3]) if len(scope) > 3 else (scope[0], "", "?")
    if target := headers.get("x-amz-target"):
        return Asked(key, region, service, target.rpartition(".")[2], "json")
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded") and (
            action := parse_qs(body[:4096].decode("latin-1")).get("Action")):
        return Asked(key, region, service, action[0], "query")
    short = query.partition("=")[0].partition("&")[0]
    shown = "/".join("…" if any(c.isdigit() for c in part) else part for part in path.split("/"))
    return Asked(key, region, service, f"{method} {shown}{'?' + short if short else ''}", "rest")
