"""JUnit: what is wrong fails, and what was not seen breaks the build too."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from junitparser import Error, Failure, JUnitXml, Skipped

from guardrails.assessment.assessment import Assessment
from guardrails.report.formats.junit import NAMED_AT_MOST, pieces
from guardrails.results.finding import Status
from tests.reporting import EAST, EXCEPTION, RED, WEST, assess, checks, finding, group, text_of


def read(assessment: Assessment) -> tuple[JUnitXml, dict[tuple[str, str], Any]]:
    """The file as a CI server has it, and its cases by class name and name."""
    text = text_of(pieces, assessment)
    found = JUnitXml.fromstring(text.encode())
    return found, {(case.classname, case.name): case for suite in found for case in suite}


def test_a_case_a_check_in_a_suite_an_account_and_region(assessment: Assessment) -> None:
    found, cases = read(assessment)
    assert set(cases) == {(f"{check.account_name}.{check.region}", check.policy) for check in assessment.checks()}
    assert [suite.name for suite in found][:3] == ["blue eu-west-1", "blue global", "blue us-east-1"]
    for suite in found:
        results = [case.result[0] for case in suite if case.result]
        assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (
            len(list(suite)), *(sum(isinstance(one, kind) for one in results) for kind in (Failure, Error, Skipped)))
    [open_ssh] = cases[f"red.{EAST}", "open-ssh"].result
    assert isinstance(open_ssh, Failure)
    assert (open_ssh.type, open_ssh.message) == ("high", "Violated: About open-ssh: 2 open findings")
    assert f"arn:aws:ec2:{EAST}:{RED}:security-group/sg-1" in open_ssh.text
    assert "Fix open-ssh." in open_ssh.text
    assert cases[f"red.{WEST}", "open-ssh"].result == []


def test_what_was_not_seen_is_an_error(assessment: Assessment) -> None:
    _, cases = read(assessment)
    errors = {key for key, case in cases.items() if case.result and isinstance(case.result[0], Error)}
    assert errors == {
        (f"{check.account_name}.{check.region}", check.policy) for check in assessment.checks(missing=True)}
    assert cases["blue.global", "user-mfa"].result[0].message == "did not complete (denied): AccessDenied on ListUsers"


def test_findings_of_a_check_that_was_cut_short_are_named_and_it_stays_an_error(tmp_path: Path) -> None:
    rows = [replace(row, state="throttled", reason="Rate exceeded") for row in checks()]
    made = assess(tmp_path, rows=rows)
    _, cases = read(made)
    [result] = cases[f"red.{EAST}", "open-ssh"].result
    assert isinstance(result, Error)
    assert result.message == "did not complete (throttled): Rate exceeded; 2 open findings so far"
    assert "sg-2" in result.text
    made.store.close()


def test_excepted_alone_is_skipped_and_what_does_not_apply_too(tmp_path: Path) -> None:
    bucket = finding("public-bucket", "web-1", region="global", status=Status.EXCEPTED, exception=EXCEPTION)
    made = assess(tmp_path, [bucket])
    _, cases = read(made)
    for key, message in ((("red.global", "public-bucket"), "1 finding, covered by exceptions"),
                         ((f"blue.{EAST}", "volume-encryption"), "its conditions do not hold here")):
        [result] = cases[key].result
        assert isinstance(result, Skipped)
        assert result.message == message
    made.store.close()


def test_of_many_resources_the_first_are_named_and_the_others_counted(tmp_path: Path) -> None:
    made = assess(tmp_path, [group(f"sg-{number:03}", RED, EAST) for number in range(NAMED_AT_MOST + 5)])
    _, cases = read(made)
    [result] = cases[f"red.{EAST}", "open-ssh"].result
    assert result.text.count("security-group/") == NAMED_AT_MOST
    assert "and 5 more" in result.text
    made.store.close()
