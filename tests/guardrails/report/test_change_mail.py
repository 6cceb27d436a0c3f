"""The mail after an audit: what changed, in text that a mail server and a mailbox take."""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from guardrails.assessment.assessment import Assessment
from guardrails.report.change_mail import LISTED_AT_MOST, DoctorResult, mail_about
from tests.guardrails.results.test_history import ONE, SSH, THREE, TWO, run
from tests.reporting import BLUE, EAST, RED, WEST, group

SEEN = [row for row in SSH if row.state == "ran"]


def three_runs(directory: Path) -> list[Assessment]:
    """A group that stays, one that is fixed and comes back, and one that is new."""
    stays, comes_back, new = (group(f"sg-{name}", RED, EAST) for name in ("stays", "back", "new"))
    return [run(directory / "1", ONE, [stays, comes_back], SEEN), run(directory / "2", TWO, [stays], SEEN),
            run(directory / "3", THREE, [stays, comes_back, new], SEEN)]


def sections(text: str) -> dict[str, list[str]]:
    return {title: rows for title, *rows in (part.splitlines() for part in text.split("\n\n"))}


def test_new_reopened_and_fixed_findings_are_listed(tmp_path: Path) -> None:
    first, second, third = (mail_about(each) for each in three_runs(tmp_path))
    assert first.subject == "aws-guardrails: 2 new, 0 reopened, 0 fixed, 2 open, score 78"
    assert set(sections(first.text)) - {"New findings"} == {f"Audit of {ONE}"}
    assert second.subject.startswith("aws-guardrails: 0 new, 0 reopened, 1 fixed, 1 open, score ")
    assert [row.split("  ")[-1] for row in sections(second.text)["Fixed findings"]] == ["sg-back"]
    assert "New findings" not in second.text
    found = sections(third.text)
    assert [row.split("  ")[-1] for row in found["New findings"]] == ["sg-new"]
    assert [row.split("  ")[-1] for row in found["Reopened findings"]] == ["sg-back"]
    assert f"since {TWO}: 1 new, 1 reopened, 0 fixed." in third.text
    assert "sg-stays" not in third.text


def test_what_was_not_seen_and_not_compared_is_said(tmp_path: Path) -> None:
    rows = [replace(SEEN[0], state="denied", reason="AccessDenied"), *SEEN[1:]]
    made = run(tmp_path / "1", ONE, [], rows)
    mail = mail_about(made, report="s3://b/report.html")
    assert mail.subject.startswith("aws-guardrails: INCOMPLETE, 0 new")
    assert "\nINCOMPLETE: 1 of " in mail.text and "\nReport: s3://b/report.html\n" in mail.text
    [row] = sections(mail.text)["Checks that did not complete"]
    assert row.endswith("denied  AccessDenied")
    alone = mail_about(replace(made, changes=None, not_compared="not compared with earlier runs: why"))
    assert "not compared, 0 open" in alone.subject and "\nnot compared with earlier runs: why.\n" in alone.text


def test_many_findings_fit_into_a_message(tmp_path: Path) -> None:
    made = run(tmp_path / "1", ONE, [group(f"sg-{number}-{'é' * 2000}", RED, EAST) for number in range(500)])
    mail = mail_about(made, doctor=DoctorResult("BROKEN", tuple("x" * 1000 for _ in range(500))))
    assert len(mail.text.encode()) < 262_144
    rows = sections(mail.text)["New findings"]
    assert len(rows) == LISTED_AT_MOST + 1 and rows[-1] == "and 450 more lines, in the report"
    assert all(len(line) < 500 for line in mail.text.splitlines())


def test_a_name_cannot_add_a_line_or_a_header(tmp_path: Path) -> None:
    hostile = group("sg-1\r\nSubject: paid\n\nDoctor: HEALTHY\x1b[2J\u202e", BLUE, WEST)
    mail = mail_about(run(tmp_path / "1", ONE, [hostile]))
    assert r"sg-1\r\nSubject: paid\n\nDoctor: HEALTHY\x1b[2J\u202e" in mail.text
    assert mail.subject.isascii() and mail.subject.isprintable() and len(mail.subject) <= 100


def row(state: str) -> dict[str, str]:
    return {"account": RED, "account_name": "red", "region": "eu-west-1", "policy": "p", "check": "role",
            "state": state, "reason": "why", "remedy": ""}


def test_the_doctors_result(tmp_path: Path) -> None:
    found = DoctorResult.parse(json.dumps({"verdict": "BROKEN", "checks": [row("broken"), row("ok")]}).encode())
    assert found == DoctorResult("BROKEN", ("broken  red  eu-west-1  p  role  why",))
    mail = mail_about(run(tmp_path / "1", ONE, []), doctor=found)
    assert mail.subject.endswith(", doctor BROKEN")
    assert mail.text.endswith("\n\nDoctor: BROKEN\n- broken  red  eu-west-1  p  role  why\n")
    fine = DoctorResult.parse(b'{"verdict": "HEALTHY", "checks": []}')
    healthy = mail_about(run(tmp_path / "2", TWO, []), doctor=fine)
    assert "doctor" not in healthy.subject and healthy.text.endswith("\n\nDoctor: HEALTHY\n")


@pytest.mark.parametrize("content", [
    b"", b"  \n", b"\xff", b"[]", b"null", b"{}", b'{"verdict": "FINE", "checks": []}', b'{"verdict": "BROKEN"}',
    b'{"verdict": "BROKEN", "checks": [1]}', b'{"verdict": "BROKEN", "checks": [{}]}', b"[" * 100_000,
    b'{"verdict": ["BROKEN"], "checks": []}'])
def test_a_doctor_that_failed_is_unknown_and_never_healthy(content: bytes) -> None:
    found = DoctorResult.parse(content)
    assert (found.verdict, found.known) == ("UNKNOWN", False)
    assert found.checks[0].startswith("the doctor gave no result: ")
