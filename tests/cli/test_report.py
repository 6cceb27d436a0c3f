"""The report: honest numbers, and names from AWS that are text and nothing else."""
from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from custom_actions.evidence import evidence
from guardrails.accounting import Check, State
from guardrails.accounts import Account
from guardrails.audit import exit_code
from guardrails.findings import Finding, in_order
from guardrails.policies import Policy
from guardrails.report import Report, by_policy, cell, markdown, show
from guardrails.scope import Scope
from guardrails.sweep import Sweep
from guardrails.yamlfile import YamlFile

RED = Account("111111111111", "red", ("us-east-1",))
EVIL = "x|[bold red]y[/]<script>\n# z\x1b[2J"


def policy(name: str) -> Policy:
    data = {"name": name, "resource": "aws.s3", "metadata": {"severity": "high", "title": f"About {name}"}}
    return Policy(data, YamlFile(Path("p.yml"), {}, None), 0)


def finding(resource: str = "b", *, name: str = "one", region: str = "us-east-1", arn: str = "") -> Finding:
    return Finding(RED.id, RED.name, region, name, "aws.s3", resource, arn, "high", EVIL, "none")


def report(*states: tuple[str, State], findings: tuple[Finding, ...] = ()) -> Report:
    matched = {found.policy for found in findings}
    checks = tuple(
        Check(policy(name), RED, region, state, "why", ({"Name": "b"},) if name in matched else ())
        for (name, state), region in zip(states, ("r1", "r2", "r3", "r4"), strict=False)
    )
    when = datetime(2026, 1, 1, tzinfo=UTC)
    scopes = {name: Scope.REGION for name, _ in states}
    return Report("audit", when, when, Sweep(checks, scopes), findings, 0)


def printed(made: Report) -> str:
    stream = io.StringIO()
    show(made, Console(file=stream, width=200, highlight=False))
    return stream.getvalue()


def test_an_incomplete_run_says_so_first_and_unknown_is_not_passed() -> None:
    made = report(("one", State.RAN), ("two", State.DENIED), ("three", State.SKIPPED))
    first, second = printed(made).splitlines()[:2]
    assert first == "INCOMPLETE: 1 of 2 checks did not run to their end (1 account, 3 regions)"
    # Over what was seen: the denied one is in no percentage.
    assert second == "0 findings; 1 of 1 checks seen passed (100 %)"
    assert {row.name: row.verdict for row in by_policy(made)} == {
        "one": "passed", "two": "unknown", "three": "skipped",
    }
    assert "why" in printed(made)
    assert markdown(made).splitlines()[2].startswith("**INCOMPLETE")


def test_nothing_seen_has_no_percentage() -> None:
    assert "%" not in report(("one", State.NOT_RUN)).second_line()


def test_names_are_text_in_the_terminal_and_in_markdown() -> None:
    made = report(("one", State.RAN), findings=(finding(EVIL),))
    shown = printed(made)
    assert "[bold red]y[/]<script>" in shown
    assert "\x1b[2J" not in shown
    lines = [line for line in markdown(made).splitlines() if "red" in line and line.startswith("| high")]
    assert len(lines) == 1
    unescaped = lines[0].replace("\\|", "")
    assert unescaped.count("|") == 8  # seven columns
    assert "<script>" not in lines[0]


def test_a_cell_stays_on_its_line() -> None:
    assert cell("a|b\n*c*") == "a\\|b \\*c\\*"


def test_one_resource_seen_in_two_regions_is_one_finding_at_home() -> None:
    arn = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/all"
    found = in_order([finding(arn=arn), finding(arn=arn, region="eu-west-1"), finding("c"), finding("c", region="x")])
    assert [(f.resource, f.region) for f in found] == [("b", "eu-west-1"), ("c", "us-east-1"), ("c", "x")]


def test_evidence_is_what_matched() -> None:
    resource = {
        "Encrypted": False, "Size": 8, "A": {"B": [1]}, "Tags": [{"Key": "env", "Value": "prod"}],
        "c7n:MatchedFilters": ["Encrypted", "A.B[0]", "tag:env", "no(such"], "c7n:IngressPlan": ["x" * 600],
    }
    found = evidence(resource)
    assert {key: found[key] for key in ("Encrypted", "A.B[0]", "tag:env", "no(such")} == {
        "Encrypted": False, "A.B[0]": 1, "tag:env": "prod", "no(such": None,
    }
    assert len(found["c7n:IngressPlan"]) < 600
    assert "Size" not in found


@pytest.mark.parametrize(("complete", "severities", "fail_on", "code"), [
    (True, ["critical"], None, 0), (True, ["high"], "high", 1), (True, ["medium"], "high", 0),
    (True, [], "info", 0), (False, [], None, 2), (False, ["critical"], "low", 2),
])
def test_exit_code(complete: bool, severities: list[str], fail_on: str | None, code: int) -> None:
    assert exit_code(complete=complete, severities=severities, fail_on=fail_on) == code
