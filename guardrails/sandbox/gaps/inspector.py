"""Inspector: the state of an account that never turned it on, which moto leaves out.

Source: Inspector's BatchGetAccountStatus: it answers with the state of each account, `DISABLED` where it is off; the
caller's own when no account is named.
"""
from __future__ import annotations

from typing import Any

from moto.inspector2.models import AccountStatus, Inspector2Backend

from ..moto_fixes import replaces


def apply() -> None:
    """Apply the change, once in a process."""
    original = Inspector2Backend.batch_get_account_status

    @replaces(Inspector2Backend, "batch_get_account_status")
    def batch_get_account_status(backend: Any, account_ids: list[str] | None) -> list[dict[str, Any]]:
        own = backend.account_id
        asked = account_ids or [own]
        if own in asked:
            backend.account_status.setdefault(own, AccountStatus(own))
        return list(original(backend, asked))
