"""The filter `made-by` on security groups: groups with certain names that certain roles have created."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import AWS_ERRORS, UnknownTag, creates, moment, principal_of, reason_of, records_of
from ...fixing import LIST_OF_ROLES
from ...parameters import placeholders


class MadeBy(Filter):
    """Security groups whose name is in `names` and that one of the `roles` created.

    For groups that a controller makes, whose ids change all the time. A name alone proves nothing: anyone who may
    create a group chooses its name. So CloudTrail's event history must show that one of the roles (ARNs, with the
    wildcards `*` and `?`) created the group. If it does not show that, or cannot be read, the group does not match. The
    history has a delay of some minutes and ends after 90 days: name older groups by their ids. One lookup for each
    group whose name matches, and none with an empty list of names or roles. Who created the group is kept as
    `c7n:MadeBy`.

    Written because no filter of c7n knows who created a resource.

    :example:

    .. code-block:: yaml

        policies:
          - name: security-group-web-ports-revert
            resource: aws.security-group
            filters:
              - type: ingress-drift
                forbidden: [tcp 8080 from world]
              - not:
                  - type: made-by
                    names: ["k8s-*"]
                    roles: ["arn:aws:iam::123456789012:role/load-balancer-controller"]
            actions:
              - revert-ingress
    """

    schema = type_schema("made-by", required=["names", "roles"], names=LIST_OF_ROLES, roles=LIST_OF_ROLES)
    permissions = ("cloudtrail:LookupEvents",)
    annotation_key = "c7n:MadeBy"

    def validate(self) -> MadeBy:
        for key in ("names", "roles"):
            given = self.data[key]
            if isinstance(given, str) and not placeholders(given):
                raise PolicyValidationError(f"{self.type}: {key} must be a list, got {given!r}")
            if "*" in given:
                raise PolicyValidationError(f"{self.type}: {key} must not be '*', which would match everything")
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        """The groups that match."""
        found = []
        for group in resources if self.data["roles"] else ():
            if any(fnmatchcase(group["GroupName"], name) for name in self.data["names"]) and (
                    maker := self._maker(group["GroupId"])):
                group[self.annotation_key] = [maker]
                found.append(group)
        return found

    def _maker(self, group_id: str) -> str:
        client = local_session(self.manager.session_factory).client("cloudtrail")
        try:
            return made_by(records_of(client, group_id, moment(datetime.now(UTC))), group_id, self.data["roles"])
        except (*AWS_ERRORS, UnknownTag) as error:
            self.log.warning("%s %s: it is unknown who created it: %s", self.type, group_id, reason_of(error))
            return ""


def made_by(records: Iterable[Mapping[str, Any]], group_id: str, roles: Sequence[str]) -> str:
    """Who created a group, in words, if the records show that one of the roles did; otherwise empty.

    Args:
        records: the CloudTrail records of the group, newest first.
    """
    for record in records:
        if creates(record, group_id):
            maker = principal_of(record)
            return f"created by {maker}" if any(fnmatchcase(maker, role) for role in roles) else ""
    return ""
