"""The severity of a finding is that of its policy in its account: in order, counts, score, risk and formats."""
from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from guardrails.assessment import assess_again, risk
from guardrails.assessment.assessment import Assessment
from guardrails.errors import GuardrailsError
from guardrails.report.change_mail import mail_about
from guardrails.report.formats import jsonreport, junit, markdown, ocsf, sarif, spreadsheet
from guardrails.report.html import page
from guardrails.report.html.lists import worst_resources
from guardrails.results.finding import Status
from guardrails.results.store import RunStore
from tests.reporting import BLUE, EAST, RED, WEST, assess, group, text_of

DIFFERING = {BLUE: {"open-ssh": "critical"}, RED: {"open-ssh": "info", "user-mfa": "low"}}
FOUND = (group("sg-1", RED, EAST), group("sg-2", RED, EAST), group("sg-3", BLUE, WEST),
         group("sg-gone", BLUE, WEST, status=Status.FIXED))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Assessment]:
    """A run in which the policy of the open ports is high, but critical in `blue` and info in `red`."""
    made = assess(tmp_path, FOUND)
    for key in ("verb", "run", "version", "started"):
        made.store[key] = getattr(made, key)
    made.store.set_severities(DIFFERING)
    with made.store:
        yield made


def test_findings_are_ordered_by_their_own_severity(run: Assessment) -> None:
    found = [(finding.resource, finding.severity) for finding in run.findings(Status.OPEN)]
    assert found == [("sg-3", "critical"), ("sg-1", "info"), ("sg-2", "info")]
    assert [finding.severity for finding in run.findings(Status.FIXED)] == ["critical"]
    run.store.set_severities({RED: {"open-ssh": "critical"}})
    found = [(finding.resource, finding.severity) for finding in run.findings(Status.OPEN)]
    assert found == [("sg-1", "critical"), ("sg-2", "critical"), ("sg-3", "high")], "by severity, not by name"


def test_a_run_that_is_opened_again_has_them_and_an_older_one_has_none(run: Assessment) -> None:
    with RunStore.open(run.store.path) as again:
        assert (again.severity_of(BLUE, "open-ssh"), again.severity_of(RED, "user-mfa"),
                again.severity_of(BLUE, "user-mfa")) == ("critical", "low", "medium")
        assert list(again.findings()) == list(run.findings())
        assert assess_again(again).open_by_severity == {"critical": 1, "info": 2}
        again._connection.execute("delete from run where key = 'severities_in'")
        again._connection.commit()
    with RunStore.open(run.store.path) as older:
        assert assess_again(older).open_by_severity == {"high": 3}


@pytest.mark.parametrize("value", [
    {BLUE: {"open-ssh": "worst"}}, {BLUE: {"open-ssh": ["high"]}}, {BLUE: "high"}, [], 1])
def test_a_fact_that_is_not_ours_is_refused(run: Assessment, value: object) -> None:
    run.store["severities_in"] = value
    with pytest.raises(GuardrailsError, match="severities_in cannot be read"):
        RunStore.open(run.store.path)


def test_counts_rows_and_the_score_are_those_of_the_accounts(run: Assessment) -> None:
    assert run.open_by_severity == {"critical": 1, "info": 2}
    assert {row.name: row.open for row in run.by_account} == {
        "red": {"info": 2}, "blue": {"critical": 1}, "locked": {}}
    [service] = [row for row in run.by_service if row.key == "security-group"]
    assert service.open == {"critical": 1, "info": 2}
    [row] = [row for row in run.by_policy if row.policy.name == "open-ssh"]
    assert (row.policy.severity, row.open) == ("high", 3)
    # Two of the two checks in each account: 2 findings in one of red's, 1 in one of blue's. `locked` was not seen.
    red, blue, locked = risk("info", "internet"), risk("critical", "internet"), risk("high", "internet")
    assert service.score.value == pytest.approx(
        100 * (red / 7 + red + blue / 4 + blue) / (2 * red + 2 * blue + locked))


def test_the_risk_adds_up_over_the_accounts(run: Assessment) -> None:
    [one] = run.riskiest()
    assert (one.severity, one.open, one.accounts) == ("high", 3, 2)
    # One critical, and two info that follow it.
    assert one.risk == pytest.approx(128 + 0.5 * 1.5849625)
    worst = [(row.resource, row.risk, row.by_severity) for row in worst_resources(run, 9)]
    assert worst == [("sg-3", 128, {"critical": 1}), ("sg-1", 0.5, {"info": 1}), ("sg-2", 0.5, {"info": 1})]


def test_every_format_shows_them(run: Assessment) -> None:
    expected = {"sg-3": "critical", "sg-1": "info", "sg-2": "info", "sg-gone": "critical"}
    report = json.loads(text_of(jsonreport.pieces, run))
    assert {one["resource"]: one["severity"] for one in report["findings"]} == expected
    assert {one["id"]: one["findings_by_severity"] for one in report["accounts"]}[BLUE] == {"critical": 1}
    rows = list(csv.DictReader(io.StringIO(text_of(spreadsheet.pieces, run))))
    assert {row["resource"]: row["severity"] for row in rows} == expected
    unseen = list(csv.DictReader(io.StringIO(text_of(spreadsheet.not_seen_pieces, run))))
    assert {(row["account_name"], row["severity"]) for row in unseen if row["policy"] == "user-mfa"} == {
        ("blue", "medium"), ("locked", "medium")}
    [log] = json.loads(text_of(sarif.pieces, run))["runs"]
    assert {(one["properties"]["severity"], one["level"]) for one in log["results"]} == {
        ("critical", "error"), ("info", "note")}
    text = text_of(junit.pieces, run)
    assert 'type="critical"' in text and 'type="info"' in text and 'type="high"' not in text
    compliance = [one for one in json.loads(text_of(ocsf.pieces, run)) if one["status_code"] == "FAIL"]
    assert sorted(one["severity"] for one in compliance) == ["Critical", "Informational", "Informational"]
    assert "| critical | blue |" in text_of(markdown.pieces, run)
    mail = mail_about(run).text
    assert "3 open findings (1 critical, 2 info)" in mail and "- critical  blue  eu-west-1  open-ssh  sg-gone" in mail
    html = text_of(partial(page.pieces, path=run.store.path.with_name("report.html")), run)
    assert "#findings?severity=critical&amp;account=222222222222" in html


def test_a_resource_that_passed_has_the_severity_in_its_account(tmp_path: Path) -> None:
    made = assess(tmp_path, (), passed={
        ("open-ssh", BLUE, EAST): [("sg-9", "")], ("open-ssh", RED, EAST): [("sg-8", "")]})
    with made.store:
        made.store.set_severities(DIFFERING)
        rows = list(csv.DictReader(io.StringIO(text_of(spreadsheet.passed_pieces, made))))
    assert {row["resource"]: row["severity"] for row in rows} == {"sg-9": "critical", "sg-8": "info"}
