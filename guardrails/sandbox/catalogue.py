"""Which requests CloudTrail records: the table calls.yaml, and how a request is matched to one of its calls."""
from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import parse_qs

import yaml

# Services by the protocol of their requests; the others are recognised by method and path.
QUERY = {"ec2", "iam", "rds"}
JSON = {"cloudtrail", "kms", "config"}
_S3_CONTROL_PATH = "/v20180820/"


@cache
def calls() -> dict[str, dict[str, dict[str, Any]]]:
    """The table of recorded calls: service, operation, exceptions."""
    text = resources.files(__package__).joinpath("calls.yaml").read_text()
    table: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(text)
    return table


def recorded_operation(
    service: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
) -> tuple[str, str] | None:
    """The service and operation of a request in the table, or None: most requests are not recorded.

    `service` is the signature's. It must be quick, as every request comes by: no model is loaded.
    """
    if service == "s3" and path.startswith(_S3_CONTROL_PATH):
        service = "s3control"
    table = calls().get(service)
    if table is None:
        return None
    if service in QUERY:
        found = re.search(r"(?:^|&)Action=(\w+)", body.decode(errors="replace") or query)
        operation = found[1] if found else ""
    elif service in JSON:
        operation = headers.get("X-Amz-Target", "").rpartition(".")[2]
    elif service == "s3":
        operation = _bucket_operation(method, path, query)
    else:
        operation = _path_operation(service, method, path)
    return (service, operation) if operation in table else None


@cache
def path_patterns(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    """Method, path as a pattern with named parameters, operation."""
    patterns = []
    for operation, entry in calls()[service].items():
        method, path = entry["path"].split(" ", 1)
        patterns.append((method, re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path) + "/?"), operation))
    return patterns


def _path_operation(service: str, method: str, path: str) -> str:
    for wanted, pattern, operation in path_patterns(service):
        if method == wanted and pattern.fullmatch(path):
            return operation
    return ""


@cache
def _bucket_operations() -> dict[str, str]:
    return {entry["path"]: operation for operation, entry in calls()["s3"].items()}


def _bucket_operation(method: str, path: str, query: str) -> str:
    """A bucket's call from its sub-resource; a path with a key in it is an object's."""
    if "/" in path.strip("/") or not path.strip("/"):
        return ""
    flags = [name for name in parse_qs(query, keep_blank_values=True) if name != "x-id"]
    return _bucket_operations().get(f"{method} ?{flags[0] if flags else ''}", "") if len(flags) < 2 else ""
