"""DynamoDB: a table's encryption can be changed, a deletion takes time, and a conditional write is one step."""
from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

from moto.dynamodb.exceptions import MockValidationException, ResourceInUseException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

from ..moto_fixes import replaces


def apply() -> None:
    """Apply the changes, once in the server's process."""
    _fix_update_of_encryption()
    _let_deletions_take_time()
    _make_writes_whole()


def _fix_update_of_encryption() -> None:
    """UpdateTable changes how a table is encrypted; moto takes the request and changes nothing."""
    original = DynamoHandler.update_table

    @replaces(DynamoHandler, "update_table")
    def update_table(call: Any) -> Any:
        table = call.dynamodb_backend.get_table(call.body["TableName"])
        if _deleting(table):
            raise ResourceInUseException(f"Attempt to change a resource which is still in use: Table: {table.name}")
        wanted = call.body.get("SSESpecification")
        if wanted is not None:
            # A table without a key of its own is encrypted too, with a key that AWS owns and does not show.
            table.sse_specification = _specification(call, table, wanted) if wanted.get("Enabled") else None
        return original(call)


def _specification(call: Any, table: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    key = wanted.get("KMSMasterKeyId") or table._get_default_encryption_key(call.current_account, call.region)
    now = table.sse_specification or {}
    if now.get("Enabled") and now.get("KMSMasterKeyId") == key:
        raise MockValidationException(
            "One or more parameter values were invalid: Table is already encrypted by given KMSMasterKeyId")
    return {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}


def _let_deletions_take_time() -> None:
    """A table is deleted at once, unless its `busy_until` lies ahead: then it is DELETING until that moment."""
    original_init: Any = Table.__init__
    original_describe: Any = Table.describe
    original_delete, original_list = DynamoDBBackend.delete_table, DynamoDBBackend.list_tables
    original_get = DynamoDBBackend.get_table

    @replaces(Table, "__init__")
    def init(table: Any, *args: Any, **kwargs: Any) -> None:
        original_init(table, *args, **kwargs)
        table.busy_until, table.being_deleted = datetime.now(UTC), False

    @replaces(Table, "describe")
    def describe(table: Any, base_key: str = "TableDescription") -> dict[str, Any]:
        described = original_describe(table, base_key)
        if table.being_deleted:
            described[base_key]["TableStatus"] = "DELETING"
        return described

    def forget_deleted(backend: Any) -> None:
        for name, table in list(backend.tables.items()):
            if table.being_deleted and not _deleting(table):
                del backend.tables[name]

    @replaces(DynamoDBBackend, "delete_table")
    def delete_table(backend: Any, name: str) -> Any:
        table = backend.get_table(name)
        if _deleting(table):
            raise ResourceInUseException(f"Attempt to change a resource which is still in use: Table: {table.name}")
        deleted: Any = original_delete(backend, name)
        deleted.being_deleted = True
        if _deleting(deleted):
            backend.tables[deleted.name] = deleted
        return deleted

    @replaces(DynamoDBBackend, "get_table")
    def get_table(backend: Any, *args: Any, **kwargs: Any) -> Any:
        forget_deleted(backend)
        return original_get(backend, *args, **kwargs)

    @replaces(DynamoDBBackend, "list_tables")
    def list_tables(backend: Any, *args: Any, **kwargs: Any) -> Any:
        forget_deleted(backend)
        return original_list(backend, *args, **kwargs)


def _make_writes_whole() -> None:
    """A conditional write is one step; moto checks the condition first, and another request can come in between."""
    original, one_at_a_time = DynamoDBBackend.put_item, threading.Lock()

    @replaces(DynamoDBBackend, "put_item")
    def put_item(*args: Any, **kwargs: Any) -> Any:
        with one_at_a_time:
            return original(*args, **kwargs)


def _deleting(table: Any) -> bool:
    return bool(table.being_deleted and datetime.now(UTC) < table.busy_until)
