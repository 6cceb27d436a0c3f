"""The filter `macie-off` on the account: Amazon Macie is not on.

Source: Macie's GetMacieSession, which refuses with "Macie is not enabled" where it is off.
"""
from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call, code_of


class MacieOff(Filter):
    """The account, when Amazon Macie is off or paused in this region.

    The state is kept on the account as `c7n:MacieOff`. A call that is refused for any other reason is an error.

    Written because c7n's `check-macie` takes every refusal for Macie being off, also that of an account that may not
    ask.

    :example:

    .. code-block:: yaml

        policies:
          - name: macie-enabled
            resource: aws.account
            filters:
              - macie-off
    """

    schema = type_schema("macie-off")
    permissions = ("macie2:GetMacieSession",)
    annotation_key = "c7n:MacieOff"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("macie2")
        try:
            state = str(call(client.get_macie_session)["status"])
        except ClientError as error:
            if not says_off(error):
                raise
            state = "not enabled"
        return [] if state == "ENABLED" else [{**account, self.annotation_key: state} for account in resources]


def says_off(error: ClientError) -> bool:
    """Whether Macie refused because it is off, and not because the caller may not ask."""
    if code_of(error) == "ResourceNotFoundException":
        return True
    return code_of(error) == "AccessDeniedException" and "not enabled" in error.response["Error"].get("Message", "")
