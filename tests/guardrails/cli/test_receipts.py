"""The verb receipts, and rollback of what it lists: by id, from logs, from text, with all that a person should know."""
from __future__ import annotations

import gzip
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from moto.awslambda.models import LambdaBackend
from moto.core.exceptions import AccessDeniedError

from custom_actions.exceptions import parse
from guardrails.cli.main import main
from guardrails.health import repeated_fixes
from guardrails.health.facts import Unread
from guardrails.results.exception_proposal import as_yaml, propose
from guardrails.results.exceptions import load

from ..conftest import HOME, REGIONS, Cloud, guardrails
from ..runs.test_receipt_sources import LINE, begun, in_lambda, named, write_log
from ..runs.test_rollback import group_of, opens, receipt, written

EAST = REGIONS[0]
IDS = [f"20260101-120000-k3v9qt7{letter}" for letter in "abc"]


def run_of(tmp_path: Path, *receipts: Any, name: str = "heal-20260101T120000Z") -> Path:
    directory = tmp_path / "output" / name
    directory.mkdir(parents=True)
    written(directory / "receipts.json", *receipts)
    return directory


def fixed(group: str, number: int, *calls: Any, **more: Any) -> dict[str, Any]:
    return receipt(group, *calls, id=IDS[number], sequence=1_767_268_800_000_000 + number, format=1, **more)


# -- receipts ---------------------------------------------------------------------------------------------------


def test_the_newest_run_is_listed_by_default(tmp_path: Path) -> None:
    run_of(tmp_path, fixed("sg-1", 0), name="heal-20260101T120000Z")
    run_of(tmp_path, fixed("sg-2", 1), name="rollback-20260101T130000Z")
    (tmp_path / "output/audit-20270101T000000Z").mkdir()
    result = guardrails("receipts")
    assert result.stdout.split() == [
        IDS[1], "reverted", "open-ssh", "sg-2", HOME, EAST, "output/rollback-20260101T130000Z/receipts.json"]
    assert result.stderr == "1 of 1 receipts, read from output/rollback-20260101T130000Z\n"
    assert guardrails("receipts", "output/heal-20260101T120000Z", "--resource", "sg-[0-9]").stdout.startswith(IDS[0])


def test_the_last_of_several_runs_of_one_second_is_the_newest(tmp_path: Path) -> None:
    for number, suffix in enumerate(("", "-2", "-10")):
        run_of(tmp_path, fixed(f"sg-{number}", number), name=f"rollback-20260101T120000Z{suffix}")
    assert guardrails("receipts").stderr == "1 of 1 receipts, read from output/rollback-20260101T120000Z-10\n"


def test_without_a_run_the_sources_are_named(tmp_path: Path) -> None:
    result = guardrails("receipts")
    assert result.exit_code == 1
    assert "there is no run of heal or rollback below output/" in result.stderr


def test_what_could_not_be_read_is_named_and_the_code_is_2(tmp_path: Path) -> None:
    directory = run_of(tmp_path, fixed("sg-1", 0))
    (directory / "action-x.gz").write_bytes(b"x")
    result = guardrails("receipts")
    assert result.exit_code == 2
    assert "could not be read: output/heal-20260101T120000Z/action-x.gz: " in result.stderr


def test_json_is_what_rollback_reads(cloud: Cloud, tmp_path: Path) -> None:
    group = group_of(cloud)
    run_of(tmp_path, fixed(group, 0, opens(group, "10.0.0.1/32")))
    listed = guardrails("receipts", "--json", "--check")
    [entry] = json.loads(listed.stdout)
    assert (entry["from"], entry["state"], entry["receipt"]["id"]) == (
        "output/heal-20260101T120000Z/receipts.json", "done", IDS[0])
    result = CliRunner().invoke(main, ["rollback", "-", "--yes"], input=gzip.compress(listed.stdout_bytes))
    assert result.exit_code == 0, result.output
    assert cloud.sources(HOME, EAST, group) == ["10.0.0.1/32"]
    [entry] = json.loads(guardrails("receipts", "output/heal-20260101T120000Z", "--json", "--check").stdout)
    assert entry["state"] == "not done"


