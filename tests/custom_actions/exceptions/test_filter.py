"""The filter on its way: into a function and its archive, until its last day there, and into plain custodian."""
from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from custom_actions import lambda_entry
from custom_actions.exceptions import excepted
from custom_actions.exceptions.rules import VARIABLE
from tests import engine
from tests.custom_actions.functions.messages import DRIFT, EVENTS, group, ingress, trail_event
from tests.moto_server import ACCOUNT, Moto

TODAY = datetime.now(UTC).date()
TOMORROW = TODAY + timedelta(days=1)
POLICY: dict[str, Any] = {
    "name": "open-ssh", "resource": "aws.security-group", **DRIFT, "actions": [{"type": "revert-ingress"}]}
FUNCTION: dict[str, Any] = {
    "type": "cloudtrail", "role": "r", "packages": ["custom_actions"], "handler": "custom_actions.lambda_entry.run",
    **EVENTS["cloudtrail"]}


def entry(resource: str, expires: date = TOMORROW, **changes: Any) -> dict[str, Any]:
    return {"policy": "open-*", "account": ACCOUNT, "resource": resource, "reason": "a bastion", "owner": "net",
            "expires": expires, **changes}


@pytest.fixture
def exceptions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Puts a file of exceptions in force."""

    def write(*entries: dict[str, Any]) -> Path:
        file = tmp_path / "exceptions.yml"
        file.write_text(yaml.safe_dump({"exceptions": list(entries)}), encoding="utf-8")
        monkeypatch.setenv(VARIABLE, str(file))
        return file

    return write


def test_a_deployed_rule_ends_though_it_was_in_force_when_it_was_deployed(
    moto: Moto, tmp_path: Path, exceptions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the function's data: the day that it was loaded decides nothing."""
    bad = group(moto, "bad", "0.0.0.0/0")
    exceptions(entry(bad))
    policy = engine.load({**POLICY, "mode": FUNCTION}, tmp_path)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return now

    monkeypatch.setattr(excepted, "datetime", Clock)
    now = datetime.combine(TOMORROW, time.max, UTC)
    policy.push(trail_event(bad), None)
    assert ingress(moto, bad)
    now += timedelta(microseconds=1)
    policy.push(trail_event(bad), None)
    assert ingress(moto, bad) == []


def test_it_travels_in_the_archive_and_brings_what_it_needs(moto: Moto, tmp_path: Path, exceptions: Any) -> None:
    exceptions(entry("*"))
    bare = {key: value for key, value in FUNCTION.items() if key not in ("packages", "handler")}
    policy = engine.load({"name": "open-groups", "resource": "aws.security-group", "mode": bare}, tmp_path)
    function = policy.get_execution_mode().policy_lambda(policy)
    try:
        with function.get_archive().get_reader() as archive:
            held = yaml.safe_load(archive.read("config.json"))["policies"][0]
            names = set(archive.namelist())
    finally:
        function.archive.remove()
    assert held["filters"] == policy.data["filters"] != []
    assert held["mode"]["handler"] == f"{lambda_entry.__name__}.run"
    assert {
        "custom_actions/exceptions/excepted.py", "custom_actions/exceptions/rules.py",
        "custom_actions/resources/reach.py",
    } <= names
    assert not any(name.endswith("exceptions.yml") for name in names)


def test_with_a_member_role_every_account_counts(moto: Moto, tmp_path: Path, exceptions: Any) -> None:
    exceptions(entry("*", account="999999999999"))
    assert len(engine.load(POLICY, tmp_path).data["filters"]) == 1
    mode = {**FUNCTION, "member-role": "arn:aws:iam::{account_id}:role/r"}
    assert len(engine.load({**POLICY, "mode": mode}, tmp_path).data["filters"]) == 2


def test_plain_custodian_honours_the_file(moto: Moto, tmp_path: Path, exceptions: Any) -> None:
    """No wrapper: `custodian run` in a process of its own."""
    kept, bad = group(moto, "kept", "0.0.0.0/0"), group(moto, "bad", "0.0.0.0/0")
    exceptions(entry(kept, reason="needs {braces}"))
    (tmp_path / "p.yml").write_text(yaml.safe_dump({"policies": [POLICY]}), encoding="utf-8")
    subprocess.run(
        [Path(sys.executable).with_name("custodian"), "run", "--cache-period", "0", "-s", tmp_path / "out",
         tmp_path / "p.yml"],
        check=True, timeout=120, env={**os.environ, "AWS_MAX_ATTEMPTS": "3"}, cwd=tmp_path)
    assert ingress(moto, kept) and ingress(moto, bad) == []
