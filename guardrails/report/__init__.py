"""Writes a run as HTML, JSON, CSV, Markdown, OCSF, ASFF, SARIF and JUnit, and imports it into Security Hub."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .diff_comment import comment_on
    from .fix_command import fix_all_command
    from .formats import FORMATS, write
    from .securityhub import import_findings

__getattr__, __all__ = face(
    __name__,
    diff_comment=("comment_on",),
    fix_command=("fix_all_command",),
    formats=("FORMATS", "write"),
    securityhub=("import_findings",),
)
