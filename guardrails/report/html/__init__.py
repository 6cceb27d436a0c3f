"""The HTML report: one file that opens from a disk without a network, with up to 50,000 findings.

The most important facts (completeness, score, changes, what to fix first) are part of the page's HTML, so they show
without JavaScript and in print. The findings are JSON in the page; a script lists, filters and opens them. Names and
tags come from AWS and may contain anything: the templates escape them, the script adds them as text, and the page's
Content-Security-Policy allows only the page's own script.
"""
from __future__ import annotations

from pathlib import Path

from ...assessment import Assessment
from ..formats.files import whole
from .page import stream

__all__ = ["write_html"]


def write_html(assessment: Assessment, path: Path) -> None:
    """Write the report to `path`, whole or not at all.

    Findings are read and written in blocks, so that memory does not grow with their number. Raises GuardrailsError
    when the file cannot be written.
    """
    with whole(path) as file:
        for piece in stream(assessment):
            file.write(piece)
