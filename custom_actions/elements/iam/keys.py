"""Access keys: the filters `unused-keys` and `keys-of-setup`, and the action `disable-keys` on users.

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
from ...fixing import OTHERWISE, Call, FixResult, Inverse, Step, again, is_removed
from ...parameters import placeholders
from .fix import IamFix
from .principals import GONE

ANNOTATION = "c7n:UnusedKeys"
# The annotation of c7n's own filter `access-key`.
_MATCHED = "c7n:matched-keys"


@dataclass(frozen=True)
class Key:
    """An access key; `used` is None when IAM has recorded no use."""

    id: str
    active: bool
    created: datetime
    used: datetime | None = None

    def unused_since(self, now: datetime, days: float) -> str:
        """Why the key is unused: it is active, and was last used, or else created, at least `days` days ago.

        Empty when it is not unused.
        """
        if not self.active or now - (self.used or self.created) < timedelta(days=days):
            return ""
        if self.used is None:
            return f"never used, created {(now - self.created).days} days ago"
        return f"last used {(now - self.used).days} days ago"

    def of_setup(self, user_created: datetime, minutes: float) -> bool:
        """Whether the key is active, and was created at most `minutes` after its user."""
        return self.active and self.created - user_created <= timedelta(minutes=minutes)


class UnusedKeys(Filter):
    """Users with an active access key that has not been used for a number of days.

    For a key that was never used, its creation date counts, so that a new key does not match. The last use is read when
    the policy runs, but not for keys younger than `days`. The unused keys are kept on the user as `c7n:UnusedKeys`, by
    key id.

    Written because c7n's `credential` reads the credential report, which is up to four hours old and has no key ids,
    and its `access-key` does not check the last use.

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
            raise PolicyValidationError(f"{self.type}: days must be a number, got {days!r}")
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


class KeysOfSetup(Filter):
    """Users with an active access key that was created together with the user, and was never used.

    Together means within `minutes` (10 by default) after the user. The last use of such a key is read when the policy
    runs. The keys are kept on the user as `c7n:KeysOfSetup`, by key id.

    Written because c7n's `access-key` neither compares a key with its user nor checks the last use.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-no-key-of-setup
            resource: aws.iam-user
            filters:
              - login-profile
              - keys-of-setup
    """

    schema = type_schema("keys-of-setup", minutes={"type": "number", "minimum": 0})
    permissions = ("iam:ListAccessKeys", "iam:GetAccessKeyLastUsed")
    annotation_key = "c7n:KeysOfSetup"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("iam")
        minutes = self.data.get("minutes", 10)
        found = []
        for user in resources:
            ids = [
                key.id for key in _keys(client, user["UserName"])
                if key.of_setup(user["CreateDate"], minutes) and _last_use(client, key) is None]
            if ids:
                user[self.annotation_key] = dict.fromkeys(ids, "created with the user, never used")
                found.append(user)
        return found


class DisableKeys(IamFix):
    """Disable the access keys that the policy's filter found, and verify the result.

    The filter is `unused-keys`, or c7n's `access-key`. A disabled key can be enabled again. A user whose key this run
    uses is refused. The outcome of each user is reverted, already-ok, partial, failed or refused. Its receipt, in
    `action-disable-keys` beside the policy's other output, has the keys and the calls that enable them again.

    Written because c7n's `remove-keys` does not know the keys that `unused-keys` found, does not verify the result, and
    keeps no record of the keys that it disabled.

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

    schema = type_schema("disable-keys", otherwise=OTHERWISE)
    inverses = (
        Inverse("iam", "update_access_key", "UserName", values={"AccessKeyId": is_removed, "Status": "Active"},
                redo=again("update_access_key", Status="Inactive")),
    )
    permissions: tuple[str, ...] = ("iam:ListAccessKeys", "iam:UpdateAccessKey")

    def validate(self) -> DisableKeys:
        super().validate()
        if not {found.type for found in self.manager.iter_filters()} & {"unused-keys", "access-key"}:
            raise PolicyValidationError(f"{self.type}: the policy needs one of the filters unused-keys, access-key")
        return self

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Disable the keys of one user that a filter found."""
        user, client = resource["UserName"], session.client("iam")
        wanted = found_keys(resource)
        own = session.get_credentials().access_key
        if own in wanted:
            raise Refusal(f"this run uses the key {own}")
        yield self.carry_out(client, lambda: [
            _disabling(user, key.id) for key in _keys(client, user) if key.active and key.id in wanted])


def found_keys(user: Mapping[str, Any]) -> set[str]:
    """The ids of the keys that filters found on a user."""
    return {*user.get(ANNOTATION, ()), *(key["AccessKeyId"] for key in user.get(_MATCHED, ()))}


def _keys(client: Any, user: str) -> list[Key]:
    """A user's keys without their last use; none when the user does not exist. Raises one of AWS_ERRORS."""
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
    """The keys that may be unused, with their last use. Raises one of AWS_ERRORS."""
    for key in _keys(client, user):
        if key.unused_since(now, days):
            yield Key(key.id, key.active, key.created, _last_use(client, key))


def _last_use(client: Any, key: Key) -> datetime | None:
    """When the key was last used; None when IAM has recorded no use. Raises one of AWS_ERRORS."""
    last = call(client.get_access_key_last_used, AccessKeyId=key.id)["AccessKeyLastUsed"]
    used: datetime | None = last.get("LastUsedDate")
    return used


def _disabling(user: str, key_id: str) -> Step:
    def status(value: str) -> Call:
        return Call("iam", "update_access_key", {"UserName": user, "AccessKeyId": key_id, "Status": value})

    return Step(
        f"disable {key_id}", status("Inactive"), status("Active"),
        removed={"AccessKeyId": key_id, "Status": "Active"}, added={"AccessKeyId": key_id, "Status": "Inactive"})
