"""The day on which a secret was last read."""
from __future__ import annotations

from datetime import UTC, datetime

from tests.moto_server import Moto


def test_reading_a_secret_is_noted(moto: Moto) -> None:
    client = moto.client("secretsmanager")
    client.create_secret(Name="s", SecretString="x")
    assert "LastAccessedDate" not in client.describe_secret(SecretId="s")
    client.get_secret_value(SecretId="s")
    today = datetime.now(UTC).date()
    assert client.describe_secret(SecretId="s")["LastAccessedDate"].astimezone(UTC).date() == today
    [listed] = client.list_secrets()["SecretList"]
    read = listed["LastAccessedDate"].astimezone(UTC)
    assert (read.date(), read.hour, read.minute) == (today, 0, 0)
