"""The filter `event-actor`: whether a change was made by an allowed principal."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.utils import type_schema

from ...aws import detail_of, principal_of


def is_allowed(principal: str, allowed: Sequence[str]) -> bool:
    """Whether one of the patterns matches the whole ARN of the principal; `*` and `?` are wildcards."""
    return bool(principal) and any(fnmatchcase(principal, pattern) for pattern in allowed)


class EventActor(Filter):
    """Resources of an event whose principal is not in `allowed`.

    For policies in mode `cloudtrail`. `allowed` lists ARNs of roles (without a session), users or the root user, or
    names of services such as `autoscaling.amazonaws.com`; `*` and `?` are wildcards. An event without a principal
    matches. A call that AWS refused does not match. The principal is kept on the resource as `c7n:EventActor`.

    Written because c7n's `event` filter compares one key, while the principal is in different keys for a role's session
    and for a user, the root user or a service; and because it cannot compare with a list of patterns.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-user-created
            resource: aws.iam-user
            mode:
              type: cloudtrail
              role: guardrails
              events:
                - source: iam.amazonaws.com
                  event: CreateUser
                  ids: requestParameters.userName
            filters:
              - type: event-actor
                allowed:
                  - arn:{partition}:iam::{account_id}:role/iam-provisioning
                  - arn:{partition}:iam::{account_id}:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_IamAdmin_*
    """

    # A string is a parameter whose value is a list.
    schema = type_schema(
        "event-actor", required=["allowed"],
        allowed={"oneOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]},
    )
    schema_alias = False
    permissions = ()
    annotation_key = "c7n:EventActor"

    def validate(self) -> EventActor:
        if (self.manager.data.get("mode") or {}).get("type") != "cloudtrail":
            raise PolicyValidationError(f"{self.type}: needs a policy in mode cloudtrail")
        return self

    def process(
        self, resources: list[dict[str, Any]], event: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        record = detail_of(event)
        principal = principal_of(record)
        if problem := record.get("errorCode"):
            self.log.info("%s: %s failed with %s: it changed nothing", self.type, record.get("eventName"), problem)
            return []
        if is_allowed(principal, self.data["allowed"]):
            self.log.info("%s: %s by %s is allowed", self.type, record.get("eventName"), principal)
            return []
        said = f"{record.get('eventName')} by {principal or 'an unknown principal'}"
        return [{**resource, self.annotation_key: said} for resource in resources]
