"""Finds the account and the principal of a request from its access key.

Three kinds of keys arrive. Twelve digits are the administrator of that account. A key that moto's STS or IAM
gave out is that role session or user. A deployed function calls with its account's digits, through an address
of its own (functions.py), and is its role's session.

moto wants keys of 20 characters, so the digits and functions get such a key on the way in (`moto_key`); STS
answers from here, so that `get-caller-identity` and the CloudTrail record name the same principal.
"""
from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import STSBackend, sts_backends

from .partitions import in_region

DEFAULT_ACCOUNT = "123456789012"
_ACCOUNT = re.compile(r"\d{12}")


@dataclass(frozen=True)
class Caller:
    """A principal that signed a request.

    account: its 12 digits; arn: as sts:GetCallerIdentity gives it; principal_id: its unique id (for a role
    session with `:session`); name: the user's or the session's name; role_arn: set for a role session;
    moto_key: the access key under which moto knows it.
    """

    account: str
    arn: str
    principal_id: str
    name: str
    moto_key: str
    role_arn: str = ""

    def user_identity(self, time: str) -> dict[str, Any]:
        """The `userIdentity` of a CloudTrail record of a call made at `time`."""
        identity = {
            "type": "AssumedRole" if self.role_arn else "IAMUser",
            "principalId": self.principal_id,
            "arn": self.arn,
            "accountId": self.account,
            "accessKeyId": self.moto_key,
        }
        if not self.role_arn:
            return {**identity, "userName": self.name}
        issuer = {
            "type": "Role",
            "principalId": self.principal_id.partition(":")[0],
            "arn": self.role_arn,
            "accountId": self.account,
            "userName": self.role_arn.rpartition("/")[2],
        }
        attributes = {"creationDate": time, "mfaAuthenticated": "false"}
        return {**identity, "sessionContext": {"sessionIssuer": issuer, "attributes": attributes}}


def administrator(account: str) -> Caller:
    """The caller whose access key is the account id. There is no such user in IAM, so the account stays empty."""
    return Caller(
        account=account,
        arn=f"arn:aws:iam::{account}:user/admin",
        principal_id="AIDA" + _digest(account, 17),
        name="admin",
        moto_key=f"AKIASBOX{account}",
    )


def role_session(role_arn: str, session: str, account: str) -> Caller:
    """The session `session` of a role of `account`, such as a function's. The role may have a path."""
    role = role_arn.rpartition("/")[2]
    return Caller(
        account=account,
        arn=f"arn:{role_arn.split(':')[1]}:sts::{account}:assumed-role/{role}/{session}",
        principal_id=f"{_role_id(role_arn, account)}:{session}",
        name=session,
        moto_key="ASIA" + _digest(f"{role_arn} {session}", 16),
        role_arn=role_arn,
    )


class Identities:
    """Resolves access keys, and registers the callers in moto's STS."""

    def __init__(self) -> None:
        self._known: dict[str, Caller] = {}
        self._lock = threading.Lock()
        self._teach_sts()

    def resolve(self, key: str) -> Caller:
        """The principal of `key`; an unknown key is the default account's administrator, as in moto."""
        if _ACCOUNT.fullmatch(key):
            return self.remember(administrator(key))
        with self._lock:
            known = self._known.get(key)
        return known or _issued_by_moto(key) or self.remember(administrator(DEFAULT_ACCOUNT))

    def remember(self, caller: Caller) -> Caller:
        """Register `caller` in moto's STS under its key, and return it."""
        with self._lock:
            self._known[caller.moto_key] = caller
        return caller

    def forget_all(self) -> None:
        """Drop every session, for a reset."""
        with self._lock:
            self._known.clear()

    def _teach_sts(self) -> None:
        known, original = self._known, STSBackend.get_caller_identity

        def get_caller_identity(backend: Any, access_key_id: str, region: str) -> tuple[str, str, str]:
            caller = known.get(access_key_id)
            if caller is None:
                return original(backend, access_key_id, region)
            return caller.principal_id, in_region(caller.arn, region), caller.account

        setattr(STSBackend, "get_caller_identity", get_caller_identity)  # noqa: B010 - a deliberate patch


def _issued_by_moto(key: str) -> Caller | None:
    """A role session of moto's STS or the owner of an IAM user's key; None for a key that moto did not issue."""
    for account, sts in list(sts_backends.items()):
        for each in list(sts.values()):
            if session := each.get_assumed_role_from_access_key(key):
                return Caller(account, session.arn, session.user_id, session.session_name, key, session.role_arn)
    for account, iam in list(iam_backends.items()):
        for backend in list(iam.values()):
            if key in backend.access_keys and (user := backend.get_user_from_access_key_id(key)):
                return Caller(account, user.arn, user.id, user.name, key)
    return None


def _role_id(role_arn: str, account: str) -> str:
    for backend in list(iam_backends[account].values()):
        for role in list(backend.roles.values()):
            if role.arn == role_arn:
                return str(role.id)
    return "AROA" + _digest(role_arn, 17)


def _digest(text: str, length: int) -> str:
    """A stable replacement for the random part of an AWS id."""
    return hashlib.sha256(text.encode()).hexdigest()[:length].upper()
