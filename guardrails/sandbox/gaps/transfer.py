"""Transfer Family: connectors, which moto lacks.

Source: Transfer Family's CreateConnector, ListConnectors, DescribeConnector and DeleteConnector.
"""
from __future__ import annotations

import json
import secrets
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.transfer.responses import TransferResponse
from moto.utilities.utils import get_partition

_KEPT = "guardrails_connectors"
"""Where a backend keeps the connectors: by id."""
_FIELDS = ("Url", "As2Config", "AccessRole", "LoggingRole", "SftpConfig", "SecurityPolicyName")


class _NotFound(JsonRESTError):
    code = 400

    def __init__(self, connector: str) -> None:
        super().__init__("ResourceNotFoundException", f"Unknown connector: {connector}")


def apply() -> None:
    """Add the APIs. Once in a process."""
    for operation in (create_connector, list_connectors, describe_connector, delete_connector):
        setattr(TransferResponse, operation.__name__, operation)


def create_connector(request: Any) -> str:
    """Keep a connector as it is given."""
    name = f"c-{secrets.token_hex(9)[:17]}"
    given = {field: request._get_param(field) for field in _FIELDS}
    place = f"arn:{get_partition(request.region)}:transfer:{request.region}:{request.current_account}"
    _kept(request)[name] = {
        "Arn": f"{place}:connector/{name}",
        "ConnectorId": name,
        **{field: value for field, value in given.items() if value is not None},
        "Tags": request._get_param("Tags") or [],
    }
    return json.dumps({"ConnectorId": name})


def list_connectors(request: Any) -> str:
    """All of them, in one page."""
    return json.dumps({"Connectors": [
        {field: each[field] for field in ("Arn", "ConnectorId", "Url") if field in each}
        for each in _kept(request).values()]})


def describe_connector(request: Any) -> str:
    """One of them, with everything."""
    return json.dumps({"Connector": _kept(request)[_known(request)]})


def delete_connector(request: Any) -> str:
    """Forget one of them."""
    del _kept(request)[_known(request)]
    return "{}"


def _known(request: Any) -> str:
    name = str(request._get_param("ConnectorId"))
    if name not in _kept(request):
        raise _NotFound(name)
    return name


def _kept(request: Any) -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = request.transfer_backend.__dict__.setdefault(_KEPT, {})
    return kept
