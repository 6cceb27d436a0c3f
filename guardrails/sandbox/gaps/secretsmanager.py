"""Secrets Manager: the day on which a secret was last read, which moto does not keep.

Source: Secrets Manager's GetSecretValue and DescribeSecret: `LastAccessedDate` is a date without a time.
"""
from __future__ import annotations

import time
from typing import Any

from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend

from ..moto_fixes import replaces

_DAY = 24 * 60 * 60


def apply() -> None:
    """Apply the changes, once in a process."""
    FakeSecret.last_accessed_date = None  # type: ignore[attr-defined]
    to_dict, get_secret_value = FakeSecret.to_dict, SecretsManagerBackend.get_secret_value

    @replaces(FakeSecret, "to_dict")
    def with_last_access(secret: Any) -> dict[str, Any]:
        return {**to_dict(secret), "LastAccessedDate": secret.last_accessed_date}

    @replaces(SecretsManagerBackend, "get_secret_value")
    def note_access(backend: Any, secret_id: str, *arguments: Any, **named: Any) -> dict[str, Any]:
        answer = get_secret_value(backend, secret_id, *arguments, **named)
        backend.secrets[secret_id].last_accessed_date = int(time.time()) // _DAY * _DAY
        return answer
