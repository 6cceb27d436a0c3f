"""A heal that is killed with `kill -9` again and again, resumed each time, and rolled back at the end."""
from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from moto.ec2.responses import EC2Response

from guardrails.sandbox.ministack import still_running

from ..conftest import HOME, POLICIES, REGIONS, Cloud, guardrails

EAST = REGIONS[0]
GROUPS = 50
MAIN = "from guardrails.cli.main import main; main()"
# Kills itself when the report is written.
DIES_IN_REPORT = f"""
import os, signal, guardrails.report
guardrails.report.write = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
{MAIN}
"""


def drift(cloud: Cloud) -> None:
    """Groups with a wrong rule that has a description, and a right one."""
    ec2 = cloud.client("ec2", HOME, EAST)
    for number in range(GROUPS):
        group = ec2.create_security_group(
            GroupName=f"group-{number}", Description="of the test", TagSpecifications=[
                {"ResourceType": "security-group", "Tags": [{"Key": "number", "Value": str(number)}]}])["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{
            "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [
                {"CidrIp": "0.0.0.0/0", "Description": f"opened for {number}"},
                {"CidrIp": f"10.0.0.{number}/32", "Description": f"right {number}"}]}])


def everything(cloud: Cloud) -> Any:
    """All that AWS shows of the groups and their rules, except the ids that it gives to new rules."""
    ec2 = cloud.client("ec2", HOME, EAST)
    groups = ec2.describe_security_groups()["SecurityGroups"]
    for group in groups:
        for permission in group["IpPermissions"]:
            permission["IpRanges"].sort(key=lambda source: source["CidrIp"])
    rules = [{key: value for key, value in rule.items() if not key.startswith("SecurityGroupRule")}
             for rule in ec2.describe_security_group_rules(MaxResults=1000)["SecurityGroupRules"]]
    return groups, sorted(rules, key=lambda rule: json.dumps(rule, sort_keys=True))


class Victim:
    """A heal in a process of its own."""

    def __init__(self, code: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, "heal", *map(str, arguments)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)

    def dies(self) -> None:
        """Wait until it was killed, and until no child of it is left."""
        printed, _ = self._process.communicate()
        assert self._process.returncode == -signal.SIGKILL, printed.decode()
        end_of_the_run()

    def dies_when(self, condition: Callable[[], bool]) -> None:
        """Kill it as soon as the condition holds."""
        while not condition():
            assert self._process.poll() is None, self._process.communicate()[0].decode()
            time.sleep(0.02)
        self.kill()
        self.dies()


def of_a_run() -> list[int]:
    """The processes of a heal that work into the current directory: its workers are copies of it."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (place / "cmdline").read_bytes()
            if MAIN.encode() in command and os.fsencode(Path.cwd()) in command:
                found.append(int(place.name))
    return still_running(found)


def end_of_the_run() -> None:
    """Wait until no process of a heal is left."""
    deadline = time.monotonic() + 20
    while children := of_a_run():
        assert time.monotonic() < deadline, children
        time.sleep(0.02)


def phase(directory: Path) -> str:
    """The phase in the run's file; empty while there is none."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{directory / 'run.db'}?mode=ro", uri=True)) as store:
        if found := store.execute("select value from run where key = 'phase'").fetchone():
            return str(json.loads(found[0]))
    return ""


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads the list of processes from /proc")
def test_a_heal_is_killed_at_every_point_resumed_and_rolled_back(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoke, revoked, victims = EC2Response.revoke_security_group_ingress, [0], dict[int, tuple[str, Victim]]()

    def revoke_and_kill(self: Any) -> Any:
        revoked[0] += 1
        when, victim = victims.get(revoked[0], ("", None))
        answer = revoke(self) if when != "before" else ""
        if victim:
            # The response is lost in any case: nobody is left to read it.
            victim.kill()
            end_of_the_run()
        return answer

    monkeypatch.setattr(EC2Response, "revoke_security_group_ingress", revoke_and_kill)
    drift(cloud)
    start, out = everything(cloud), tmp_path / "out"
    chosen = ("--policies", POLICIES, "--policy", "open-ssh")

    def report() -> dict[str, Any]:
        target = tmp_path / f"report-{len(list(tmp_path.glob('report-*')))}"
        written = guardrails("report", out, "--format", "json", "-o", target)
        assert written.exit_code == 2
        assert written.stdout.startswith("INTERRUPTED while ")
        assert f"to continue: guardrails heal --resume {out}" in written.stdout
        found: dict[str, Any] = json.loads((target / "report.json").read_text())
        assert not found["complete"]
        return found

    Victim(MAIN, *chosen, "-o", out, "--yes").dies_when(
        lambda: phase(out) == "sweeping" and any(out.glob("before/log-*")))
    assert report()["fixes"] == []
    assert everything(cloud) == start

    # Nothing was confirmed yet, so it asks again.
    assert guardrails("heal", "--resume", out).exit_code == 1
    victim = Victim(MAIN, "--resume", out, "--yes")
    victims[20] = ("after", victim)
    victim.dies()
    outcomes = [fix["outcome"] for fix in report()["fixes"]]
    assert len(outcomes) == GROUPS
    assert outcomes.count("reverted") == 19
    assert outcomes.count("interrupted") == 1
    assert outcomes.count("not-tried") == GROUPS - 20

    victim = Victim(MAIN, "--resume", out)
    victims[revoked[0] + 10] = ("before", victim)
    victim.dies()
    before = everything(cloud)

    Victim(MAIN, "--resume", out).dies_when(lambda: phase(out) == "verifying")
    assert before != everything(cloud)
    report()
    Victim(DIES_IN_REPORT, "--resume", out).dies()
    assert {fix["outcome"] for fix in report()["fixes"]} <= {"reverted", "interrupted", "already-ok"}

    result = guardrails("heal", "--resume", out)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"COMPLETE: {GROUPS} of {GROUPS} findings fixed")
    again = guardrails("heal", "--resume", out)
    assert (again.exit_code, "nothing is left to do" in again.stderr) == (1, True)

    receipts = json.loads((out / "receipts.json").read_text())
    written = [json.loads(line) for file in sorted(out.glob("fix*/output/*/*/*/fixes.jsonl"))
               for line in file.read_text().splitlines()]
    ended = [entry["receipt"] for entry in written if "receipt" in entry]
    assert [each for each in receipts if each["outcome"] != "interrupted"] == ended
    assert sum(each["outcome"] == "interrupted" for each in receipts) == 2
    assert len({each["resource"] for each in ended if each["outcome"] == "reverted"}) >= GROUPS - 1

    back = guardrails("rollback", out / "receipts.json", "--yes", "-o", tmp_path / "back")
    assert back.exit_code == 0, back.output
    assert everything(cloud) == start
