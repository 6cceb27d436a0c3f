"""What a request to AWS asks, read from the request alone: account, region, service, operation, protocol."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

_S3_CONTROL = "/v20180820/"
"""Where the paths of S3 Control begin, which is signed as S3."""


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
    parts = path.split("/")
    kind = "s3control" if service == "s3" and path.startswith(_S3_CONTROL) else service
    shown = "/".join(
        "…" if _is_id(kind, before, part) else part for before, part in zip(["", *parts], parts, strict=False))
    return Asked(key, region, service, f"{method} {shown}{'?' + short if short else ''}", "rest")


def _is_id(service: str, before: str, part: str) -> bool:
    """Whether a part of a path is the name of a resource."""
    return any(c.isdigit() for c in part) or bool(part and (service == "s3" or before == "restapis"))
