"""The filter `missing-boundary` on users and roles."""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import type_schema

from .required import POLICIES, arns_of, check_policies


class MissingBoundary(Filter):
    """Users and roles without a permissions boundary, or with one that is not in `policies`.

    `policies` lists ARNs, or names of policies of this account; with an empty list, any boundary is allowed. The
    violation is kept on the resource as `c7n:Boundary`.

    Written because nothing is in an empty list for c7n's `value`: with it, a policy could not take a list from a
    parameter and accept any boundary by default.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-user-boundary
            resource: aws.iam-user
            filters:
              - type: missing-boundary
                policies: [boundary]
    """

    schema = type_schema("missing-boundary", policies=POLICIES)
    # c7n calls it to read the user.
    permissions = ("iam:GetUser",)
    annotation_key = "c7n:Boundary"

    def validate(self) -> MissingBoundary:
        check_policies(self)
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        allowed = arns_of(self, self.data.get("policies", ()))
        found = []
        for resource in resources:
            boundary = (resource.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
            if not boundary or (allowed and boundary not in allowed):
                resource[self.annotation_key] = f"{boundary} is not an allowed boundary" if boundary else "none"
                found.append(resource)
        return found
