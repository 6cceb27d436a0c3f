"""Inspector's state of an account that never turned it on."""
from __future__ import annotations

from typing import Any

from tests.moto_server import ACCOUNT, Moto


def test_an_account_is_off_until_it_is_turned_on(moto: Moto) -> None:
    inspector = moto.client("inspector2")

    def now(**asked: Any) -> list[tuple[str, str]]:
        accounts = inspector.batch_get_account_status(**asked)["accounts"]
        return [(each["accountId"], each["resourceState"]["ec2"]["status"]) for each in accounts]

    assert now() == now(accountIds=[ACCOUNT]) == [(ACCOUNT, "DISABLED")]
    inspector.enable(accountIds=[ACCOUNT], resourceTypes=["EC2"])
    assert now() == [(ACCOUNT, "ENABLED")]
    assert now(accountIds=["111111111111"]) == []
