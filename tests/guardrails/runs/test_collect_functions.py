"""Deployed functions of two accounts write into one bucket, from their real archives, and one report is made of it."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from guardrails.accounts.account import find_accounts
from guardrails.cli.main import main
from guardrails.policies.policy import Policy, load
from guardrails.results.store import RunStore
from guardrails.runs.collection import NOTES, collect
from guardrails.sandbox import Sandbox
from tests.sandboxed import sandboxed

from .layout import BLUE, RED

HOME = "999999999999"
"""The account of the bucket."""
REGION = "eu-west-1"
URL = "s3://central/guardrails"
ACLS, GROUPS = "s3-account-public-acls-ignored", "security-group-used"
"""Once an account, by EventBridge's clock; once a region, by AWS Config's."""


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with sandboxed(tmp_path, monkeypatch, HOME, REGION) as running:
        yield running


@pytest.fixture
def accounts_yml(tmp_path: Path) -> Path:
    file = tmp_path / "accounts.yml"
    file.write_text("accounts:\n" + "".join(
        f"- {{name: {name}, account_id: '{number}', role: arn:aws:iam::{number}:role/deploy,"
        f" regions: [{REGION}]}}\n" for name, number in (("red", RED), ("blue", BLUE))))
    return file


def prepare(sandbox: Sandbox) -> dict[tuple[str, str, str], int]:
    """Make two accounts, the first with drift; returns what is to be found by each (account, region, policy)."""
    sandbox.client("s3", HOME).create_bucket(Bucket="central")
    truth = {}
    for number in (RED, BLUE):
        role = sandbox.client("iam", number).create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
        truth[number, "global", ACLS] = 1 if number == RED else 0
        if number == BLUE:
            sandbox.client("s3control", number).put_public_access_block(
                AccountId=number, PublicAccessBlockConfiguration=dict.fromkeys(
                    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True))
        sandbox.client("sns", number, REGION).create_topic(Name="guardrails-compliance")
        sandbox.client("config", number, REGION).put_configuration_recorder(ConfigurationRecorder={
            "name": "default", "roleARN": role["Role"]["Arn"],
            "recordingGroup": {"resourceTypes": ["AWS::EC2::VPC"]}})
        truth[number, REGION, GROUPS] = 2 if number == RED else 0
        for name in range(truth[number, REGION, GROUPS]):
            sandbox.client("ec2", number, REGION).create_security_group(GroupName=f"unused-{name}", Description="test")
    return truth


def tick(sandbox: Sandbox) -> None:
    """What AWS's clocks do once a day."""
    for number in (RED, BLUE):
        function = f"custodian-{ACLS}"
        answer = sandbox.client("lambda", number, REGION).invoke(FunctionName=function, Payload=b"{}")
        assert "FunctionError" not in answer, sandbox.logs(function, number, REGION)[-3000:]
        sandbox.client("config", number, REGION).start_config_rules_evaluation(
            ConfigRuleNames=[f"custodian-{GROUPS}"])
    sandbox.settle()


def counts(store: RunStore) -> dict[tuple[str, str, str], Any]:
    """What was found by each (account, region, policy); or why nothing is known."""
    return {(row.account, row.region, row.policy): row.matched if row.seen else row.reason for row in store.checks()}


def ours() -> list[Policy]:
    return [policy for policy in load() if policy.name in (ACLS, GROUPS)]


def test_two_accounts_report_into_one_bucket(sandbox: Sandbox, accounts_yml: Path, tmp_path: Path) -> None:
    truth = prepare(sandbox)
    deployed = CliRunner().invoke(main, [
        "deploy", ACLS, GROUPS, "-c", str(accounts_yml), "--reports", URL, "--yes", "-o", str(tmp_path / "deploy")])
    assert deployed.exit_code == 0, deployed.output
    assert json.loads((tmp_path / "deploy" / "deploy.json").read_text())["complete"]
    tick(sandbox)
    with collect(URL, accounts=find_accounts(accounts_yml, ()), policies=ours(), target=new(tmp_path / "a")) as store:
        assert counts(store) == truth
        assert len(list(store.findings())) == sum(truth.values())
        assert store[NOTES] == []

    s3 = sandbox.client("s3", HOME)
    for found in s3.list_objects_v2(Bucket="central", Prefix=f"guardrails/{BLUE}/")["Contents"]:
        s3.delete_object(Bucket="central", Key=found["Key"])
    # The same by the command line; without accounts.yml, nobody would know that the account should be there.
    reported = CliRunner().invoke(main, [
        "report", URL, "-c", str(accounts_yml), "--format", "json", "--history", "none", "-o", str(tmp_path / "b")])
    assert reported.exit_code == 2, reported.output
    assert reported.output.startswith("INCOMPLETE")
    report = json.loads((tmp_path / "b" / "report.json").read_text())
    found = {(run["account"], run["region"], run["policy"]): run for run in report["runs"]}
    assert {key: found[key]["matched"] for key in truth if key[0] == RED} == {
        key: number for key, number in truth.items() if key[0] == RED}
    assert {key: (found[key]["state"], found[key]["reason"]) for key in truth if key[0] == BLUE} == {
        key: ("not-run", f"no output under {URL}") for key in truth if key[0] == BLUE}


def new(directory: Path) -> Path:
    directory.mkdir()
    return directory
