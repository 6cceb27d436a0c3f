"""The HTML report: one file that opens from a disk, without a network, and holds 50,000 findings.

What a reader has to see at once (is it complete, the score, what changed, what to do first) is written into the page,
and is there without JavaScript and on paper too. The findings are data in the page, which a script shows, filters and
opens. Names and tags come from AWS and may hold anything: here they are escaped, the script writes them as text, and
the page's own policy lets no script run but the one that was written with it.
"""
from __future__ import annotations

from pathlib import Path

from ...assessment import Assessment
from ..formats.files import whole
from .page import stream

__all__ = ["write_html"]


def write_html(assessment: Assessment, path: Path) -> None:
    """Write the report to `path`, whole or not at all.

    Findings are read and written in blocks, so that memory does not grow with them. Raises GuardrailsError when the
    file cannot be written.
    """
    with whole(path) as file:
        for piece in stream(assessment):
            file.write(piece)
