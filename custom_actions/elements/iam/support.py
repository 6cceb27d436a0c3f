"""The filter `policy-without-role` on the account: an AWS managed policy that no role has.

Source: IAM's ListEntitiesForPolicy.
"""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import get_partition, local_session, type_schema

from ...aws import call


class PolicyWithoutRole(Filter):
    """The account, when no role has a certain AWS managed policy.

    `policy` is the name of an AWS managed policy, with its path if it has one. Users and groups that have it do not
    count. One call, whatever the number of roles. The policy's ARN is kept on the account as `c7n:PolicyWithoutRole`.

    Written because c7n's `has-specific-managed-policy` reads the policies of every role, one by one, and an account
    without any role would have nothing to judge.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-support-role
            resource: aws.account
            filters:
              - type: policy-without-role
                policy: AWSSupportAccess
    """

    schema = type_schema(
        "policy-without-role", required=["policy"],
        policy={"type": "string", "pattern": "^[A-Za-z0-9+=,.@_-]+(/[A-Za-z0-9+=,.@_-]+)*$"})
    permissions = ("iam:ListEntitiesForPolicy",)
    annotation_key = "c7n:PolicyWithoutRole"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("iam")
        arn = f"arn:{get_partition(self.manager.config.region)}:iam::aws:policy/{self.data['policy']}"
        pages = client.get_paginator("list_entities_for_policy")
        found = call(lambda: pages.paginate(PolicyArn=arn, EntityFilter="Role").build_full_result())
        if found.get("PolicyRoles"):
            return []
        for account in resources:
            account[self.annotation_key] = f"no role has the policy {arn}"
        return resources
