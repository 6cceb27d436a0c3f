"""The temporary credentials of a role, as AssumeRole returns them."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import local
from typing import Any

import boto3
import botocore.credentials
import botocore.session
from botocore.credentials import ReadOnlyCredentials

_LAST = timedelta(minutes=50)


@dataclass(frozen=True)
class Credentials:
    """The credentials of an assumed role. They are held in memory and sent to the workers of a sweep, never written."""

    account: str
    """The account of the role; AWS says it in the ARN of the assumed role."""
    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    expires: datetime

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Credentials:
        """From a response of AssumeRole."""
        found = answer["Credentials"]
        return cls(
            answer["AssumedRoleUser"]["Arn"].split(":")[4], found["AccessKeyId"], found["SecretAccessKey"],
            found["SessionToken"], found["Expiration"])

    def lasts(self) -> bool:
        """Whether they last for the work in an account and region: for most of the hour for which AWS gives them.

        Credentials of the environment cannot be renewed, so long work begins with new ones.
        """
        return self.expires - datetime.now(UTC) > _LAST

    def keys(self) -> ReadOnlyCredentials:
        """As botocore has them."""
        return ReadOnlyCredentials(self.access_key, self.secret_key, self.token, self.account)

    def session(self, region: str | None) -> boto3.Session:
        """A session with them."""
        return boto3.Session(
            aws_access_key_id=self.access_key, aws_secret_access_key=self.secret_key, aws_session_token=self.token,
            region_name=region)


class ThreadCredentials(botocore.credentials.Credentials):
    """Credentials that are different in each thread. botocore reads them for every request."""

    def __init__(self) -> None:
        super().__init__("", "")
        self._thread = local()

    def use(self, keys: ReadOnlyCredentials) -> None:
        """Sign with these in this thread from now on."""
        self._thread.keys = keys

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return self._thread.keys

    def session(self, region: str) -> boto3.Session:
        """A session whose clients sign with them."""
        made = botocore.session.Session()
        made._credentials = self
        return boto3.Session(botocore_session=made, region_name=region)
