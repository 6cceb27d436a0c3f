"""A run as files: HTML, JSON, CSV, Markdown, OCSF, ASFF, SARIF, JUnit, and Security Hub's import."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .diff_comment import comment_on
    from .formats import FORMATS, write
    from .formats.markdown import cell
    from .securityhub import import_findings

__getattr__, __all__ = face(
    __name__,
    diff_comment=("comment_on",),
    formats=("FORMATS", "write"),
    formats__markdown=("cell",),
    securityhub=("import_findings",),
)
