"""DynamoDB: UpdateTable changes how a table is encrypted; moto takes the request and changes nothing."""
from __future__ import annotations

from typing import Any

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.responses import DynamoHandler

from guardrails.sandbox.moto_fixes import replaces


def apply() -> None:
    """Put everything in place, in the server's process. Once in a process."""
    original = DynamoHandler.update_table

    @replaces(DynamoHandler, "update_table")
    def update_table(call: Any) -> Any:
        wanted = call.body.get("SSESpecification")
        if wanted is not None:
            table = call.dynamodb_backend.get_table(call.body["TableName"])
            # Without a key of its own a table is encrypted all the same, with one that AWS owns and does not show.
            table.sse_specification = _specification(call, table, wanted) if wanted.get("Enabled") else None
        return original(call)


def _specification(call: Any, table: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    key = wanted.get("KMSMasterKeyId") or table._get_default_encryption_key(call.current_account, call.region)
    if table.sse_specification and table.sse_specification.get("KMSMasterKeyId") == key:
        raise MockValidationException(
            "One or more parameter values were invalid: Table is already encrypted by given KMSMasterKeyId")
    return {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
