"""Settings of databases that one call changes and another shows."""
from __future__ import annotations

from typing import Any

from ..cloud import Cloud
from ..faults import Drift, State
from .scenarios import drifts, pulled

NAMES = ["one", "two"]


def make_tables(cloud: Cloud) -> Any:
    client = cloud.client("dynamodb")
    for name in NAMES:
        client.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}])
    return client


@drifts("dynamodb-table", "update")
def tables(cloud: Cloud) -> Drift:
    client = make_tables(cloud)

    def state() -> State:
        return {name: client.describe_table(TableName=name)["Table"] for name in NAMES}

    return Drift(
        pulled("dynamodb-table", {"type": "update", "DeletionProtectionEnabled": True}), NAMES, state,
        lambda found: set() if found["DeletionProtectionEnabled"] else {"unprotected"})
