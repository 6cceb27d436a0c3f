"""What the tests of the fixes share."""
from __future__ import annotations

import pytest

from tests.moto_server import Moto

from .cloud import Cloud


@pytest.fixture
def cloud(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))
    return Cloud(moto, monkeypatch)
