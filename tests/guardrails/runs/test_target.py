"""One account and region in this process: whose credentials it uses, which clients, and how an error ends."""
from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from c7n_org import cli

from guardrails.accounts.credentials import Credentials
from guardrails.runs import client_pool, target
from guardrails.runs.accounting import read_log
from guardrails.runs.client_pool import POOL, ClientPool
from guardrails.runs.target import TargetRun, failed_line, prepare, run_target

RED, BLUE = "1" * 12, "2" * 12
POLICIES = {"policies": [{"name": "one", "resource": "aws.s3", "mode": {"type": "periodic", "role": "r"}}]}


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What `prepare` replaces for the whole of a worker is replaced for the test only."""
    monkeypatch.setattr(boto3.Session, "client", boto3.Session.client)
    monkeypatch.setattr(cli, "load_available", cli.load_available)
    monkeypatch.setattr(target, "share_responses", lambda: None)
    yield
    POOL.end()


def credentials(account: str, *, minutes: int = 60) -> Credentials:
    return Credentials(account, f"AKIA{account}", "secret", f"token {account}",
                       datetime.now(UTC) + timedelta(minutes=minutes))


def one(account: str = RED, *, given: Credentials | None = None, dryrun: bool = True) -> TargetRun:
    entry = {"name": "red", "account_id": account, "role": [f"arn:aws:iam::{account}:role/r"], "provider": "aws"}
    return TargetRun(entry, "eu-west-1", pickle.dumps(POLICIES), "out", dryrun, given)


def test_the_credentials_of_an_assumed_role_are_read_and_last_most_of_an_hour() -> None:
    answer = {
        "AssumedRoleUser": {"Arn": f"arn:aws-cn:sts::{RED}:assumed-role/r/guardrails"}, "Credentials": {
            "AccessKeyId": "a", "SecretAccessKey": "s", "SessionToken": "t",
            "Expiration": datetime.now(UTC) + timedelta(hours=1)}}
    found = Credentials.of(answer)
    assert (found.account, found.access_key, found.secret_key, found.token) == (RED, "a", "s", "t")
    assert found.lasts()
    assert not credentials(RED, minutes=49).lasts()
    assert found.session("eu-west-1").get_credentials().get_frozen_credentials().token == "t"


@pytest.mark.parametrize(("minutes", "key"), [(60, f"AKIA{RED}"), (20, "AKIAASSUMED"), (None, "AKIAASSUMED")])
def test_a_role_is_assumed_again_only_if_its_credentials_do_not_last(
    monkeypatch: pytest.MonkeyPatch, minutes: int | None, key: str
) -> None:
    # Not a parameter: those are made when the tests are collected, and may be too old when this one runs.
    given = None if minutes is None else credentials(RED, minutes=minutes)
    ran: list[Any] = []

    def assume(account: Any, name: str, region: str) -> boto3.Session:
        return boto3.Session("AKIAASSUMED", "s", "t", region)

    def run_account(account: Any, region: str, policies: Any, *rest: Any) -> tuple[dict[str, int], bool]:
        ran.append((cli._get_env_creds(account, cli.get_session(account, "custodian", region), region), policies))
        return {}, True

    monkeypatch.setattr(cli, "get_session", assume)
    monkeypatch.setattr(cli, "run_account", run_account)
    assert run_target(one(given=given))
    [(environment, policies)] = ran
    assert (environment["AWS_ACCESS_KEY_ID"], environment["AWS_ACCOUNT_ID"]) == (key, RED)
    # c7n writes into what it loads: the next account must not get that.
    policies["policies"][0]["mode"]["role"] = f"arn:aws:iam::{RED}:role/r"
    assert run_target(one(given=given))
    assert ran[1][1] == POLICIES
    assert cli.get_session is assume


@pytest.mark.parametrize("error", [ValueError("no such filter"), SystemExit("the elements of the team are broken")])
def test_an_error_ends_this_target_and_is_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    def run_account(*arguments: Any) -> Any:
        raise error

    monkeypatch.setattr(cli, "run_account", run_account)
    with caplog.at_level(logging.WARNING):
        assert not run_target(one())
    [record] = caplog.records
    assert read_log(f"{record.name}:{record.levelname} {record.getMessage()}").crashed == {
        ("red", "eu-west-1"): str(error)}


def test_who_did_not_do_it_is_said_as_c7n_org_says_it() -> None:
    assert read_log(failed_line(one(), "was killed")).crashed == {("red", "eu-west-1"): "was killed"}


def test_only_the_types_of_the_policies_are_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loaded: list[list[str]] = []
    monkeypatch.setattr("c7n.resources.load_resources", loaded.append)
    prepare(["aws.s3", "aws.ec2", "aws.s3"])
    assert loaded == [["aws.ec2", "aws.s3"]]
    assert cli.load_available() == []


def test_a_client_of_the_pool_signs_for_the_account_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = ClientPool()
    monkeypatch.setattr(client_pool, "POOL", pool)
    client_pool.install()
    signed: list[str] = []

    def ask(account: str) -> Any:
        keys = credentials(account)
        pool.use(keys.access_key, keys.secret_key, keys.token, account)
        client = keys.session("eu-west-1").client("sts")
        client.meta.events.register(
            "before-send", lambda request, **_: signed.append(request.headers["Authorization"].decode()) or STOP,
            unique_id="seen")
        client.get_caller_identity()
        return client

    first, second = ask(RED), ask(BLUE)
    assert first is second
    assert [f"AKIA{account}/" in line for account, line in zip((RED, BLUE), signed, strict=True)] == [True, True]
    # Another role, another region, settings of its own: not this client.
    assert boto3.Session("AKIAOTHER", "s", "t", "eu-west-1").client("sts") is not first
    assert credentials(BLUE).session("eu-west-1").client("sts", region_name="us-east-1") is not first
    assert credentials(BLUE).session("eu-west-1").client("sts", verify=False) is not first
    pool.end()
    assert credentials(BLUE).session("eu-west-1").client("sts") is not first
    assert first._request_signer._credentials.access_key == ""


class _Answer:
    """A response of STS."""

    status_code = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - of one test
    content = b"<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>"


STOP = _Answer()


@pytest.mark.parametrize(("dryrun", "shared"), [(True, True), (False, False)])
def test_fixes_use_no_client_of_an_earlier_account(
    monkeypatch: pytest.MonkeyPatch, dryrun: bool, shared: bool
) -> None:
    client_pool.install()
    made: list[Any] = []

    def run_account(account: Any, region: str, *rest: Any) -> tuple[dict[str, int], bool]:
        cli.get_session(account, "custodian", region)
        made.append(credentials(account["account_id"]).session(region).client("sts"))
        return {}, True

    monkeypatch.setattr(cli, "run_account", run_account)
    for account in (RED, BLUE):
        run_target(one(account, given=credentials(account), dryrun=dryrun))
    assert (made[0] is made[1]) is shared
