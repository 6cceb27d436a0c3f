"""The filter `rotation-overdue` on `aws.secrets-manager`.

Source: Secrets Manager's ListSecrets: `NextRotationDate` is the date on or before which a secret is rotated next, and
stays in the past when the rotation fails; `RotationRules.AutomaticallyAfterDays` the days between two rotations.
"""
from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from c7n.filters import Filter
from c7n.utils import type_schema


class RotationOverdue(Filter):
    """Secrets with automatic rotation that were not rotated when they should have been.

    A secret whose next rotation is not known is due the days of its rules after its last rotation, or after it was
    created. The date is kept on the secret as `c7n:RotationOverdue`. Secrets without automatic rotation do not match.

    Written because c7n compares a field with a value or an age, not with another field of the same secret.

    :example:

    .. code-block:: yaml

        policies:
          - name: secret-rotation-succeeds
            resource: aws.secrets-manager
            filters:
              - rotation-overdue
    """

    schema = type_schema("rotation-overdue")
    permissions: tuple[str, ...] = ()
    annotation_key = "c7n:RotationOverdue"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        now, found = datetime.now(UTC), []
        for secret in resources:
            due = due_date(secret)
            if due and due < now:
                secret[self.annotation_key] = due.isoformat()
                found.append(secret)
        return found


def due_date(secret: Mapping[str, Any]) -> datetime | None:
    """When the secret is to be rotated next; None when nothing says so."""
    if not secret.get("RotationEnabled"):
        return None
    if due := secret.get("NextRotationDate"):
        return _read(due)
    days = (secret.get("RotationRules") or {}).get("AutomaticallyAfterDays")
    last = secret.get("LastRotatedDate") or secret.get("CreatedDate")
    return _read(last) + timedelta(days=days) if days and last else None


def _read(date: Any) -> datetime:
    """A date as boto3 reads it, or as a text when the secret comes from a cache."""
    read = date if isinstance(date, datetime) else datetime.fromisoformat(str(date))
    return read if read.tzinfo else read.replace(tzinfo=UTC)
