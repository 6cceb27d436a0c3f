"""The formats of a report. Each is a small module that makes the text of a file in pieces, from the same Assessment.

All formats that are asked for are written side by side, from one pass over the run's findings (`rows`), so 50,000
findings are read once and need no more memory than a thousand. Each format shows incomplete checks in its own way;
docs/formats.md lists them.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from ...assessment import Assessment
from ...errors import GuardrailsError
from .rows import ReportRows
from .side_by_side import Pieces, ReportFile, write_files


@dataclass(frozen=True)
class ReportFormat:
    """The files of one format, and the functions that make them."""

    files: Mapping[str, str]
    """File name to `module:function`, loaded when the file is written: it returns the pieces of the text."""
    evidence: Mapping[str, str] = field(default_factory=dict)
    """More files, as `files`, of a run that kept the ids of the resources that passed."""
    beside: bool = False
    """Its function takes the `path` of the file, too: it may write other files beside it."""
    weight: int = 0
    """How much work a large report is in this format, compared with the others; 0 for one that lists few findings."""


FORMATS: Mapping[str, ReportFormat] = {
    "html": ReportFormat({"report.html": "guardrails.report.html:pieces"}, weight=4, beside=True),
    "json": ReportFormat({"report.json": "guardrails.report.formats.jsonreport:pieces"}, weight=4),
    "markdown": ReportFormat({"report.md": "guardrails.report.formats.markdown:pieces"}),
    "csv": ReportFormat({
        "findings.csv": "guardrails.report.formats.spreadsheet:pieces",
        "not-seen.csv": "guardrails.report.formats.spreadsheet:not_seen_pieces",
    }, evidence={"passed.csv": "guardrails.report.formats.spreadsheet:passed_pieces"}, weight=4),
    "sarif": ReportFormat({"report.sarif": "guardrails.report.formats.sarif:pieces"}, weight=3),
    "junit": ReportFormat({"report.junit.xml": "guardrails.report.formats.junit:pieces"}),
    "json-ocsf": ReportFormat({"report.ocsf.json": "guardrails.report.formats.ocsf:pieces"}, weight=5),
    "asff": ReportFormat({"report.asff.json": "guardrails.report.formats.asff:pieces"}, weight=4),
}


def write(names: Iterable[str], assessment: Assessment, directory: Path) -> list[Path]:
    """Write the formats into the directory, each file completely or not at all; returns the paths by `names`.

    Raises GuardrailsError for an unknown format (before anything is written), and for a file that cannot be written;
    files that are not finished then are not written either.
    """
    names = list(dict.fromkeys(names))
    for name in names:
        if name not in FORMATS:
            raise GuardrailsError(f"unknown format: {name}", f"use one of {', '.join(FORMATS)}")
    files = [file for name in names for file in _files_of(FORMATS[name], assessment, directory)]
    write_files(files, assessment)
    return [file.path for file in files]


def _files_of(of: ReportFormat, assessment: Assessment, directory: Path) -> Iterator[ReportFile]:
    more = of.evidence if assessment.evidence else {}
    [first, *_] = of.files
    for file, pieces in {**of.files, **more}.items():
        make: Any = _load(pieces)
        if of.beside:
            make = partial(make, path=directory / file)
        yield ReportFile(directory / file, make, of.weight if file == first or file in more else 0)


def write_json_report(assessment: Assessment, stream: TextIO) -> None:
    """Write what report.json has to the stream."""
    [pieces] = FORMATS["json"].files.values()
    [reader] = ReportRows(assessment).readers(1)
    stream.writelines(_load(pieces)(assessment, reader))


def _load(name: str) -> Pieces:
    module, _, function = name.partition(":")
    found: Pieces = getattr(import_module(module), function)
    return found
