"""Connectors of Transfer Family."""
from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.moto_server import ACCOUNT, REGION, Moto


def test_a_connector_is_made_described_and_deleted(moto: Moto) -> None:
    client = moto.client("transfer")
    role = f"arn:aws:iam::{ACCOUNT}:role/transfer"
    name = client.create_connector(AccessRole=role, Url="sftp://partner.example.com")["ConnectorId"]
    arn = f"arn:aws:transfer:{REGION}:{ACCOUNT}:connector/{name}"
    assert client.list_connectors()["Connectors"] == [
        {"Arn": arn, "ConnectorId": name, "Url": "sftp://partner.example.com"}]
    described = client.describe_connector(ConnectorId=name)["Connector"]
    assert (described["Arn"], described["AccessRole"], described.get("LoggingRole")) == (arn, role, None)
    client.delete_connector(ConnectorId=name)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.describe_connector(ConnectorId=name)
    assert client.list_connectors()["Connectors"] == []
