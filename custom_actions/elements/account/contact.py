"""The filter `missing-contact` on the account: an alternate contact that is not there.

Source: AWS Account Management's GetAlternateContact.
"""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import absent


class MissingContact(Filter):
    """The account, when it has no alternate contact of a kind.

    `contact` is `SECURITY`, `OPERATIONS` or `BILLING`.

    Written because c7n has no filter for the contacts of an account.

    :example:

    .. code-block:: yaml

        policies:
          - name: account-security-contact
            resource: aws.account
            filters:
              - type: missing-contact
                contact: SECURITY
    """

    schema = type_schema(
        "missing-contact", required=["contact"], contact={"enum": ["SECURITY", "OPERATIONS", "BILLING"]})
    permissions = ("account:GetAlternateContact",)

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("account")
        answer = absent(
            client.get_alternate_contact, "ResourceNotFoundException", AlternateContactType=self.data["contact"])
        return [] if answer else resources
