"""Calls of a sweep run side by side; they are the same calls, and AWS can slow them down."""
from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError
from c7n.element import Element
from c7n.manager import ResourceManager

from custom_actions.patches import ask_once, side_by_side
from tests.engine import load
from tests.moto_server import REGION, Moto

FILTERS = {
    ("iam-user", "access-key"): {"key": "Status", "value": "x"},
    ("iam-user", "ssh-key"): {"key": "Status", "value": "x"},
    ("iam-user", "login-profile"): {},
    ("iam-user", "mfa-device"): {"key": "MFADevices", "value": []},
    ("ebs-snapshot", "cross-account"): {},
    ("rds-snapshot", "cross-account"): {},
    ("ebs-snapshot", "shared-outside"): {"allowed-accounts": ["111122223333"]},
    ("app-elb", "http-without-redirect"): {},
}
"""Filters that read each resource, by resource type and name."""


def policy(kind: str, name: str) -> dict[str, Any]:
    return {"name": "each", "resource": f"aws.{kind}", "filters": [{"type": name, **FILTERS[kind, name]}]}


@pytest.fixture
def account(moto: Moto) -> Moto:
    """Five of everything that the filters read."""
    iam, ec2, rds, elb = (moto.client(name) for name in ("iam", "ec2", "rds", "elbv2"))
    rds.create_db_instance(
        DBInstanceIdentifier="db", DBInstanceClass="db.t3.micro", Engine="mysql", MasterUsername="admin",
        MasterUserPassword="Correct-horse-1", AllocatedStorage=20)
    volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]][:2]
    for number in range(5):
        iam.create_user(UserName=f"user-{number}")
        iam.create_access_key(UserName=f"user-{number}")
        snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        if number == 3:
            ec2.modify_snapshot_attribute(
                SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", GroupNames=["all"])
        rds.create_db_snapshot(DBInstanceIdentifier="db", DBSnapshotIdentifier=f"snapshot-{number}")
        balancer = elb.create_load_balancer(Name=f"lb-{number}", Subnets=subnets)["LoadBalancers"][0]
        elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80,
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}])
    return moto


@pytest.mark.parametrize(("kind", "name"), FILTERS)
def test_a_filter_makes_the_same_calls_in_a_sweep_and_several_at_a_time(
    account: Moto, sent: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str
) -> None:
    asked: Counter[tuple[str, str]] = Counter()
    running, most, lock = 0, 0, threading.Lock()
    make = BaseClient._make_request

    def counted(self: Any, operation: Any, request: Any, context: Any) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            asked[operation.name, repr((request["url_path"], request["body"]))] += 1
        time.sleep(0.01)  # as long as a call takes at least, so that others begin meanwhile
        try:
            return make(self, operation, request, context)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(BaseClient, "_make_request", counted)
    found, calls = {}, {}
    for dryrun in (False, True):
        asked.clear()
        most = 0
        found[dryrun] = load(policy(kind, name), tmp_path / str(dryrun), dryrun=dryrun).run()
        # The users' own details are read in bulk.
        calls[dryrun] = {call for call in asked if call[0] not in ("GetUser", "GetAccountAuthorizationDetails")}
    assert set(asked.values()) == {1}
    assert most > 1
    assert calls[True] == calls[False]
    assert len(calls[True]) > 5
    assert sorted(map(repr, found[True])) == sorted(map(repr, found[False]))


def test_every_filter_of_the_table_is_tested() -> None:
    assert side_by_side.C7N.keys() <= FILTERS.keys()


@pytest.mark.parametrize(("code", "calls"), [("AccessDenied", 3), ("NoSuchEntity", 5)])
def test_what_fails_is_left_to_the_filter(
    account: Moto, sent: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, calls: int
) -> None:
    made: list[str] = []
    make = BaseClient._make_request

    def refuse(self: Any, operation: Any, request: Any, context: Any) -> Any:
        if operation.name != "GetLoginProfile":
            return make(self, operation, request, context)
        made.append(threading.current_thread().name)
        raise self.exceptions.from_code(code)({"Error": {"Code": code, "Message": "no"}}, operation.name)

    monkeypatch.setattr(BaseClient, "_make_request", refuse)
    monkeypatch.setattr(ask_once, "THREADS", 1)
    users = load(policy("iam-user", "login-profile"), tmp_path, dryrun=True)
    if code == "AccessDenied":
        with pytest.raises(ClientError, match=code):
            users.run()
        # The filter asks again: for all together, and then for single users, until three have failed alike.
        assert len(made) > calls
        assert len(made) < 9 + calls
    else:
        assert users.run() == []
        assert len(made) == calls


def test_a_shared_client_slows_down_when_aws_throttles(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    def configured(config: Config | None = None) -> Any:
        session = boto3.Session(region_name="us-east-1")
        return session.client("iam", config=ask_once.for_many_threads(session, config)).meta.config

    # As a user's environment sets them; the tests' own makes one attempt.
    monkeypatch.delenv("AWS_MAX_ATTEMPTS")
    assert configured().retries == {"mode": "adaptive", "total_max_attempts": 5}
    assert configured().max_pool_connections == ask_once.THREADS
    assert configured(Config(read_timeout=200)).read_timeout == 200
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    assert configured().retries == {"mode": "adaptive", "total_max_attempts": 7}
    monkeypatch.setenv("AWS_RETRY_MODE", "standard")
    assert configured().retries == {"mode": "standard", "total_max_attempts": 7}


def test_nothing_changes_where_nobody_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ask_once.SWITCH, raising=False)
    side_by_side.install()
    for owner in (Element, ResourceManager):
        assert owner.executor_factory is ThreadPoolExecutor
    assert side_by_side.read_ahead not in side_by_side.BEFORE_FILTERS
