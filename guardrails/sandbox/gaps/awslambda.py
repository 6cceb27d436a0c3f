"""Lambda: AddPermission refuses a statement id that is there already, and a function keeps its dead-letter queue.

moto adds such a statement twice, and drops `DeadLetterConfig`.
"""
from __future__ import annotations

import json
from typing import Any

from moto.awslambda.models import LambdaFunction
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

    keep_dead_letters()


def keep_dead_letters() -> None:
    """Let a function keep its `DeadLetterConfig`. Calling it again has no effect."""
    if hasattr(LambdaFunction.get_configuration, "keeps_dead_letters"):
        return
    made, update, configuration = (
        LambdaFunction.__init__, LambdaFunction.update_configuration, LambdaFunction.get_configuration)

    def init(self: Any, account_id: str, spec: dict[str, Any], *args: Any, **more: Any) -> None:
        self.guardrails_dead_letters = spec.get("DeadLetterConfig") or {}
        made(self, account_id, spec, *args, **more)

    def update_configuration(self: Any, config_updates: dict[str, Any]) -> dict[str, Any]:
        if "DeadLetterConfig" in config_updates:
            self.guardrails_dead_letters = config_updates["DeadLetterConfig"] or {}
        return update(self, config_updates)

    def get_configuration(self: Any, on_create: bool = False) -> dict[str, Any]:
        kept = self.guardrails_dead_letters
        return {**configuration(self, on_create), **({"DeadLetterConfig": kept} if kept.get("TargetArn") else {})}

    get_configuration.keeps_dead_letters = True  # type: ignore[attr-defined]
    LambdaFunction.__init__ = init  # type: ignore[method-assign]
    LambdaFunction.update_configuration = update_configuration  # type: ignore[method-assign]
    LambdaFunction.get_configuration = get_configuration  # type: ignore[method-assign]
