"""The filter `event-actor`: was a change made by somebody who may make it."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.utils import type_schema

from ...aws import detail_of, principal_of


def is_allowed(principal: str, allowed: Sequence[str]) -> bool:
    """Whether one of the patterns is the principal's whole ARN; `*` and `?` stand for other characters."""
    return bool(principal) and any(fnmatchcase(principal, pattern) for pattern in allowed)


class EventActor(Filter):
    """Resources of an event that somebody caused who is not in `allowed`.

    For policies in mode `cloudtrail`. `allowed` are ARNs of roles (without a session), users or the root, or the name
    of a service such as `autoscaling.amazonaws.com`; `*` and `?` stand for other characters. A principal that the
    record does not name is not allowed. A call that AWS refused does not match. Who it was is kept on the resource as
    `c7n:EventActor`.

    Written because c7n's `event` filter compares one key, and who acted stands in one key for a role's session and in
    another for a user, the root or a service; and because it knows no list of patterns.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-user-created
            resource: aws.iam-user
            mode:
              type: cloudtrail
              role: arn:aws:iam::{account_id}:role/guardrails
              events:
                - source: iam.amazonaws.com
                  event: CreateUser
                  ids: requestParameters.userName
            filters:
              - type: event-actor
                allowed:
                  - arn:aws:iam::{account_id}:role/iam-provisioning
                  - arn:aws:iam::{account_id}:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_IamAdmin_*
    """

    # A text stands for a parameter that is a list.
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
        said = f"{record.get('eventName')} by {principal or 'nobody that the record names'}"
        return [{**resource, self.annotation_key: said} for resource in resources]
