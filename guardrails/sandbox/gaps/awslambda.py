"""AddPermission refuses a statement whose id the function's policy has already, as AWS does; moto adds it twice."""
from __future__ import annotations

import json
from typing import Any

from moto.awslambda.policy import Policy
from moto.core.exceptions import JsonRESTError

from ..moto_fixes import replaces


class ResourceConflict(JsonRESTError):
    """AWS's answer to a statement id that is there already."""

    code = 409

    def __init__(self, statement: str) -> None:
        super().__init__(
            "ResourceConflictException",
            f"The statement id ({statement}) provided already exists. Please provide a new statement id, or remove the "
            "existing statement.")


def apply() -> None:
    """Put the additions in place."""
    original = Policy.add_statement

    @replaces(Policy, "add_statement")
    def add_statement(policy: Any, raw: str, qualifier: str | None = None) -> Any:
        statement = json.loads(raw)["StatementId"]
        if any(each.get("Sid") == statement for each in policy.statements):
            raise ResourceConflict(statement)
        return original(policy, raw, qualifier)
