"""`heal` shows before it acts, and fixes exactly what was confirmed."""
from __future__ import annotations

import json
import os
import pty
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from moto.ec2.responses import EC2Response

from guardrails.results.store import RunStore
from guardrails.runs.account_lock import locked_accounts

from ..conftest import HOME, POLICIES, RED, REGIONS, Cloud, guardrails

EAST, WEST = REGIONS
OPEN = ["0.0.0.0/0", "10.1.2.3/32"]
CLOSED = ["10.1.2.3/32"]


def groups(cloud: Cloud, number: int) -> list[str]:
    """Security groups with port 22 open to the world."""
    ec2 = cloud.client("ec2", HOME, EAST)
    found = []
    for index in range(number):
        group = ec2.create_security_group(GroupName=f"g{index}", Description="d")["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{
            "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": cidr} for cidr in OPEN]}])
        found.append(group)
    return sorted(found)


def sources(cloud: Cloud, *those: str) -> list[list[str]]:
    return [cloud.sources(HOME, EAST, group) for group in those]


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """A directory of policies that a test may change."""
    shutil.copytree(POLICIES, tmp_path / "policies")
    return tmp_path / "policies"


@pytest.fixture
def plan(cloud: Cloud, policies: Path, tmp_path: Path) -> tuple[Path, list[str]]:
    """A plan for four security groups."""
    opened = groups(cloud, 4)
    file = tmp_path / "plan.json"
    made = guardrails("heal", "--policies", policies, "--policy", "open-ssh", "--plan-out", file, "-o", tmp_path / "p")
    assert made.exit_code == 1, made.output
    assert "4 findings, nothing was changed" in made.stdout
    assert sources(cloud, *opened) == [OPEN] * 4
    return file, opened


def outcomes(directory: Path) -> dict[str, str]:
    report = json.loads((directory / "report.json").read_text())
    return {fix["resource"]: fix["outcome"] for fix in report["fixes"]}


def test_a_plan_says_what_would_be_done_and_changes_nothing(plan: tuple[Path, list[str]], tmp_path: Path) -> None:
    file, opened = plan
    written = json.loads(file.read_text())
    assert (written["form"], written["version"]) == ("guardrails-heal-plan", 1)
    assert written["policies"]["open-ssh"]["actions"] == ["revert-ingress"]
    assert [finding["resource"] for finding in written["findings"]] == opened
    assert written["not_seen"] == []
    assert set(written["accounts"]) == {HOME}
    assert file.stat().st_mode & 0o044 == 0o044  # it belongs into a repository
    assert not (tmp_path / "p/fix").exists()
    report = guardrails("report", tmp_path / "p", "-o", tmp_path / "r")
    assert (report.exit_code, report.stdout.splitlines()[0]) == (
        0, "PLANNED: 4 findings could be fixed, nothing was changed")
    refused = guardrails("heal", "--resume", tmp_path / "p")
    assert (refused.exit_code, "nothing is left to do" in refused.stderr) == (1, True)


