"""The formats of a report. Each is a small module that writes the same Assessment.

A format reads the run's file row by row and streams, so that 50,000 findings need no more memory than ten. Each shows
incomplete checks in its own way; docs/formats.md lists them.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from ...assessment import Assessment
from ...errors import GuardrailsError
from .files import whole


@dataclass(frozen=True)
class ReportFormat:
    """The files of one format, and the functions that write them."""

    files: Mapping[str, str]
    """File name to `module:function`, loaded when the file is written. It takes the assessment and a stream."""
    itself: bool = False
    """The function takes a path instead of a stream, and replaces the file atomically itself."""
    evidence: Mapping[str, str] = field(default_factory=dict)
    """More files, as `files`, of a run that kept the ids of the resources that passed."""


FORMATS: Mapping[str, ReportFormat] = {
    "html": ReportFormat({"report.html": "guardrails.report.html:write_html"}, itself=True),
    "json": ReportFormat({"report.json": "guardrails.report.formats.jsonreport:write"}),
    "markdown": ReportFormat({"report.md": "guardrails.report.formats.markdown:write"}),
    "csv": ReportFormat({
        "findings.csv": "guardrails.report.formats.spreadsheet:write",
        "not-seen.csv": "guardrails.report.formats.spreadsheet:write_not_seen",
    }, evidence={"passed.csv": "guardrails.report.formats.spreadsheet:write_passed"}),
    "sarif": ReportFormat({"report.sarif": "guardrails.report.formats.sarif:write"}),
    "junit": ReportFormat({"report.junit.xml": "guardrails.report.formats.junit:write"}),
    "json-ocsf": ReportFormat({"report.ocsf.json": "guardrails.report.formats.ocsf:write"}),
    "asff": ReportFormat({"report.asff.json": "guardrails.report.formats.asff:write"}),
}


def write(names: Iterable[str], assessment: Assessment, directory: Path) -> list[Path]:
    """Write the formats into the directory, each file completely or not at all; returns the paths by `names`.

    Raises GuardrailsError for an unknown format (before anything is written), and for a file that cannot be written.
    """
    names = list(dict.fromkeys(names))
    for name in names:
        if name not in FORMATS:
            raise GuardrailsError(f"unknown format: {name}", f"use one of {', '.join(FORMATS)}")
    written = []
    for name in names:
        more = FORMATS[name].evidence if assessment.evidence else {}
        for file, writer in {**FORMATS[name].files, **more}.items():
            path = directory / file
            if FORMATS[name].itself:
                _load(writer)(assessment, path)
            else:
                with whole(path) as stream:
                    _load(writer)(assessment, stream)
            written.append(path)
    return written


def write_json_report(assessment: Assessment, stream: TextIO) -> None:
    """Write what report.json has to the stream."""
    [writer] = FORMATS["json"].files.values()
    _load(writer)(assessment, stream)


def _load(writer: str) -> Any:
    module, _, function = writer.partition(":")
    return getattr(import_module(module), function)
