"""Access keys: the filter `unused-keys` and the action `disable-keys` on users.

Source: IAM's ListAccessKeys, GetAccessKeyLastUsed, UpdateAccessKey.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call, code_of
from ...errors import Refusal
from ...fixing import Call, FixResult, Inverse, Step, again, is_removed
from ...parameters import placeholders
from .fix import IamFix
from .principals import GONE

ANNOTATION = "c7n:UnusedKeys"
# Where c7n's own filter `access-key` keeps the keys that it matched.
_MATCHED = "c7n:matched-keys"


@dataclass(frozen=True)
class Key:
    """An access key; `used` is None when IAM knows of no use."""

    id: str
    active: bool
    created: datetime
    used: datetime | None = None

    def unused_since(self, now: datetime, days: float) -> str:
        """Why the key is unused: it is active, and its last use, or else its making, is `days` days ago or more.

        Empty when it is not.
        """
        if not self.active or now - (self.used or self.created) < timedelta(days=days):
            return ""
        if self.used is None:
            return f"never used, made {(now - self.created).days} days ago"
        return f"last used {(now - self.used).days} days ago"


class UnusedKeys(Filter):
    """Users with an active access key that nobody has used for some days.

    A key that was never used counts from its making, so that a new one has time. What IAM knows of a key's use is asked
    for when the policy runs, and not for keys that are younger than `days`. The unused ones are kept on the user as
    `c7n:UnusedKeys`, by key id.

    Written because c7n's `credential` reads the credential report, up to four hours old and without key ids, and its
    `access-key` does not know of a key's use.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-unused-keys
            resource: aws.iam-user
            filters:
              - type: unused-keys
                days: 45
    """

    schema = type_schema(
        "unused-keys", days={"oneOf": [{"type": "number", "minimum": 0}, {"type": "string"}]}, required=["days"])
    permissions = ("iam:ListAccessKeys", "iam:GetAccessKeyLastUsed")

    def validate(self) -> UnusedKeys:
        days = self.data["days"]
        if isinstance(days, str) and not placeholders(days):
            raise PolicyValidationError(f"{self.type}: days is a number, not {days!r}")
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("iam")
        now, days = datetime.now(UTC), self.data["days"]
        found = []
        for user in resources:
            reasons = {key.id: key.unused_since(now, days) for key in _with_use(client, user["UserName"], now, days)}
            unused = {key_id: reason for key_id, reason in reasons.items() if reason}
            if unused:
                user[ANNOTATION] = unused
                found.append(user)
        return found


class DisableKeys(IamFix):
    """Disable the access keys that the policy's filter found: `unused-keys`, or c7n's own `access-key`.

    A disabled key works again as soon as it is made active. The key that this very run uses is refused. Each user ends
    as reverted, already-ok, partial, failed or refused, in a receipt with the keys and the calls that make them active
    again: in `action-disable-keys` beside the policy's other output.

    Written because c7n's `remove-keys` does not know what `unused-keys` found, proves nothing, and keeps no record of
    which keys it disabled.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-unused-keys-disable
            resource: aws.iam-user
            filters:
              - type: unused-keys
                days: 90
            actions:
              - disable-keys
    """

    schema = type_schema("disable-keys")
    inverses = (
        Inverse("iam", "update_access_key", "UserName", values={"AccessKeyId": is_removed, "Status": "Active"},
                redo=again("update_access_key", Status="Inactive")),
    )
    permissions: tuple[str, ...] = ("iam:ListAccessKeys", "iam:UpdateAccessKey")

    def validate(self) -> DisableKeys:
        if not {found.type for found in self.manager.iter_filters()} & {"unused-keys", "access-key"}:
            raise PolicyValidationError(f"{self.type}: the policy needs one of the filters unused-keys, access-key")
        return self

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Disable the keys of one user that a filter found."""
        user, client = resource["UserName"], session.client("iam")
        wanted = found_keys(resource)
        own = session.get_credentials().access_key
        if own in wanted:
            raise Refusal(f"this runs with the key {own}")
        yield self.carry_out(client, lambda: [
            _disabling(user, key.id) for key in _keys(client, user) if key.active and key.id in wanted])


def found_keys(user: Mapping[str, Any]) -> set[str]:
    """The ids of the keys that filters found on a user."""
    return {*user.get(ANNOTATION, ()), *(key["AccessKeyId"] for key in user.get(_MATCHED, ()))}


def _keys(client: Any, user: str) -> list[Key]:
    """A user's keys without their use; none when the user is gone. Raises ClientError."""
    try:
        pages = call(lambda: list(client.get_paginator("list_access_keys").paginate(UserName=user)))
    except ClientError as error:
        if code_of(error) != GONE:
            raise
        return []
    return [
        Key(key["AccessKeyId"], key["Status"] == "Active", key["CreateDate"])
        for page in pages for key in page["AccessKeyMetadata"]
    ]


def _with_use(client: Any, user: str, now: datetime, days: float) -> Iterable[Key]:
    """The keys that may be unused, with their use. Raises ClientError."""
    for key in _keys(client, user):
        if key.unused_since(now, days):
            last = call(client.get_access_key_last_used, AccessKeyId=key.id)["AccessKeyLastUsed"]
            yield Key(key.id, key.active, key.created, last.get("LastUsedDate"))


def _disabling(user: str, key_id: str) -> Step:
    def status(value: str) -> Call:
        return Call("iam", "update_access_key", {"UserName": user, "AccessKeyId": key_id, "Status": value})

    return Step(
        f"disable {key_id}", status("Inactive"), status("Active"),
        removed={"AccessKeyId": key_id, "Status": "Active"}, added={"AccessKeyId": key_id, "Status": "Inactive"})
