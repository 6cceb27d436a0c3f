"""The action `turn-on-macie` on the account.

Source: Macie's GetMacieSession, EnableMacie, UpdateMacieSession and DisableMacie.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from c7n.utils import type_schema

from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, again, fix_by_plan, is_account
from .session import unless_off

ON, PAUSED = "ENABLED", "PAUSED"


def plan_session(status: str | None) -> FixPlan:
    """Turn Macie on, or resume it. `status`: None where it is off."""
    if status == ON:
        return FixPlan()
    if status is None:
        make, undo = Call("macie2", "enable_macie", {"status": ON}), Call("macie2", "disable_macie", {})
        return FixPlan([Step("turn on Macie", make, undo, added={"status": ON})])

    def update(to: str) -> Call:
        return Call("macie2", "update_macie_session", {"status": to})

    return FixPlan([Step("resume Macie", update(ON), update(status), removed={"status": status}, added={"status": ON})])


class TurnOnMacie(Fix):
    """Turn on Amazon Macie in this region, or resume it if it is paused, and verify the result.

    Macie costs money for each bucket that it watches.

    Written because c7n has no action for Macie.

    :example:

    .. code-block:: yaml

        policies:
          - name: macie-enable
            resource: aws.account
            filters:
              - macie-off
            actions:
              - turn-on-macie
    """

    schema = type_schema("turn-on-macie", otherwise=OTHERWISE)
    inverses = (
        Inverse("macie2", "disable_macie", matches=is_account, already=("ResourceNotFoundException",)),
        Inverse("macie2", "update_macie_session", matches=is_account, values={"status": PAUSED},
                redo=again("update_macie_session", status=ON)),
    )
    # Macie makes its role when the account has none.
    permissions: tuple[str, ...] = (
        "macie2:GetMacieSession", "macie2:EnableMacie", "macie2:UpdateMacieSession", "iam:CreateServiceLinkedRole")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Turn on Macie."""
        macie = session.client("macie2")
        yield fix_by_plan(
            lambda service: macie, lambda: plan_session(unless_off(macie.get_macie_session).get("status")))
