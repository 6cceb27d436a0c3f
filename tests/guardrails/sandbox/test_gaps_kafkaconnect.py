"""MSK Connect: an account without connectors. Source: Amazon MSK Connect's ListConnectors."""
from __future__ import annotations

from tests.moto_server import Moto


def test_there_are_no_connectors(moto: Moto) -> None:
    assert moto.client("kafkaconnect").list_connectors()["connectors"] == []
