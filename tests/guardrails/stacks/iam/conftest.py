"""moto with its IAM enforcement on: who calls is a role that has what the project wrote for it, and no more."""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import requests
from c7n import utils

from tests.moto_server import ACCOUNT, Moto

# What moto calls these: S3's by what it takes the request for.
_AS_MOTO_NAMES_IT = {
    "s3:GetEncryptionConfiguration": "s3:ListBucket",
    "s3:PutEncryptionConfiguration": "s3:CreateBucket",
    "s3:GetBucketPublicAccessBlock": "s3:ListBucket",
    "s3:PutBucketPublicAccessBlock": "s3:CreateBucket",
}
# It knows a service by the name that requests are signed with.
_SIGNED_AS = {"cloudwatch": "monitoring", "tag": "tagging"}


def _as_moto_names_it(action: str) -> str:
    service, _, name = action.partition(":")
    return _AS_MOTO_NAMES_IT.get(action, f"{_SIGNED_AS.get(service, service)}:{name}")


@dataclass
class Enforced:
    """Makes roles, and calls as one of them."""

    moto: Moto
    monkeypatch: pytest.MonkeyPatch
    _made: list[str] = field(default_factory=list)

    @contextmanager
    def as_role(self, actions: Iterable[str]) -> Iterator[None]:
        """In the block all credentials of the environment are a role's that is allowed `actions`, everywhere.

        moto knows neither resources nor conditions: of a document only its actions can be tried.
        """
        listed = sorted({_as_moto_names_it(action) for action in actions})
        name, iam = f"tried-{len(self._made)}", self.moto.client("iam")
        self._made.append(name)
        statement = {"Effect": "Allow", "Action": listed, "Resource": "*"}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=name, PolicyName="tried", PolicyDocument=policy)
        got = self.moto.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{name}", RoleSessionName="tried")["Credentials"]
        with self.monkeypatch.context() as patch:
            self._set(patch, {
                "AWS_ACCESS_KEY_ID": got["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": got["SecretAccessKey"],
                "AWS_SESSION_TOKEN": got["SessionToken"],
            })
            self._enforce_after("0")
            try:
                yield
            finally:
                self._enforce_after("inf")
                utils.reset_session_cache()

    def _set(self, patch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            patch.setenv(name, value)
        utils.reset_session_cache()

    def _enforce_after(self, calls: str) -> None:
        requests.post(f"{self.moto.endpoint}/moto-api/reset-auth", data=calls.encode(), timeout=30).raise_for_status()


@pytest.fixture
def enforced(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Enforced:
    return Enforced(moto, monkeypatch)
