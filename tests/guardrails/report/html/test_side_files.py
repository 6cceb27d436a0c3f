"""The report of a large run: a small page, and files beside it that it loads when a reader needs them."""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Keys

from guardrails.errors import GuardrailsError
from guardrails.report.formats import write
from guardrails.report.html import page, side_files
from guardrails.report.publication import report_files
from guardrails.results.finding import Status

from . import runs
from .conftest import Browser

CALL = re.compile(r'guardrailsFindings\((\d+),"([0-9a-f]{32})",(".*")\);\n')


def content(file: Path) -> tuple[int, str, dict[str, Any]]:
    match = CALL.fullmatch(file.read_text(encoding="ascii"))
    assert match
    return int(match[1]), match[2], json.loads(json.loads(match[3]))


# What is written.


def test_names_tags_and_evidence_are_beside_the_page(
    report: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(page, "IN_ONE_FILE", 0)
    monkeypatch.setattr("guardrails.report.html.columns.BLOCK", 10)
    made = runs.run(tmp_path / "run")
    with made.store:
        write(("html",), made, tmp_path)
        findings = list(made.findings())
    files = side_files(tmp_path / "report.html")
    assert [file.name for file in files] == [f"findings-{n:04}.js" for n in range((len(findings) + 9) // 10)]
    read = [content(file) for file in files]
    assert [number for number, _, _ in read] == list(range(len(files)))
    for key in ("id", "resource", "arn"):
        assert [value for *_, of in read for value in of[key]] == [getattr(one, key) for one in findings]
    assert [of["evidence"]["values"][n] for *_, of in read for n in of["evidence"]["of"]] == [
        dict(one.evidence) for one in findings]
    assert [of["tagSets"][n] for *_, of in read for n in of["tags"]] == [dict(one.tags) for one in findings]
    text = (tmp_path / "report.html").read_text()
    assert all(digest in text for _, digest, _ in read)
    assert not any(one.id in text for one in findings)


def test_hostile_values_are_text_in_the_files(report: Callable[[str], Path]) -> None:
    for file in side_files(report("hostile+files")):
        text = file.read_text(encoding="ascii")
        assert CALL.fullmatch(text)
        content(file)


def test_only_a_page_with_files_may_load_scripts(report: Callable[[str], Path]) -> None:
    policies = [re.search(r'Content-Security-Policy" content="([^"]*)"', report(name).read_text())
                for name in ("run", "run+files")]
    alone, beside = (match[1] for match in policies if match)
    assert "strict-dynamic" not in alone and "strict-dynamic" in beside
    for policy in (alone, beside):
        assert "unsafe" not in policy and "default-src &#39;none&#39;" in policy


def test_a_small_report_has_no_files_and_takes_old_ones_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = runs.run(tmp_path / "run")
    with made.store:
        write(("html",), made, tmp_path / "alone")
        with monkeypatch.context() as patch:
            patch.setattr(page, "IN_ONE_FILE", 0)
            write(("html",), made, tmp_path / "out")
            write(("html",), made, tmp_path / "out")
        first = side_files(tmp_path / "out" / "report.html")
        assert first and report_files_of(tmp_path / "out", made) >= {f"report_files/{file.name}" for file in first}
        write(("html",), made, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.html"]
    assert (tmp_path / "out" / "report.html").read_bytes() == (tmp_path / "alone" / "report.html").read_bytes()


def report_files_of(directory: Path, made: Any) -> set[str]:
    return {str(file.relative_to(directory)) for file in report_files(directory) if file.is_relative_to(directory)}


def test_a_directory_of_others_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "IN_ONE_FILE", 0)
    (tmp_path / "report_files").mkdir()
    (tmp_path / "report_files" / "mine.txt").write_text("mine")
    made = runs.run(tmp_path / "run")
    with made.store, pytest.raises(GuardrailsError, match="report_files"):
        write(("html",), made, tmp_path)
    assert (tmp_path / "report_files" / "mine.txt").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"report_files", "run"}


# In a browser.


def test_the_list_and_a_finding_are_the_same_as_in_one_file(browser: Browser) -> None:
    seen = {}
    for name in ("run", "run+files"):
        browser.open(name, "#findings?status=any")
        browser.wait(lambda: browser.texts("#list-findings tbody tr"))
        rows, count = browser.texts("#list-findings tbody tr"), browser.count
        browser.click("#list-findings tbody tr .open")
        browser.wait(lambda: browser.one("#detail").get_attribute("open"))
        seen[name] = (rows, count, browser.one("#detail-body").text)
    assert seen["run"] == seen["run+files"]


@pytest.mark.parametrize("address", [
    "q=payments", "sort=resource", "view=resources", "severity=high&q=port", "owner=none&status=any", "change=new"])
def test_filters_orders_and_groups_are_the_same(browser: Browser, address: str) -> None:
    seen = []
    for name in ("run", "run+files"):
        browser.open(name, f"#findings?{address}")
        browser.wait(lambda: " shown" in browser.count)
        table = "#list-resources" if "resources" in address else "#list-findings"
        seen.append((browser.count, browser.texts(f"{table} tbody tr"), browser.texts("#filters .number")))
    assert seen[0] == seen[1]


def test_a_link_to_a_finding_opens_it(browser: Browser) -> None:
    last = browser.findings("run+files")[-1]
    browser.open("run+files", f"#findings?finding={last.id}")
    browser.wait(lambda: browser.one("#detail").get_attribute("open"))
    assert last.id in browser.one("#detail-body").text
    assert browser.texts("#list-findings tbody tr")


def test_hostile_names_in_the_files_are_only_text(browser: Browser) -> None:
    browser.open("hostile+files", "#findings?status=any&q=e")
    browser.wait(lambda: browser.texts("#list-findings tbody tr"))
    browser.click("#list-findings tbody tr .open")
    browser.wait(lambda: browser.one("#detail").get_attribute("open"))
    browser.press(Keys.ESCAPE)
    assert browser.run("return window.ran === undefined && ({}).polluted === undefined")


def test_a_missing_and_a_foreign_file_are_said(
    browser: Browser, report: Callable[[str], Path], tmp_path: Path
) -> None:
    copied = tmp_path / "report.html"
    copied.write_bytes(report("run+files").read_bytes())
    (tmp_path / "report_files").mkdir()
    foreign = side_files(report("hostile+files"))[0]
    (tmp_path / "report_files" / foreign.name).write_bytes(foreign.read_bytes())
    browser.chrome.get(copied.as_uri())
    browser.wait(lambda: "belongs to another report" in browser.count)
    (tmp_path / "report_files" / foreign.name).unlink()
    browser.chrome.get("about:blank")
    browser.chrome.get(copied.as_uri())
    browser.wait(lambda: "is missing" in browser.count)
    # What needs no details is there.
    assert browser.one(".cards").is_displayed() and Status.OPEN
    assert [entry["message"] for entry in browser.chrome.get_log("browser") if "ERR_FILE_NOT_FOUND" not in
            entry["message"]] == []
