"""The files of a report are written together: from one pass, the same as alone, and all or nothing."""
from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from guardrails.assessment.assessment import Assessment
from guardrails.errors import GuardrailsError
from guardrails.report.formats import FORMATS, side_by_side, write
from guardrails.report.formats.rows import ReportRow, ReportRows
from guardrails.report.formats.side_by_side import ReportFile, _shares, write_files
from guardrails.results.finding import Finding


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three processes, whatever the size of the report and the cores of the machine."""
    monkeypatch.setattr(side_by_side, "_processes", lambda _: 3)
    yield
    assert not [one for one in side_by_side.multiprocessing.active_children() if one.is_alive()]


def content(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def first_lines(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[str]:
    for row in rows:
        yield row.finding.id
        raise OSError(28, os.strerror(28))


def test_together_alone_and_in_processes_are_the_same(
    evidence: Assessment, tmp_path: Path, processes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(FORMATS, evidence, tmp_path / "processes")
    monkeypatch.setattr(side_by_side, "_processes", lambda _: 1)
    write(FORMATS, evidence, tmp_path / "together")
    for name in FORMATS:
        write([name], evidence, tmp_path / "alone")
    assert content(tmp_path / "processes") == content(tmp_path / "together") == content(tmp_path / "alone")
    assert "passed.csv" in content(tmp_path / "alone")


def test_the_findings_are_read_once(assessment: Assessment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    read = Assessment.findings

    def counting(self: Assessment, *statuses: str) -> Iterator[Finding]:
        reads.append(statuses)
        return read(self, *statuses)

    monkeypatch.setattr(Assessment, "findings", counting)
    write(("html", "json", "csv", "sarif", "json-ocsf", "asff"), assessment, tmp_path / "out")
    assert reads == [()]


def test_no_more_rows_are_kept_than_a_block(assessment: Assessment, monkeypatch: pytest.MonkeyPatch) -> None:
    alive, most = 0, 0

    class Counted(ReportRow):
        def __init__(self, *args: object) -> None:
            nonlocal alive, most
            super().__init__(*args)
            alive += 1
            most = max(most, alive)

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    findings = list(assessment.findings())
    monkeypatch.setattr("guardrails.report.formats.rows.ReportRow", Counted)
    monkeypatch.setattr(Assessment, "findings", lambda self: iter(findings * 2000))

    def some(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[str]:
        yield from (row.finding.id for row in rows)

    def none(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[str]:
        yield "no rows"

    directory = assessment.store.path.parent
    write_files([ReportFile(directory / name, made, 0) for name, made in (("a", some), ("b", none), ("c", some))],
                assessment)
    assert len(findings) * 2000 > 10_000 and most < 1_000


def test_a_file_that_fails_leaves_no_part_of_any(assessment: Assessment, tmp_path: Path) -> None:
    with pytest.raises(GuardrailsError, match="No space left"):
        write_files([ReportFile(tmp_path / name, made, 1) for name, made in (
            ("one", first_lines), ("two", _whole_text))], assessment)
    assert content(tmp_path).keys() <= {"run.db"}


def test_the_file_that_the_disk_refused_is_the_one_that_is_named(assessment: Assessment) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, os.strerror(28))

    [reader] = ReportRows(assessment).readers(1)
    one = side_by_side._OpenFile(Path("out/report.json"), Full(), reader, iter(["a line"]))
    with pytest.raises(GuardrailsError, match=r"out/report\.json: No space left"):
        one.go_on(1)


def test_an_error_in_another_process_is_raised(assessment: Assessment, tmp_path: Path, processes: None) -> None:
    (tmp_path / "file").touch()
    files = [ReportFile(tmp_path / "ours", _whole_text, 3), ReportFile(tmp_path / "file" / "theirs", _whole_text, 1)]
    with pytest.raises(GuardrailsError, match="file/theirs"):
        write_files(files, assessment)


def test_a_process_that_is_killed_is_told(assessment: Assessment, tmp_path: Path, processes: None) -> None:
    files = [ReportFile(tmp_path / "ours", _whole_text, 3), ReportFile(tmp_path / "theirs", _killed, 1)]
    with pytest.raises(GuardrailsError, match="ended unexpectedly"):
        write_files(files, assessment)
    assert "theirs" not in content(tmp_path)


def test_a_failure_here_ends_the_others_and_what_they_began(
    assessment: Assessment, tmp_path: Path, processes: None
) -> None:
    files = [ReportFile(tmp_path / "ours", _waits_and_fails, 3), ReportFile(tmp_path / "theirs", _endless, 1)]
    with pytest.raises(GuardrailsError, match="on purpose"):
        write_files(files, assessment)
    assert content(tmp_path).keys() <= {"run.db", "began"}


@pytest.mark.parametrize("number", [1, 2, 3, 9])
def test_every_file_is_in_one_share_and_none_is_only_small(number: int, tmp_path: Path) -> None:
    files = [ReportFile(tmp_path / str(n), _whole_text, weight) for n, weight in enumerate((4, 0, 4, 0, 3, 5))]
    shares = _shares(files, number)
    assert sorted(file.path for share in shares for file in share) == [file.path for file in files]
    assert len(shares) == min(number, 4) and all(any(file.weight for file in share) for share in shares)
    totals = [sum(file.weight for file in share) for share in shares]
    assert max(totals) - min(totals) <= 5


def test_a_small_report_and_one_beside_threads_is_written_by_one_process(assessment: Assessment) -> None:
    assert side_by_side._processes(assessment) == 1
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert side_by_side._processes(assessment) == 1
    finally:
        done.set()
        thread.join()


def _whole_text(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[str]:
    yield from (row.finding.id for row in rows)


def _killed(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[str]:
    yield "a"
    os.kill(os.getpid(), 9)


def _endless(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[str]:
    (assessment.store.path.parent / "began").touch()
    while True:
        threading.Event().wait(0.01)
        yield "more"


def _waits_and_fails(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[str]:
    for _ in range(3000):
        if (assessment.store.path.parent / "began").exists():
            break
        threading.Event().wait(0.01)
    yield "a"
    raise GuardrailsError("failed on purpose")
