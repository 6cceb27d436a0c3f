"""The filter `inspector-scan-off` on the account: what Amazon Inspector does not scan.

Source: Inspector's BatchGetAccountStatus, `resourceState`.
"""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call
from ...errors import CannotRead

SCANS = ("ec2", "ecr", "lambda", "lambdaCode")


def states_of(client: Any, account: str) -> dict[str, str]:
    """The state of each kind of scan. Raises one of AWS_ERRORS, or CannotRead if Inspector does not tell it."""
    answer = call(client.batch_get_account_status, accountIds=[account])
    found = [each for each in answer.get("accounts", ()) if each["accountId"] == account]
    if not found:
        failed = answer.get("failedAccounts") or ()
        reasons = [f"{each.get('errorCode')}: {each.get('errorMessage')}" for each in failed]
        raise CannotRead(f"Inspector does not tell the state of {account}: {'; '.join(reasons) or 'no answer'}")
    return {scan: found[0]["resourceState"].get(scan, {}).get("status", "DISABLED") for scan in SCANS}


class InspectorScanOff(Filter):
    """The account, when Amazon Inspector does not scan one kind of resource in this region.

    `scan` is `ec2`, `ecr`, `lambda` (the packages of functions) or `lambdaCode` (their code). Only `ENABLED` is on: a
    scan that is being turned on is found until it runs. The state is kept on the account as `c7n:InspectorScanOff`.
    When Inspector does not tell the state of the account, this is an error.

    Written because c7n has no filter for Inspector's settings.

    :example:

    .. code-block:: yaml

        policies:
          - name: inspector-ec2
            resource: aws.account
            filters:
              - type: inspector-scan-off
                scan: ec2
    """

    schema = type_schema(
        "inspector-scan-off", required=["scan"], scan={"enum": list(SCANS)})
    permissions = ("inspector2:BatchGetAccountStatus",)
    annotation_key = "c7n:InspectorScanOff"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("inspector2")
        state = states_of(client, self.manager.config.account_id)[self.data["scan"]]
        if state == "ENABLED":
            return []
        return [{**account, self.annotation_key: f"{self.data['scan']}: {state}"} for account in resources]
