"""Which unused secrets are deleted."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from custom_actions.elements.secretsmanager.deletion import plan_deletion
from custom_actions.errors import Refusal
from custom_actions.fixing import FixPlan

DAY = datetime(2026, 1, 2, tzinfo=UTC)
SECRET = {"Name": "s", "ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:s-a1b2c3"}


def test_a_secret_is_deleted_with_thirty_days_to_restore_it() -> None:
    [step] = plan_deletion({**SECRET, "LastAccessedDate": DAY, "PrimaryRegion": "us-east-1"}, DAY).steps
    assert step.call.parameters == {"SecretId": "s", "RecoveryWindowInDays": 30}
    assert [(call.operation, call.parameters) for call in step.undo({})] == [("restore_secret", {"SecretId": "s"})]


def test_a_deleted_secret_needs_nothing() -> None:
    assert plan_deletion({**SECRET, "DeletedDate": DAY}, None) == FixPlan()


@pytest.mark.parametrize(("more", "reason"), [
    ({"OwningService": "rds"}, "the service rds manages the secret"),
    ({"ReplicationStatus": [{"Region": "eu-west-1"}]}, "replicas in other regions"),
    ({"PrimaryRegion": "eu-west-1"}, "or is one"),
    ({"LastAccessedDate": DAY}, "the secret was read meanwhile"),
])
def test_a_secret_that_may_be_in_use_is_refused(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        plan_deletion({**SECRET, **more}, None)