def test_a_plan_is_applied_exactly_and_only_where_nothing_has_changed(
    cloud: Cloud, policies: Path, plan: tuple[Path, list[str]], tmp_path: Path
) -> None:
    file, (same, changed, gone, other) = plan
    ec2 = cloud.client("ec2", HOME, EAST)
    ec2.authorize_security_group_ingress(
        GroupId=changed, IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp="10.0.0.0/8")
    ec2.delete_security_group(GroupId=gone)
    new = cloud.open_group(HOME, EAST)
    written = json.loads(file.read_text())
    written["findings"] = [finding for finding in written["findings"] if finding["resource"] != other]
    file.write_text(json.dumps(written))

    # In a pipe and without --yes: the plan is the confirmation.
    result = guardrails("heal", "--policies", policies, "--apply", file, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stdout.startswith("INCOMPLETE: 2 of 3 findings fixed, 1 plan-outdated")
    assert outcomes(tmp_path / "out") == {same: "reverted", changed: "plan-outdated", gone: "already-ok"}
    assert "changed since the plan was made: IpPermissions" in result.stdout
    assert sources(cloud, same, other, new) == [CLOSED, OPEN, OPEN]
    assert "0.0.0.0/0" in cloud.sources(HOME, EAST, changed)


FORGED = (
    (lambda plan: plan["findings"][0].update(account=RED), "its policy or its account is not among those of the plan"),
    (lambda plan: plan["findings"][0].update(region=WEST), f"{WEST} is not among the regions of this run"),
    (lambda plan: plan["policies"]["open-ssh"].update(actions=["delete"]), "its content has changed"),
    (lambda plan: plan["policies"].update({"*": plan["policies"]["open-ssh"]}), "policy *: there is no such policy"),
    (lambda plan: plan["policies"].update({"a-user-mfa": plan["policies"]["open-ssh"]}), "its content has changed"),
    (lambda plan: plan["accounts"].update({RED: plan["accounts"][HOME]}), f"account {RED}: it is not among"),
    (lambda plan: plan["accounts"][HOME].update(vars=""), "its `vars` in accounts.yml have changed"),
    (lambda plan: plan["findings"][0].update(calls=[]), "findings[0]: unknown keys: calls"),
    (lambda plan: plan["findings"][0].update(resource=7), "findings[0].resource: must be a string, got int"),
    (lambda plan: plan["findings"][0].update(resource="\ud800"), "surrogates not allowed"),
    (lambda plan: plan["findings"].append(plan["findings"][0]), "one is listed twice"),
    (lambda plan: plan.update(calls=[]), "the plan: unknown keys: calls"),
    (lambda plan: plan.pop("created"), "the plan: missing keys: created"),
    (lambda plan: plan.update(version=2), "must have the form guardrails-heal-plan in version 1"),
)


def test_a_forged_plan_and_a_changed_policy_refuse_everything(
    cloud: Cloud, policies: Path, plan: tuple[Path, list[str]], tmp_path: Path
) -> None:
    file, opened = plan
    right = file.read_text()
    apply = ("heal", "--policies", policies, "--apply", file, "-o", tmp_path / "out", "--yes")
    for change, message in FORGED:
        written = json.loads(right)
        change(written)
        file.write_text(json.dumps(written))
        result = guardrails(*apply)
        assert (result.exit_code, message in result.stderr) == (1, True), result.output
    file.write_text(right)
    [rules] = (policies / "config-rule").glob("*.yml")
    rules.write_text(rules.read_text().replace("tcp 22 from world", "tcp 22-23 from world"))
    result = guardrails(*apply)
    assert result.exit_code == 1
    assert "policy open-ssh: " in result.stderr
    assert "its content has changed since the plan was made" in result.stderr
    assert sources(cloud, *opened) == [OPEN] * 4


def test_a_plan_cannot_add_a_resource_without_a_finding(
    cloud: Cloud, policies: Path, plan: tuple[Path, list[str]], tmp_path: Path
) -> None:
    file, opened = plan
    ec2 = cloud.client("ec2", HOME, EAST)
    healthy = ec2.create_security_group(GroupName="healthy", Description="d")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=healthy, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="0.0.0.0/0")
    written = json.loads(file.read_text())
    written["findings"] = [{**written["findings"][0], "resource": healthy}]
    file.write_text(json.dumps(written))
    result = guardrails("heal", "--policies", policies, "--apply", file, "-o", tmp_path / "out", "--yes")
    assert result.exit_code == 0, result.output
    assert outcomes(tmp_path / "out") == {healthy: "already-ok"}
    assert sources(cloud, healthy, *opened) == [["0.0.0.0/0"], *[OPEN] * 4]


def test_more_than_a_limit_changes_nothing_and_names_every_limit(cloud: Cloud, tmp_path: Path) -> None:
    opened = groups(cloud, 3)  # and the default group
    result = guardrails(
        "heal", "--policies", POLICIES, "--policy", "open-ssh", "--max-resources", "2", "--limit", "50%",
        "--max-resources-per-policy", "1", "--max-resources-per-account", "20%", "--max-resources-per-account", "3",
        "-o", tmp_path / "out", "--yes")
    assert result.exit_code == 1
    for line in (
        "this run: 3 findings, but the limit is 2",
        "this run: 3 findings of 4 resources looked at, but the limit is 50%",
        "policy open-ssh: 3 findings, but the limit is 1",
        f"account {HOME}: 3 findings of 4 resources looked at, but the limit is 20%",
    ):
        assert line in result.stderr.splitlines()
    assert "the limit is 3" not in result.stderr
    assert sources(cloud, *opened) == [OPEN] * 3
    report = guardrails("report", tmp_path / "out", "-o", tmp_path / "r")
    assert report.stdout.startswith("CANCELLED: 3 findings could be fixed, nothing was changed")


