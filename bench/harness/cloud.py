"""A local AWS for benchmarks: moto's server in a process of its own, which counts what it is asked."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import boto3

from .processes import Failed, Usage, run

ROOT = Path(__file__).parents[2]
REGION = "us-east-1"
HOME = "123456789012"
"""The account of the credentials."""


@dataclass(frozen=True)
class Cloud:
    """The running server, or a proxy in front of it."""

    endpoint: str
    """Where programs send their calls."""
    server: str = ""
    """Where the calls are counted; empty if that is the endpoint."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that differ from the usual ones."""

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to use it, and nothing of the user's."""
        from guardrails.sandbox.functions import s3_control

        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GUARDRAILS_"))}
        return kept | {
            "AWS_ENDPOINT_URL": self.endpoint, "AWS_ENDPOINT_URL_S3_CONTROL": s3_control(self.endpoint),
            "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "x", "AWS_MAX_ATTEMPTS": "1", "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", **self.settings,
        }

    def use(self) -> None:
        """Let this process's boto3 talk to the server, past a proxy: for making and reading resources."""
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        direct = replace(self, endpoint=self.server or self.endpoint, server="")
        os.environ.update({k: v for k, v in direct.environment().items() if k.startswith("AWS_")})

    def session(self, account: str = HOME, region: str = REGION) -> boto3.Session:
        """A session of an account, which is entered by a role."""
        self.use()
        got = boto3.client("sts").assume_role(RoleArn=role(account), RoleSessionName="bench")["Credentials"]
        return boto3.Session(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"], region)

    def asked(self) -> list[tuple[str, int]]:
        """What was asked since the last time: each call's name, and a number that equal calls share."""
        with urlopen((self.server or self.endpoint) + "/bench/calls") as answer:  # noqa: S310 - our own server
            return [(name, number) for name, number in json.load(answer)]

    def run(
        self, command: Sequence[str | Path], *, cwd: Path, good: Collection[int] = (0,),
        more: Mapping[str, str] | None = None, timeout: float = 1800,
    ) -> Usage:
        """Run a program on this cloud; the Usage has its calls. `more`: further environment variables."""
        self.asked()
        used = run(command, env=self.environment() | dict(more or {}), cwd=cwd, good=good, timeout=timeout)
        asked = Counter(self.asked())
        calls, repeated = Counter[str](), Counter[str]()
        for (name, _), number in asked.items():
            calls[name] += number
            repeated[name] += number - 1
        return replace(used, calls=calls, repeated=+repeated)

    def make_groups(self, number: int, rules: int) -> None:
        """Make so many security groups with so many rules each; every tenth opens port 22 to everybody."""
        query = urlencode({"number": number, "rules": rules, "account": HOME, "region": REGION})
        where = self.server or self.endpoint
        urlopen(Request(f"{where}/bench/groups?{query}", method="POST")).close()  # noqa: S310 - our own server

    def reset(self) -> None:
        """As empty as at the start."""
        where = self.server or self.endpoint
        urlopen(Request(f"{where}/moto-api/reset", method="POST")).close()  # noqa: S310 - our own server


def account_id(number: int) -> str:
    """The account of a number; the first is the one of the credentials."""
    return HOME if number == 0 else f"{210000000000 + number}"


def role(account: str) -> str:
    """The role by which an account is entered."""
    return f"arn:aws:iam::{account}:role/bench"


def accounts_file(directory: Path, number: int, regions: Sequence[str] = (REGION,)) -> Path:
    """Write an accounts.yml with so many accounts; returns its path."""
    path = directory / "accounts.yml"
    path.write_text("accounts:\n" + "".join(
        f"- {{name: account-{n}, account_id: '{account_id(n)}', role: '{role(account_id(n))}', "
        f"regions: [{', '.join(regions)}]}}\n" for n in range(number)), encoding="utf-8")
    return path


@contextmanager
def cloud() -> Iterator[Cloud]:
    """The server while the block lasts; it ends with this process, however that ends.

    If BENCH_SERVER in the environment has the address of a running one, that is emptied and used: starting one takes
    longer than the smallest benchmark.
    """
    if running := os.environ.get("BENCH_SERVER"):
        used = Cloud(running)
        used.reset()
        yield used
        return
    with served("bench.harness.server") as endpoint:
        yield Cloud(endpoint)


@contextmanager
def distant(where: Cloud, latency: float, rate: float = 0) -> Iterator[Cloud]:
    """The same cloud as far away as AWS: behind a proxy that lets each answer take `latency` seconds at least.

    `rate` is how many calls a second each service of each account answers; it refuses more, as throttled. 0 for no
    limit. Programs retry as they do on AWS.
    """
    with served("bench.harness.proxy", where.endpoint, "--latency", str(latency), "--rate", str(rate)) as endpoint:
        settings = {"AWS_MAX_ATTEMPTS": "5"} if rate else {}
        yield Cloud(endpoint, where.endpoint, settings)


@contextmanager
def served(module: str, *arguments: str) -> Iterator[str]:
    """A server that prints its address, and ends when its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if not (endpoint := process.stdout.readline().strip()):
            raise Failed(f"{module} did not start; what it said is above")
        yield endpoint
    finally:
        process.stdin.close()
        process.wait()