def test_open_steps_are_compared_with_aws(cloud: Cloud, tmp_path: Path) -> None:
    """Of two steps one was made; one of the receipts is of another account."""
    group = group_of(cloud)
    steps = [begun(fixed(group, 0, opens(group, f"10.0.0.{number}/32")), f"revoke {number}") for number in (1, 2)]
    cloud.client("ec2").authorize_security_group_ingress(**opens(group, "10.0.0.2/32")["parameters"])
    run_of(tmp_path, fixed("sg-2", 1, opens("sg-2", "10.0.0.1/32"), account="111111111111"))
    (tmp_path / "output/heal-20260101T120000Z/fixes.jsonl").write_text("\n".join(map(json.dumps, steps)))
    shown = guardrails("receipts", "--check").stdout
    assert "interrupted" in shown
    assert "each of these calls may have been made: revoke 1; revoke 2" in shown
    assert "in AWS now: partly done" in shown
    assert "  done: what ec2:authorize_security_group_ingress undoes" in shown
    assert "  not done: what ec2:authorize_security_group_ingress undoes" in shown
    assert f"in AWS now: not checked\n      the credentials are for {HOME}" in shown


_LONG = f"arn:aws:iam::{HOME}:role/a-service-role-with-a-rather-long-name-for-one-line"


@pytest.mark.parametrize("columns", [80, 100, 160])
def test_no_id_is_broken_on_a_terminal(tmp_path: Path, columns: int) -> None:
    run_of(tmp_path, *(fixed(resource, number, policy="security-group-admin-ports-revert") for number, resource in
                       enumerate(("sg-0123456789abcdef0", _LONG))))
    primary, secondary = pty.openpty()
    code = "from guardrails.cli.main import main; main(['receipts'])"
    done = subprocess.run([sys.executable, "-c", code], stdout=secondary, stderr=subprocess.DEVNULL, check=False,
                          env={**os.environ, "COLUMNS": str(columns), "PYTHONPATH": str(Path(__file__).parents[3])})
    os.close(secondary)
    assert done.returncode == 0
    lines = os.read(primary, 10_000).decode().replace("\r", "").splitlines()
    os.close(primary)
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == IDS[:2]
    for name in ("sg-0123456789abcdef0", _LONG, HOME, "security-group-admin-ports-revert"):
        assert sum(name in line for line in lines) >= 1, name
    assert all(len(line) <= columns for line in lines if _LONG not in line)


# -- rollback ---------------------------------------------------------------------------------------------------


def test_a_closed_range_does_not_come_back_beside_its_pieces(cloud: Cloud, tmp_path: Path) -> None:
    """Two fixes of one second, in the files of two policies: the first narrowed 0-65535, the second closed a piece."""
    group = group_of(cloud)
    ports = [{"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    pieces = [{"IpProtocol": "tcp", "FromPort": first, "ToPort": last, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
              for first, last in ((0, 21), (23, 65535))]

    def call(operation: str, permissions: Any) -> dict[str, Any]:
        return {"service": "ec2", "operation": f"{operation}_security_group_ingress",
                "parameters": {"GroupId": group, "IpPermissions": permissions}}

    narrowed = fixed(group, 0, call("authorize", ports), call("revoke", pieces), policy="b")
    closed = fixed(group, 1, call("authorize", pieces[:1]), policy="a")
    cloud.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=pieces[1:])
    directory = run_of(tmp_path)
    for each in (closed, narrowed):
        (directory / each["policy"]).mkdir()
        (directory / each["policy"] / "fixes.jsonl").write_text(json.dumps({"receipt": each}))
    (directory / "receipts.json").unlink()
    result = guardrails("rollback", directory, "--yes")
    assert result.exit_code == 0, result.output
    [found] = cloud.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert [(each["FromPort"], each["ToPort"]) for each in found["IpPermissions"]] == [(0, 65535)]
    assert f"as before the fix: {group}" in result.stdout


