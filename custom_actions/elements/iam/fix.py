"""The base class of the fixes on IAM."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...errors import Refusal
from ...fixing import Fix, FixPlan, FixResult, Step, fix_by_plan
from .protected import why_protected


class IamFix(Fix):
    """A fix of a user, a group, a role or the account; the receipt has its ARN."""

    def resource_name(self, resource: Mapping[str, Any]) -> str:
        """The resource's ARN; for the account, its id."""
        return str(resource.get("Arn") or resource["account_id"])

    def check_not_protected(self, resource: Mapping[str, Any]) -> None:
        """Raises Refusal for a role that must not be changed."""
        if "RoleName" in resource and (why := why_protected(resource["RoleName"], str(resource.get("Path") or "/"))):
            raise Refusal(why)

    def carry_out(self, client: Any, steps: Callable[[], Sequence[Step]]) -> FixResult:
        """Make the steps, plan again, and return the result."""
        return fix_by_plan(lambda service: client, lambda: FixPlan(steps()))
