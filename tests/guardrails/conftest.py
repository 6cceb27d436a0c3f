"""Several AWS accounts behind one endpoint, and the command line as a user calls it."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from moto.core.exceptions import AccessDeniedError
from moto.iam.models import IAMBackend
from moto.sts.models import STSBackend

from guardrails.cli.main import main
from tests.moto_server import Moto

POLICIES = Path(__file__).parent / "cli" / "policies"
HOME = "123456789012"
"""The account of the default credentials."""
RED, BLUE, LOCKED = "111111111111", "222222222222", "333333333333"
REGIONS = ("us-east-1", "eu-west-1")


@dataclass
class Cloud:
    """The running endpoint, and what it refuses."""

    url: str
    no_way_in: set[str] = field(default_factory=set)
    """Accounts whose role cannot be assumed."""
    no_users: set[str] = field(default_factory=set)
    """Accounts in which iam:ListUsers is denied."""

    _sessions: dict[str, boto3.Session] = field(default_factory=dict)
    _clients: dict[tuple[str, str, str], Any] = field(default_factory=dict)

    def client(self, service: str, account: str = HOME, region: str = "us-east-1") -> Any:
        """A client in an account; made once, for that takes longer than most calls."""
        key = (service, account, region)
        if key not in self._clients:
            self._clients[key] = self._session(account).client(service, region_name=region)
        return self._clients[key]

    def _session(self, account: str) -> boto3.Session:
        if account not in self._sessions:
            keys: tuple[str, ...] = ()
            if account != HOME:
                sts = self._session(HOME).client("sts")
                got = sts.assume_role(RoleArn=role(account), RoleSessionName="seed")["Credentials"]
                keys = (got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])
            self._sessions[account] = boto3.Session(*keys)
        return self._sessions[account]

    def open_group(self, account: str, region: str) -> str:
        """A security group with port 22 open to the world, and to one innocent address."""
        ec2 = self.client("ec2", account, region)
        group = ec2.create_security_group(GroupName="open", Description="test")["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{
            "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
            "IpRanges": [{"CidrIp": "0.0.0.0/0"}, {"CidrIp": "10.1.2.3/32"}],
        }])
        return str(group)

    def sources(self, account: str, region: str, group: str) -> list[str]:
        """Who reaches the group."""
        found = self.client("ec2", account, region).describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
        return sorted(ip["CidrIp"] for permission in found["IpPermissions"] for ip in permission["IpRanges"])


def role(account: str) -> str:
    return f"arn:aws:iam::{account}:role/sweep"


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verbs write under the current directory, the history of earlier runs too: each test has its own.

    The locks of `heal` are in the state directory.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def cloud(moto_server: Moto, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """An empty cloud. Credentials and endpoint are in the environment, as a user would set them."""
    endpoint = moto_server.endpoint
    moto_server.reset()
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    running = Cloud(endpoint)
    assume_role, list_users = STSBackend.assume_role, IAMBackend.list_users

    def assume(self: Any, *args: Any, **kwargs: Any) -> Any:
        arn = kwargs.get("role_arn") or args[2]
        if arn.split(":")[4] in running.no_way_in:
            raise AccessDeniedError("arn:aws:iam::123456789012:user/me", f"sts:AssumeRole on {arn}")
        return assume_role(self, *args, **kwargs)

    def users(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.account_id in running.no_users:
            raise AccessDeniedError(f"arn:aws:iam::{self.account_id}:role/sweep", "iam:ListUsers")
        return list_users(self, *args, **kwargs)

    monkeypatch.setattr(STSBackend, "assume_role", assume)
    monkeypatch.setattr(IAMBackend, "list_users", users)
    return running


@pytest.fixture
def accounts_yml(tmp_path: Path) -> Path:
    """Two accounts in two regions, and a third."""
    lines = ["accounts:"]
    for name, number in (("red", RED), ("blue", BLUE), ("locked", LOCKED)):
        where = f"regions: [{', '.join(REGIONS)}]"
        lines.append(f"- {{name: {name}, account_id: '{number}', role: {role(number)}, {where}}}")
    file = tmp_path / "accounts.yml"
    file.write_text("\n".join(lines) + "\n")
    return file


def guardrails(*arguments: object) -> Result:
    """Run the command line; what it raised that is no exit is raised here."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
