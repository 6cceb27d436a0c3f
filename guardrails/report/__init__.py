"""Writes a run as HTML, JSON, CSV, Markdown, OCSF, ASFF, SARIF and JUnit, and publishes it: Security Hub, S3, SNS."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .case_results import junit_of_cases
    from .change_mail import DoctorResult, mail_about
    from .diff_comment import comment_on
    from .fix_command import fix_all_command
    from .formats import FORMATS, write, write_json_report
    from .formats.spreadsheet import harmless
    from .publication import report_files, report_place, send, upload
    from .securityhub import import_findings

__getattr__, __all__ = face(
    __name__,
    case_results=("junit_of_cases",),
    change_mail=("DoctorResult", "mail_about"),
    diff_comment=("comment_on",),
    fix_command=("fix_all_command",),
    formats=("FORMATS", "write", "write_json_report"),
    formats__spreadsheet=("harmless",),
    publication=("report_files", "report_place", "send", "upload"),
    securityhub=("import_findings",),
)
