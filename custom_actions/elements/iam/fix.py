"""What the fixes on IAM share: their client, and the name of what they fix."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...fixing import Fix, FixPlan, FixResult, Step, fix_by_plan


class IamFix(Fix):
    """A fix of a user, a group, a role or the account, whose receipt goes by its ARN."""

    def resource_name(self, resource: Mapping[str, Any]) -> str:
        """The resource's ARN; the account's number for the account."""
        return str(resource.get("Arn") or resource["account_id"])

    def carry_out(self, client: Any, steps: Callable[[], Sequence[Step]]) -> FixResult:
        """Make the steps, and ask for them again to say how it ended."""
        return fix_by_plan(lambda service: client, lambda: FixPlan(steps()))
