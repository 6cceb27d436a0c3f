"""Every receipt that a test of this directory brings about is one that `rollback` accepts."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.fixing import inverses
from custom_actions.fixing.receipt import Receipt


@pytest.fixture(autouse=True)
def receipts_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fix whose inverse is not declared fails its own tests. Fixes that a test makes up declare nothing."""
    to_dict = Receipt.to_dict

    def checked(receipt: Receipt) -> dict[str, Any]:
        record = to_dict(receipt)
        if record["action"] in {each.action for each in inverses.declarations()}:
            # As it is read from a file.
            assert inverses.problem(inverses.as_read(record)) == ""
        return record

    monkeypatch.setattr(Receipt, "to_dict", checked)
