"""When a secret is due for rotation."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from custom_actions.elements.secretsmanager.rotation import due_date

JUNE = datetime(2026, 6, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 2, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
HOURLY = {"ScheduleExpression": "rate(4 hours)"}
ON = {"RotationEnabled": True, "RotationRules": {"AutomaticallyAfterDays": 30}}


@pytest.mark.parametrize(("secret", "due"), [
    ({}, None),
    ({"RotationEnabled": False, "NextRotationDate": JUNE}, None),
    ({**ON, "NextRotationDate": JUNE, "LastRotatedDate": LONG_AGO}, JUNE),
    ({**ON, "NextRotationDate": "2026-06-01T00:00:00+00:00"}, JUNE),
    ({**ON, "NextRotationDate": datetime(2026, 6, 1)}, JUNE),
    ({**ON, "LastRotatedDate": MAY, "CreatedDate": LONG_AGO}, JUNE),
    ({**ON, "CreatedDate": MAY}, JUNE),
    (ON, None),
    ({"RotationEnabled": True, "RotationRules": HOURLY, "LastRotatedDate": JUNE}, None),
])
def test_when_it_is_due(secret: dict[str, Any], due: datetime | None) -> None:
    assert due_date(secret) == due
