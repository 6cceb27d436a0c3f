"""The filter `root-authority-on` on `aws.account`. Source: AWS Private CA's ListCertificateAuthorities."""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call

_OFF = ("DISABLED", "DELETED")


class RootAuthorityOn(Filter):
    """The account, when one of its root certificate authorities in this region is not disabled.

    Their ARNs are stored as `c7n:RootAuthorityOn`. Authorities that other accounts share do not count, nor those that
    are deleted and can still be restored. One call for the account.

    Written because c7n has no resource type for private certificate authorities.

    :example:

    .. code-block:: yaml

        policies:
          - name: private-ca-root-disabled
            resource: aws.account
            filters:
              - root-authority-on
    """

    schema = type_schema("root-authority-on")
    permissions = ("acm-pca:ListCertificateAuthorities",)
    annotation_key = "c7n:RootAuthorityOn"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("acm-pca")
        authorities = call(lambda: [
            authority for page in client.get_paginator("list_certificate_authorities").paginate(ResourceOwner="SELF")
            for authority in page["CertificateAuthorities"]
        ])
        found = sorted(each["Arn"] for each in authorities if each["Type"] == "ROOT" and each["Status"] not in _OFF)
        for each in resources:
            if found:
                each[self.annotation_key] = found
        return resources if found else []
