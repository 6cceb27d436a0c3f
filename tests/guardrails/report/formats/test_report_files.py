"""report.json and report.md."""
from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from custom_actions.exceptions.rules import ExceptionRule
from guardrails.assessment.assessment import Assessment
from guardrails.policies.catalogue import load_catalogues
from guardrails.policies.frameworks import RequirementVerdict
from guardrails.report.formats import jsonreport, markdown
from guardrails.report.formats.markdown import FINDINGS_AT_MOST, cell
from guardrails.results.exceptions import ExceptionEntry, ExceptionState
from tests.reporting import BLUE, EAST, LOCKED, RED, WEST, assess, group, text_of


def as_json(assessment: Assessment) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text_of(jsonreport.pieces, assessment))
    return found


def as_markdown(assessment: Assessment) -> str:
    return text_of(markdown.pieces, assessment)


def test_json_has_what_the_assessment_says(assessment: Assessment) -> None:
    found = as_json(replace(assessment, catalogues=load_catalogues()))
    assert {key: found[key] for key in ("verb", "run", "complete", "policies_not_audited", "findings_by_severity")} == {
        "verb": "audit", "run": "20260201T080000Z", "complete": False, "policies_not_audited": 1,
        "findings_by_severity": {"critical": 1, "high": 3, "medium": 1, "low": 1},
    }
    assert found["checks"] == assessment.totals
    assert found["score"]["shown"] == assessment.score.shown
    assert found["changes"]["new"] == 1
    assert [one["id"] for one in found["findings"]] == [one.id for one in assessment.findings()]
    assert {one["status"] for one in found["findings"]} == {"open", "excepted", "fixed"}
    assert len(found["runs"]) == sum(assessment.totals.values())
    rows = {row["name"]: row for row in found["policies"]}
    assert "root-login" not in rows
    assert {key: rows["user-mfa"][key] for key in ("verdict", "findings", "seen", "asked")} == {
        "verdict": "failed", "findings": 1, "seen": 1, "asked": 3}
    assert rows["public-bucket"]["excepted"] == 1
    accounts = {row["id"]: row for row in found["accounts"]}
    assert (accounts[LOCKED]["seen"], accounts[LOCKED]["names"]) == (0, ["locked"])
    assert "could not assume" in accounts[LOCKED]["reason"]
    assert accounts[BLUE]["regions"] == [WEST, EAST]
    [cis] = [one for one in found["frameworks"] if one["name"] == "cis-aws-5.0"]
    verdicts = {one["id"]: one["verdict"] for one in cis["requirements"]}
    assert (verdicts["5.3"], len(verdicts)) == ("failed", cis["total"])
    assert sum(cis["requirements_by_verdict"].values()) == cis["total"]
    assert found["riskiest"][0]["policy"] == "public-bucket"


def test_a_verb_adds_to_the_json(assessment: Assessment) -> None:
    found = as_json(replace(assessment, changes=None, extra={"fixes": [], "complete": "said by the verb"}))
    assert (found["fixes"], found["complete"], found["changes"]) == ([], "said by the verb", None)


def test_markdown_says_first_what_is_missing(assessment: Assessment) -> None:
    text = as_markdown(replace(assessment, catalogues=load_catalogues()))
    lines = text.splitlines()
    assert lines[0] == "# Audit: 2026-02-01 08:00 UTC"
    assert lines[2].startswith("**INCOMPLETE: ")
    heads = [line for line in lines if line.startswith("## ")]
    assert heads == [f"## {head}" for head in (
        "Checks that did not complete", "Fix first", "Findings", "Excepted", "Fixed since earlier runs", "Frameworks",
        "Policies")]
    assert "| locked | us-east-1 |" in text
    assert "AccessDenied on ListUsers" in text
    assert f"| a public web site | {cell('web@example.org')} | 2026-12-31 |" in text
    assert "1 new" in text


def test_each_exception_is_there_once_with_what_became_of_it(assessment: Assessment) -> None:
    def entry(resource: str, days: int, line: int) -> ExceptionEntry:
        rule = ExceptionRule("public-bucket", RED, resource, "a web site", "web", date(2026, 2, 1) + timedelta(days))
        return ExceptionEntry(rule, f"/etc/exceptions.yml:{line}", days, 0 if line == 5 else 1)

    over, soon, idle = entry("web-1", -1, 3), entry("web-2", 9, 4), entry("web-3", 9, 5)
    made = replace(assessment, exceptions=ExceptionState(
        in_force=(soon, idle), expired=(over,), expiring=(soon, idle), unused=(idle,)))
    rows = [line for line in as_markdown(made).splitlines() if "exceptions.yml:" in line and line.startswith("|")]
    assert [row.split("|")[1].strip() for row in rows] == ["expired", "unused", "expiring"]
    assert "| web-1 | web | 2026-01-31 | 1 | exceptions.yml:3 |" in rows[0]
    found = as_json(made)["exceptions"]
    assert [one["resource"] for one in found["unused"]] == ["web-3"]
    assert [one["expires"] for one in found["expired"]] == ["2026-01-31"]


def test_every_table_is_whole(assessment: Assessment) -> None:
    text = as_markdown(replace(assessment, catalogues=load_catalogues(), extra={"fixes": [
        {"outcome": "reverted", "account": RED, "region": EAST, "policy": "open-ssh", "resource": "sg|1"}]}))
    width = 0
    for line in text.splitlines():
        cells = line.replace("\\|", "").count("|") if line.startswith("|") else 0
        assert not (width and cells and width != cells), line
        width = cells
    assert "| reverted |" in text


def test_of_many_findings_the_first_are_named_and_the_others_counted(tmp_path: Path) -> None:
    made = assess(tmp_path, [group(f"sg-{number:04}", RED, EAST) for number in range(FINDINGS_AT_MOST + 7)])
    text = as_markdown(made)
    assert sum(line.startswith("| high | red | us-east-1 | open-ssh | sg-") for line in text.splitlines()) \
        == FINDINGS_AT_MOST
    assert "list 7 more" in text
    made.store.close()


def test_without_findings_none_is_said(tmp_path: Path) -> None:
    made = assess(tmp_path, [])
    assert "## Findings\n\nNone.\n" in as_markdown(made)
    made.store.close()


@pytest.mark.parametrize("verdict", list(RequirementVerdict))
def test_each_verdict_is_a_column(assessment: Assessment, verdict: RequirementVerdict) -> None:
    text = as_markdown(replace(assessment, catalogues=load_catalogues()))
    [head] = [line for line in text.splitlines() if line.startswith("| framework |")]
    assert f" {verdict.value.replace('-', ' ')} " in head


def test_a_cell_stays_on_its_line_and_is_no_markup() -> None:
    assert cell("a|b\n*c*") == "a\\|b \\*c\\*"
    assert "<" not in cell("<script>") and "\x1b" not in cell("\x1b[2J")