def test_the_limit_of_a_policy_is_seen_before_anything_is_changed_and_while_fixing(
    cloud: Cloud, policies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = groups(cloud, 3)
    [rules] = (policies / "config-rule").glob("*.yml")
    text = rules.read_text()
    rules.write_text(text.replace("    mode: *mode\n", "    mode: *mode\n    max-resources: 2\n"))
    chosen = ("heal", "--policies", policies, "--policy", "open-ssh", "--yes", "-o")
    before = guardrails(*chosen, tmp_path / "before")
    assert before.exit_code == 1
    assert f"policy open-ssh in {HOME} {EAST} (its max-resources): 3 findings, but the limit is 2" in before.stderr

    # 3 of 5 groups are 60 %. When the fixes start, a healthy one is gone, so that it is 75 %.
    rules.write_text(text.replace("    mode: *mode\n", "    mode: *mode\n    max-resources-percent: 60\n"))
    healthy = cloud.client("ec2", HOME, EAST).create_security_group(GroupName="h", Description="d")["GroupId"]
    describe, calls = EC2Response.describe_security_groups, [0]

    def fewer(self: Any) -> Any:
        calls[0] += 1
        if calls[0] == 2:
            self.ec2_backend.delete_security_group(group_id=healthy)
        return describe(self)

    monkeypatch.setattr(EC2Response, "describe_security_groups", fewer)
    result = guardrails(*chosen, tmp_path / "out")
    assert result.exit_code == 2, result.output
    assert result.stdout.startswith("INCOMPLETE: 0 of 3 findings fixed, 3 still-there")
    assert "stopped at the first limit: policy:open-ssh exceeded resource-limit:" in result.stdout
    assert sources(cloud, *opened) == [OPEN] * 3


def test_a_second_heal_of_an_account_is_refused_and_names_the_first(cloud: Cloud, tmp_path: Path) -> None:
    opened = groups(cloud, 1)
    with locked_accounts([HOME], Path("/the/first")):
        result = guardrails("heal", "--policies", POLICIES, "-o", tmp_path / "out", "--yes")
    assert result.exit_code == 1
    assert f"another heal or rollback works on account {HOME}: process {os.getpid()}, since 2" in result.stderr
    assert "into /the/first" in result.stderr
    assert not (tmp_path / "out").exists()
    assert sources(cloud, *opened) == [OPEN]


def on_a_terminal(answers: list[str], *arguments: object) -> tuple[int, str, str]:
    """Run a verb with a terminal as its standard input and error; returns exit code, output and what it showed."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from guardrails.cli.main import main; main()", *map(str, arguments)],
        stdin=follower, stdout=subprocess.PIPE, stderr=follower, env={**os.environ, "COLUMNS": "100"})
    os.close(follower)
    shown, left = "", list(answers)
    with suppress(OSError):  # the terminal is closed
        while data := os.read(leader, 4096):
            shown += data.decode()
            if shown.rstrip().endswith(("POLICY]:", "[y/N]:")) and left:
                shown += "\n"
                os.write(leader, f"{left.pop(0)}\n".encode())
    os.close(leader)
    output, _ = process.communicate()
    return process.returncode, output.decode(), shown


def test_findings_are_chosen_on_a_terminal(cloud: Cloud, tmp_path: Path) -> None:
    first, second, third = groups(cloud, 3)
    code, output, shown = on_a_terminal(
        ["9", "1,3", "y"], "heal", "--policies", POLICIES, "-o", tmp_path / "out", "--max-resources", 2)
    assert code == 0, shown
    assert "9: the findings are numbered from 1 to 4" in shown
    assert "Fix only these 2 of 4 findings?" in shown
    assert output.startswith("COMPLETE: 2 of 2 findings fixed")
    assert sources(cloud, first, second, third) == [CLOSED, OPEN, CLOSED]
    assert outcomes(tmp_path / "out") == {first: "reverted", third: "reverted"}


def test_the_command_of_a_finding_fixes_that_finding_only(cloud: Cloud, policies: Path, tmp_path: Path) -> None:
    first, second = groups(cloud, 2)
    audited = guardrails("audit", "--policies", policies, "--policy", "open-ssh", "--region", EAST, "--history", "none",
                         "--format", "json", "-o", tmp_path / "audit")
    assert "to fix those with an automatic fix, after a question: guardrails heal " in audit_line(audited.stdout)
    found = json.loads((tmp_path / "audit/report.json").read_text())["findings"]
    command = next(finding["fix_command"] for finding in found if finding["resource"] == second)
    healed = guardrails(*shlex.split(command)[1:], "--yes", "-o", tmp_path / "heal")
    assert healed.exit_code == 0, healed.output
    assert outcomes(tmp_path / "heal") == {second: "reverted"}
    assert sources(cloud, first, second) == [OPEN, CLOSED]
    with RunStore.open(tmp_path / "audit") as store:
        assert store["caller"].startswith("arn:aws:") and store["c7n"]


def audit_line(output: str) -> str:
    return next(line for line in output.splitlines() if line.startswith("to fix"))
