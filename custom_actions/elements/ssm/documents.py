"""The filter `public-document` on `aws.ssm-document`.

Source: Systems Manager's DescribeDocumentPermission: `all` among the accounts makes a document public.
"""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call


class PublicDocument(Filter):
    """Documents that are shared with everyone.

    A share with single accounts does not count. A document whose shares cannot be read is unknown.

    Written because c7n's `cross-account` goes on without a document that it cannot read, as if nobody had it.

    :example:

    .. code-block:: yaml

        policies:
          - name: ssm-document-not-public
            resource: aws.ssm-document
            filters:
              - public-document
    """

    schema = type_schema("public-document")
    permissions = ("ssm:DescribeDocumentPermission",)

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("ssm")
        return [each for each in resources if "all" in shared_with(client, each["Name"])]


def shared_with(client: Any, name: str) -> dict[str, str]:
    """The accounts that a document is shared with, or `all`, each with the version that it sees.

    Reads all pages, twenty accounts each. Raises one of AWS_ERRORS.
    """
    accounts: dict[str, str] = {}
    page: dict[str, Any] = {}
    while True:
        page = call(client.describe_document_permission, Name=name, PermissionType="Share", **page)
        accounts.update(dict.fromkeys((each.lower() for each in page.get("AccountIds", ())), ""))
        accounts.update({
            each["AccountId"].lower(): each.get("SharedDocumentVersion") or ""
            for each in page.get("AccountSharingInfoList", ())})
        if not page.get("NextToken"):
            return accounts
        page = {"NextToken": page["NextToken"]}
