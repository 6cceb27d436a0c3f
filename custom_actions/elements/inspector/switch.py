"""The action `turn-on-inspector-scan` on the account.

Source: Inspector's BatchGetAccountStatus, Enable and Disable. Enable answers with the accounts for which it failed.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from c7n.utils import type_schema

from ...aws import AWS_ERRORS, reason_of
from ...errors import CannotRead
from ...fixing import (
    OTHERWISE,
    Answer,
    Call,
    Fix,
    FixPlan,
    FixResult,
    Inverse,
    Outcome,
    Step,
    again,
    all_added,
    calls,
    carry_out,
)
from .scanning import SCANS, states_of

TYPES: Mapping[str, str] = {"ec2": "EC2", "ecr": "ECR", "lambda": "LAMBDA", "lambdaCode": "LAMBDA_CODE"}
"""The names of Enable, by those of BatchGetAccountStatus."""
_ON = ("ENABLED", "ENABLING")


def plan_scan(account: str, states: Mapping[str, str], scan: str) -> FixPlan:
    """Turn on one kind of scan. `states`: by the names of BatchGetAccountStatus."""
    # The code of functions is scanned only where their packages are.
    wanted = ("lambda", "lambdaCode") if scan == "lambdaCode" else (scan,)
    missing = [TYPES[each] for each in wanted if states.get(each) not in _ON]
    if not missing:
        return FixPlan()

    def request(operation: str) -> Call:
        return Call("inspector2", operation, {"accountIds": [account], "resourceTypes": missing})

    return FixPlan([Step(
        f"scan {', '.join(missing)}", request("enable"), request("disable"), added={"resourceTypes": missing})])


class TurnOnInspectorScan(Fix):
    """Turn on one kind of scan of Amazon Inspector for the account in this region, and verify the result.

    `scan` is that of the filter `inspector-scan-off`. `lambdaCode` turns on `lambda` too, because Inspector scans code
    only where it scans packages. Each kind of scan costs money.

    Written because c7n has no action for Inspector's settings.

    :example:

    .. code-block:: yaml

        policies:
          - name: inspector-ec2-enable
            resource: aws.account
            filters:
              - type: inspector-scan-off
                scan: ec2
            actions:
              - type: turn-on-inspector-scan
                scan: ec2
    """

    schema = type_schema(
        "turn-on-inspector-scan", required=["scan"], otherwise=OTHERWISE, scan={"enum": list(SCANS)})
    inverses = (
        Inverse("inspector2", "disable", "accountIds", lambda value, receipt: value == [receipt["account"]],
                {"resourceTypes": all_added}, redo=again("enable")),
    )
    # Inspector makes its roles when the account has none.
    permissions: tuple[str, ...] = (
        "inspector2:BatchGetAccountStatus", "inspector2:Enable", "iam:CreateServiceLinkedRole")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Turn on the scan."""
        client, account = session.client("inspector2"), self.manager.config.account_id
        make = calls(lambda service: client)

        def plan() -> FixPlan:
            return plan_scan(account, states_of(client, account), self.data["scan"])

        def enable(step: Step) -> Answer:
            failed = (make(step) or {}).get("failedAccounts") or ()
            return {"Unsuccessful": [{"Error": {
                "Message": f"{each.get('errorCode')}: {each.get('errorMessage')}"}} for each in failed]}

        try:
            steps = plan().steps
        except (*AWS_ERRORS, CannotRead) as error:
            yield FixResult(Outcome.FAILED, reason_of(error))
            return
        yield carry_out(steps, enable, lambda: plan().steps) if steps else FixResult(Outcome.ALREADY_OK)
