"""Five accounts in three regions: everything is found, and what was not seen is named, whatever goes wrong."""
from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend

from guardrails.runs.progress import Advance

from ..conftest import Cloud, guardrails, role

ACCOUNTS = tuple(str(number) * 12 for number in range(1, 6))
REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2")
EAST = REGIONS[0]
VOLUMES = "ebs-unattached-volume-encrypted"
REGIONAL = ("security-group-admin-ports", VOLUMES, "dynamodb-table-encrypted", "vpc-flow-logs")
GLOBAL = ("iam-user-mfa", "s3-bucket-versioning", "iam-user-name-pattern")
Truth = Counter[tuple[str, str, str]]


def seed(cloud: Cloud) -> Truth:
    """Another number of each kind in every account and region; returns them."""
    truth: Truth = Counter()
    for i, account in enumerate(ACCOUNTS):
        for j, region in enumerate(REGIONS):
            for _ in range(groups := (i + j) % 3):
                ec2 = cloud.client("ec2", account, region)
                group = ec2.create_security_group(GroupName=f"open-{_}", Description="d")["GroupId"]
                ec2.authorize_security_group_ingress(
                    GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
            truth[account, region, "security-group-admin-ports"] = groups
            for number in range(3):
                # One of three is as it should be.
                cloud.client("ec2", account, region).create_volume(
                    AvailabilityZone=f"{region}a", Size=1, Encrypted=number == 0)
            truth[account, region, VOLUMES] = 2
            # The VPC that every region begins with.
            truth[account, region, "vpc-flow-logs"] = 1
            truth[account, region, "dynamodb-table-encrypted"] = 0
        for number in range(i):
            cloud.client("iam", account).create_user(UserName=f"user-{number}")
        truth[account, "global", "iam-user-mfa"] = i
        s3 = cloud.client("s3", account)
        for number in range(2):
            s3.create_bucket(Bucket=f"bucket-{account}-{number}")
        s3.put_bucket_versioning(
            Bucket=f"bucket-{account}-0", VersioningConfiguration={"Status": "Enabled"})
        truth[account, "global", "s3-bucket-versioning"] = 1
    return truth


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """accounts.yml of the five."""
    file = tmp_path / "accounts.yml"
    file.write_text("accounts:\n" + "".join(
        f"- {{name: account-{number[0]}, account_id: '{number}', role: {role(number)}, "
        f"regions: [{', '.join(REGIONS)}]}}\n" for number in ACCOUNTS))
    return file


def audit(accounts: Path, output: Path, *extra: object) -> tuple[int, dict[str, Any], str]:
    """Exit code, report.json and standard output of an audit of these policies."""
    chosen = [part for name in (*REGIONAL, *GLOBAL) for part in ("--policy", name)]
    result = guardrails(
        "audit", "-c", accounts, *chosen, "--history", "none", "-o", output, "--format", "json", *extra)
    return result.exit_code, json.loads((output / "report.json").read_text()), result.output


def found(report: dict[str, Any]) -> Truth:
    """How many findings each (account, region, policy) has."""
    return Counter((f["account"], f["region"], f["policy"]) for f in report["findings"])


def states(report: dict[str, Any]) -> dict[tuple[str, str, str], str]:
    return {(run["account"], run["region"], run["policy"]): run["state"] for run in report["runs"]}


def every_check() -> set[tuple[str, str, str]]:
    return {(account, region, policy) for account in ACCOUNTS for policy in REGIONAL for region in REGIONS} | {
        (account, "global", policy) for account in ACCOUNTS for policy in GLOBAL}


def same(report: dict[str, Any]) -> dict[str, Any]:
    """What two reports of the same accounts have to share: all but ids and times."""
    return {key: value for key, value in report.items() if key not in ("run", "started", "finished")}


def on_describe(monkeypatch: pytest.MonkeyPatch, look: Callable[[str, str], None]) -> None:
    """Call `look` with account and region of every EC2 backend that is asked for volumes or security groups."""
    for name in ("describe_volumes", "describe_security_groups", "describe_vpcs"):
        original = getattr(EC2Backend, name)

        def looked(self: Any, *args: Any, _original: Any = original, **kwargs: Any) -> Any:
            look(self.account_id, self.region_name)
            return _original(self, *args, **kwargs)

        monkeypatch.setattr(EC2Backend, name, looked)


def workers() -> list[int]:
    """The workers of the sweep that this process has started."""
    rows = [line.split(None, 2) for line in subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,args="], check=True, capture_output=True, text=True).stdout.splitlines()]
    parents = {int(pid) for pid, parent, args in rows if int(parent) == os.getpid() and "guardrails.runs" in args}
    return [int(pid) for pid, parent, _ in rows if int(parent) in parents]


def test_a_killed_worker_is_made_up_for_by_resume(
    cloud: Cloud, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = seed(cloud)
    code, undisturbed, output = audit(many, tmp_path / "undisturbed")
    assert code == 0, output
    assert found(undisturbed) == +truth
    assert states(undisturbed) == dict.fromkeys(every_check(), "ran")

    asked = itertools.count(1)

    def kill(account: str, region: str) -> None:
        # The one that asks waits meanwhile, so at least its account and region is lost; others do what is left.
        if next(asked) == 12:
            for worker in workers():
                os.kill(worker, signal.SIGKILL)

    with monkeypatch.context() as patched:
        on_describe(patched, kill)
        code, cut, output = audit(many, tmp_path / "killed")
    assert code == 2
    assert output.startswith("INCOMPLETE: ")
    assert cut["complete"] is False
    missing = {key for key, state in states(cut).items() if state != "ran"}
    assert missing
    assert set(states(cut)) == every_check()
    assert f"--resume {tmp_path / 'killed'}" in output
    assert len({key[:2] for key in missing}) < len(ACCOUNTS) * len(REGIONS)
    reasons = {run["reason"] for run in cut["runs"] if run["state"] != "ran"}
    assert reasons == {"the worker process was killed by SIGKILL"}
    # What was not seen is not called clean, and what was seen is right: of a check that was cut, as far as it wrote.
    assert {key: number for key, number in found(cut).items() if key not in missing} == {
        key: number for key, number in (+truth).items() if key not in missing}
    assert not found(cut) - truth

    result = guardrails("audit", "--resume", tmp_path / "killed", "--format", "json")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("COMPLETE: ")
    assert same(json.loads((tmp_path / "killed/report.json").read_text())) == same(undisturbed)


def test_what_is_denied_midway_is_named_in_every_triple(
    cloud: Cloud, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = seed(cloud)
    denied, shut = ACCOUNTS[3], ACCOUNTS[4]
    cloud.no_way_in.add(shut)
    asked: list[str] = []

    def deny(account: str, region: str) -> None:
        if account == denied:
            asked.append(region)
            if len(asked) > 3:
                raise EC2ClientError("UnauthorizedOperation", "You are not authorized to perform this operation.")

    on_describe(monkeypatch, deny)
    code, report, output = audit(many, tmp_path / "out")
    assert code == 2
    by_key = states(report)
    assert set(by_key) == every_check()
    missing = {key for key, state in by_key.items() if state != "ran"}
    assert all(by_key[key] == "denied" for key in missing)
    # Every check of the account without a way in, and of the other whatever came after the permission was gone.
    assert {key for key in missing if key[0] == shut} == {key for key in every_check() if key[0] == shut}
    affected = {key for key in missing if key[0] == denied}
    assert affected
    assert {key[2] for key in affected} <= {"security-group-admin-ports", VOLUMES, "vpc-flow-logs"}
    assert {key[0] for key in missing} == {denied, shut}
    assert found(report) == Counter({key: number for key, number in (+truth).items() if key not in missing})
    for account, region, policy in missing:
        assert any(account in line and region in line and policy in line for line in _lines(report)), policy
    assert "UnauthorizedOperation" in output
    assert "AccessDenied on AssumeRole" in output


def _lines(report: dict[str, Any]) -> list[str]:
    return [f"{run['account']} {run['region']} {run['policy']}" for run in report["runs"] if run["reason"]]


def counting(totals: list[int]) -> Any:
    """A progress bar that only keeps the total."""

    @contextmanager
    def show(what: str, total: int) -> Iterator[Advance]:
        totals.append(total)
        yield lambda progress: None

    return show


def test_an_interrupted_audit_goes_on_with_the_same_question(
    cloud: Cloud, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = "\n".join(many.read_text().splitlines()[:3]) + "\n"  # two accounts are enough
    many.write_text(whole)
    truth = Counter({key: number for key, number in seed(cloud).items() if key[0] in ACCOUNTS[:2]})
    chosen = [part for name in (*REGIONAL, *GLOBAL) for part in ("--policy", name)]
    pressed: list[bool] = []

    def ctrl_c(account: str, region: str) -> None:
        if not pressed and account == ACCOUNTS[1]:
            pressed.append(True)
            os.kill(os.getpid(), signal.SIGINT)
            again.start()
            # The audit cannot end by itself before the key is pressed again.
            ended.wait(10)

    # A shell that starts the tests in the background lets them ignore the key.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    ended = threading.Event()
    # Python drops a KeyboardInterrupt that comes in the middle of a finaliser; a person presses again.
    again = threading.Timer(4, os.kill, (os.getpid(), signal.SIGINT))
    with monkeypatch.context() as patched:
        on_describe(patched, ctrl_c)
        result = guardrails("audit", "-c", many, *chosen, "--history", "none", "-o", tmp_path / "out")
        ended.set()
    again.cancel()
    signal.signal(signal.SIGINT, before)
    assert result.exit_code == 130
    counted = re.search(r"^interrupted: (\d+ of (\d+) checks) are done$", result.stderr, re.MULTILINE)
    assert counted, result.stderr
    assert f"--resume {tmp_path / 'out'}" in result.stderr
    # Nothing of a report is there that could be read as whole, and no worker goes on.
    assert not list((tmp_path / "out").glob("report.*"))
    assert workers() == []

    refused = guardrails("audit", "--resume", tmp_path / "out", "--service", "s3")
    assert refused.exit_code == 2
    assert "--service with --resume" in refused.output
    many.write_text("\n".join(whole.splitlines()[:2]) + "\n")
    other = guardrails("audit", "--resume", tmp_path / "out")
    assert other.exit_code == 1
    assert "the accounts have changed" in other.stderr
    many.write_text(whole)
    totals: list[int] = []
    with monkeypatch.context() as patched:
        patched.setattr("guardrails.cli.progress.progress_bar", counting(totals))
        resumed = guardrails("audit", "--resume", tmp_path / "out", "--format", "json")
    assert resumed.exit_code == 0, resumed.output
    # Before the interrupt, after it, on the progress bar and in the report, the total is the same.
    assert f"resuming: {counted[1]} are done" in resumed.stderr
    assert totals == [int(counted[2])]
    assert resumed.stdout.startswith(f"COMPLETE: all {counted[2]} checks ran")
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert found(report) == +truth
    assert states(report) == {key: "ran" for key in every_check() if key[0] in ACCOUNTS[:2]}