def test_by_id_from_every_run_and_one_id_of_many(cloud: Cloud, tmp_path: Path) -> None:
    group = group_of(cloud)
    run_of(tmp_path, fixed(group, 0, opens(group, "10.0.0.1/32")), fixed("sg-2", 1, opens("sg-2", "10.0.0.2/32")))
    run_of(tmp_path, name="heal-20250101T120000Z")
    missing = guardrails("rollback", "20250101-000000-aaaaaaaa", "--yes")
    assert missing.exit_code == 1
    assert "no receipt with the id 20250101-000000-aaaaaaaa in output/heal-2026" in missing.stderr
    result = guardrails("rollback", IDS[0], "--yes")
    assert result.exit_code == 0, result.output
    assert cloud.sources(HOME, EAST, group) == ["10.0.0.1/32"]
    # The same receipt from elsewhere is not undone twice.
    again = guardrails("rollback", json.dumps(fixed(group, 0, opens(group, "10.0.0.1/32"))), "--yes")
    assert again.exit_code == 0, again.output
    assert "by an earlier rollback" in again.stdout
    # Its own record is a receipt of the newest run, and can be rolled back by its id.
    [record] = json.loads(guardrails("receipts", "--json").stdout)
    result = guardrails("rollback", record["receipt"]["id"], "--yes", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert cloud.sources(HOME, EAST, group) == []


def test_a_log_line_and_a_log_and_who_may_forge_one(cloud: Cloud, tmp_path: Path) -> None:
    group = group_of(cloud)
    made = {**named(1), "resource": group, "inverse": [opens(group, "10.0.0.1/32")]}
    line = in_lambda("receipt", made)
    write_log(cloud, line)
    result = guardrails("rollback", made["id"], "--from", "logs", "-r", EAST, "--yes", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert f"receipts from log group /aws/lambda/custodian-open-ssh in {HOME} {EAST}" in result.stderr
    assert "Everybody who may write to the log (logs:PutLogEvents) can forge a receipt in it" in result.stderr
    assert cloud.sources(HOME, EAST, group) == ["10.0.0.1/32"]
    pasted = guardrails("rollback", f"2026-01-01T00:00:00 {line}", "--yes", "-o", tmp_path / "two")
    assert pasted.exit_code == 0, pasted.output
    assert "by an earlier rollback" in pasted.stdout
    cut = guardrails("rollback", LINE[:-20], "--yes")
    assert cut.exit_code == 1
    assert "a receipt that is cut off" in cut.stderr


def test_a_forged_log_line_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    group = group_of(cloud)
    made = {**named(1), "resource": group, "policy": "other", "inverse": [opens(group, "0.0.0.0/0")]}
    write_log(cloud, in_lambda("receipt", made))
    result = guardrails("rollback", "logs", "-r", EAST, "--yes")
    assert result.exit_code == 1
    assert "these receipts may be forged" in result.stderr
    assert cloud.sources(HOME, EAST, group) == []
    assert "may be forged: it is of the policy other" in guardrails("receipts", "logs", "-r", EAST).stdout


def test_it_says_when_the_earlier_state_is_not_back(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something closes the port again as soon as it is open, as a function would."""
    from botocore.client import BaseClient

    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))
    group = group_of(cloud)
    original = BaseClient._make_api_call

    def make(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        answer = original(client, operation, parameters)
        if operation == "AuthorizeSecurityGroupIngress":
            original(client, "RevokeSecurityGroupIngress", parameters)
        return answer

    run_of(tmp_path, fixed(group, 0, opens(group, "10.0.0.1/32")))
    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", make)
        result = guardrails("rollback", IDS[0], "--yes", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert f"not as before the fix: {group}: authorize_security_group_ingress: as the fix left it" in result.stdout
    assert "all calls were made, but 1 of 1 resources are not as before the fix" in result.stderr
    [record] = json.loads((tmp_path / "out/receipts.json").read_text())
    assert record["outcome"] == "partial"
    assert record["reason"].startswith("read again: ")


def test_a_record_is_written_once_and_not_after_each_call(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = [str(cloud.client("ec2").create_security_group(GroupName=f"g{number}", Description="d")["GroupId"])
              for number in range(3)]
    run_of(tmp_path, *(fixed(group, number, opens(group, "10.0.0.1/32")) for number, group in enumerate(groups)))
    result = guardrails("rollback", "output/heal-20260101T120000Z", "--yes", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in (tmp_path / "out/fixes.jsonl").read_text().splitlines()]
    assert ["begins" in line for line in lines] == [True, False] * 3
    assert json.loads((tmp_path / "out/receipts.json").read_text()) == [
        line["receipt"] for line in lines if "receipt" in line]


@pytest.mark.parametrize("denied", [False, True], ids=["deployed", "denied"])
def test_it_warns_of_a_function_that_fixes_again_and_offers_an_exception(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, denied: bool
) -> None:
    group = group_of(cloud)
    run_of(tmp_path, fixed(group, 0, opens(group, "10.0.0.1/32")))
    if denied:
        def refuse(*_: Any, **__: Any) -> Any:
            raise AccessDeniedError("arn:aws:iam::123456789012:user/me", "lambda:GetFunction")

        monkeypatch.setattr(LambdaBackend, "get_function", refuse)
        why = "unknown whether it is deployed: "
    else:
        iam = cloud.client("iam")
        role = iam.create_role(RoleName="f", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17"}))["Role"]
        cloud.client("lambda").create_function(
            FunctionName="custodian-open-ssh", Runtime="python3.12", Role=role["Arn"], Handler="a.b",
            Code={"ZipFile": b"x"})
        # moto's URL leads out of the machine.
        monkeypatch.setattr(repeated_fixes, "archive_of", lambda _: Unread("its download failed with URLError"))
        why = "it is deployed, but its archive could not be read"
    file = tmp_path / "exceptions.yml"
    result = guardrails("rollback", IDS[0], "--yes", "--write-exception", file)
    assert result.exit_code == 0, result.output
    assert "May be fixed again" in result.stderr
    assert why in result.stderr
    assert f"may be fixed again: {group} by custodian-open-ssh: {why}" in result.stdout
    [rule] = load(file).rules
    assert (rule.policy, rule.account, rule.resource) == ("open-ssh", HOME, group)
    assert re.search(rf"policy: open-ssh\n +account: '{HOME}'", result.stderr)
    refused = guardrails("rollback", IDS[0], "--yes", "--write-exception", file)
    assert refused.exit_code == 1
    assert "exceptions.yml exists" in refused.stderr


def test_an_error_in_a_policy_file_keeps_nobody_from_undoing_a_fix(cloud: Cloud, tmp_path: Path) -> None:
    group = group_of(cloud)
    run_of(tmp_path, fixed(group, 0, opens(group, "10.0.0.1/32")))
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/broken.yml").write_text("policies: [")
    result = guardrails("rollback", IDS[0], "--yes", "--policies", tmp_path / "policies")
    assert result.exit_code == 0, result.output
    assert "the policies cannot be read" in result.stderr
    assert cloud.sources(HOME, EAST, group) == ["10.0.0.1/32"]


def test_a_proposed_exception_takes_names_literally() -> None:
    from datetime import date

    import yaml

    today = date(2026, 1, 1)
    rules = propose([fixed("*", 0), fixed("a: [b]\u202e\x1b", 1)], "me", today, {"open-ssh": True})
    assert [rule.resource for rule in rules] == ["[*]", "a: [[]b]\u202e\x1b"]
    assert as_yaml(rules).isascii() and "\x1b" not in as_yaml(rules)
    assert parse(yaml.safe_load(as_yaml(rules)), today).rules == tuple(rules)
    assert {rule.region for rule in rules} == {EAST}
    assert {rule.expires for rule in rules} == {date(2026, 1, 15)}
