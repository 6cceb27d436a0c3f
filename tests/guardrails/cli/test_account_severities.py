"""One policy, critical in one account and low in another: an audit, its reports, and what CI sees of it."""
from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
import yaml

from guardrails.runs.heal_plan import HealPlan

from ..conftest import BLUE, HOME, POLICIES, RED, REGIONS, Cloud, guardrails

EAST = REGIONS[0]


@pytest.fixture
def team(tmp_path: Path, accounts_yml: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a team with the accounts red and blue; `open-ssh` is critical in red, and low elsewhere."""
    accounts_yml.write_text("\n".join(accounts_yml.read_text().splitlines()[:3]) + "\n")
    monkeypatch.chdir(tmp_path)
    set_severities(tmp_path, {"default": "low", "accounts": {"r*d": "critical"}}, str(accounts_yml))
    return tmp_path


def set_severities(team: Path, given: object, accounts: str = "") -> None:
    file = team / "guardrails.yml"
    kept = yaml.safe_load(file.read_text())["accounts"] if file.exists() else accounts
    file.write_text(yaml.safe_dump({
        "packs": [], "policies": [str(POLICIES)], "accounts": kept, "severities": {"open-ssh": given}}))


def audit(*arguments: str) -> tuple[int, str]:
    result = guardrails("audit", "-r", EAST, "-p", "open-ssh", "-o", "out", *arguments)
    return result.exit_code, result.output


def test_an_audit_over_two_accounts(cloud: Cloud, team: Path) -> None:
    cloud.open_group(BLUE, EAST)
    for option, expected in (("high", 0), ("low", 1)):
        code, output = audit("-a", "blue", "--fail-on", option, "-o", f"blue-{option}", "--format", "json")
        assert code == expected, output
    cloud.open_group(RED, EAST)
    code, output = audit("--fail-on", "high", "--format", "all")
    assert code == 1, output
    assert "2 open findings (1 critical, 1 low)" in output
    report = json.loads((team / "out" / "report.json").read_text())
    assert [(one["account"], one["severity"]) for one in report["findings"]] == [(RED, "critical"), (BLUE, "low")]
    assert report["findings_by_severity"] == {"critical": 1, "low": 1}
    assert {one["id"]: one["findings_by_severity"] for one in report["accounts"]} == {
        RED: {"critical": 1}, BLUE: {"low": 1}}
    assert [one["severity"] for one in report["policies"]] == ["low"]
    rows = list(csv.DictReader((team / "out" / "findings.csv").open()))
    assert [(row["account"], row["severity"]) for row in rows] == [(RED, "critical"), (BLUE, "low")]
    page = (team / "out" / "report.html").read_text()
    [block] = re.findall(r'<script[^>]*class="findings"[^>]*>(.*?)</script>', page)
    [tables] = re.findall(r'<script[^>]*id="tables"[^>]*>(.*?)</script>', page)
    assert [json.loads(tables)["severities"][number] for number in json.loads(block)["severity"]] == ["critical", "low"]
    asff = json.loads((team / "out" / "report.asff.json").read_text())
    assert [(one["AwsAccountId"], one["Severity"]["Label"]) for one in asff] == [(RED, "CRITICAL"), (BLUE, "LOW")]

    # The run keeps them: a report of it does not read the settings of today.
    set_severities(team, "info")
    again = guardrails("report", "out", "-o", "again", "--format", "json", "--fail-on", "high")
    assert again.exit_code == 1, again.output
    assert json.loads((team / "again" / "report.json").read_text())["findings"] == report["findings"]


def test_a_plan_of_a_heal_has_them(cloud: Cloud, team: Path) -> None:
    for account in (RED, BLUE):
        cloud.open_group(account, EAST)
    result = guardrails("heal", "-r", EAST, "-p", "open-ssh", "-o", "heal", "--plan-out", "plan.json")
    assert result.exit_code == 1, "there is something to fix"
    planned = HealPlan.parse(json.loads((team / "plan.json").read_text())).findings
    assert [(one.account, one.severity) for one in planned] == [(RED, "critical"), (BLUE, "low")]


def test_an_account_that_no_account_of_accounts_yml_is(cloud: Cloud, team: Path) -> None:
    set_severities(team, {"accounts": {"read": "critical"}})
    for arguments in (("audit", "-o", "out"), ("validate", "--cases", "none")):
        result = guardrails(*arguments)
        assert result.exit_code == 1
        assert "severities.open-ssh.accounts: no account is named read" in result.stderr
        assert "did you mean red?" in result.stderr
    assert not (team / "out").exists()
    # An account that the audit does not select is no error, nor is one without accounts.yml that is named by its id.
    set_severities(team, {"accounts": {"red": "critical"}})
    code, output = audit("-a", "blue", "--format", "json")
    assert code == 0, output
    (team / "guardrails.yml").write_text(yaml.safe_dump({
        "packs": [], "policies": [str(POLICIES)], "severities": {"open-ssh": {"accounts": {HOME: "critical"}}}}))
    cloud.open_group(HOME, EAST)
    code, output = audit("-o", "home", "--fail-on", "critical", "--format", "json")
    assert code == 1, output
