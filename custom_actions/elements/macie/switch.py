"""The actions `turn-on-macie` and `turn-on-macie-discovery` on the account.

Source: Macie's GetMacieSession, EnableMacie, UpdateMacieSession, DisableMacie, GetAutomatedDiscoveryConfiguration and
UpdateAutomatedDiscoveryConfiguration.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from c7n.utils import type_schema

from ...errors import Refusal
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, again, fix_by_plan, is_account
from .session import unless_off

ON, OFF, PAUSED = "ENABLED", "DISABLED", "PAUSED"


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


def plan_discovery(status: str | None) -> FixPlan:
    """Turn on automated discovery. `status`: None where Macie is off. Raises Refusal then."""
    if status is None:
        raise Refusal("Macie is off: turn it on first")
    if status == ON:
        return FixPlan()

    def update(to: str) -> Call:
        return Call("macie2", "update_automated_discovery_configuration", {"status": to})

    return FixPlan([Step(
        "turn on automated discovery", update(ON), update(OFF), removed={"status": status}, added={"status": ON})])


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


class TurnOnMacieDiscovery(Fix):
    """Turn on Amazon Macie's automated discovery of sensitive data in this region, and verify the result.

    Macie costs money for each bucket and object that it looks at. Refused where Macie is off. In an organization, only
    the administrator account can turn it on: see the filter `macie-member`.

    Written because c7n has no action for Macie.

    :example:

    .. code-block:: yaml

        policies:
          - name: macie-discovery-enable
            resource: aws.account
            filters:
              - macie-discovery-off
            actions:
              - turn-on-macie-discovery
    """

    schema = type_schema("turn-on-macie-discovery", otherwise=OTHERWISE)
    inverses = (
        Inverse("macie2", "update_automated_discovery_configuration", matches=is_account, values={"status": OFF},
                redo=again("update_automated_discovery_configuration", status=ON)),
    )
    permissions: tuple[str, ...] = (
        "macie2:GetAutomatedDiscoveryConfiguration", "macie2:UpdateAutomatedDiscoveryConfiguration")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Turn on the discovery."""
        macie = session.client("macie2")
        yield fix_by_plan(lambda service: macie, lambda: plan_discovery(
            unless_off(macie.get_automated_discovery_configuration).get("status")))
