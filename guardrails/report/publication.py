"""Puts the files of a run into a bucket, and the mail about it on a topic."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ..accounts import AWS_ERRORS, S3Url, make_session, reason_of
from ..assessment import Assessment
from ..command import command
from ..errors import GuardrailsError
from ..results import FILE
from .change_mail import ChangeMail
from .formats import FORMATS
from .html import side_files

_TYPES = {".html": "text/html; charset=utf-8", ".md": "text/markdown; charset=utf-8", ".json": "application/json",
          ".csv": "text/csv; charset=utf-8", ".xml": "application/xml", ".js": "text/javascript"}
_REPORTS = tuple(name for each in FORMATS.values() for name in each.files)


def report_files(directory: Path) -> list[Path]:
    """The report's files in the directory of a run, the first format first, and the run itself.

    Raises GuardrailsError if there is no report: the verb that made the run did not end.
    """
    found = [path for name in _REPORTS if (path := directory / name).is_file()]
    if not found:
        raise GuardrailsError(
            f"{directory}: the run has no report", f"write one: {command('report')} {directory} -o DIR")
    beside = [path for page in found if page.suffix == ".html" for path in side_files(page)]
    return [*found, *beside, directory / FILE]


def report_place(url: S3Url, assessment: Assessment) -> S3Url:
    """The folder of a run below `url`: `YYYY/MM/DD/audit-HHMMSSZ-RUN`, by the time when it started."""
    started = datetime.fromisoformat(assessment.started).astimezone(UTC)
    folder = f"{started:%Y/%m/%d}/{assessment.verb}-{started:%H%M%SZ}-{assessment.run[:8]}"
    return replace(url, prefix="/".join(filter(None, (url.prefix, folder))))


def upload(files: Sequence[Path], place: S3Url) -> None:
    """Copy the files into the folder, the first one at its top.

    Raises GuardrailsError when S3 refuses one; those before it are there then.
    """
    client = place.client()
    top = files[0].parent
    for file in files:
        name = file.relative_to(top).as_posix()
        kind = {"ContentType": _TYPES[file.suffix]} if file.suffix in _TYPES else {}
        try:
            with open(file, "rb") as content:
                client.put_object(Bucket=place.bucket, Key=f"{place.prefix}/{name}", Body=content, **kind)
        except AWS_ERRORS as error:
            raise GuardrailsError(
                f"{place}/{name}: {reason_of(error)}", "the credentials need s3:PutObject there") from None
        except OSError as error:
            raise GuardrailsError(f"{file}: {error.strerror or error}", "is it readable?") from None


def send(mail: ChangeMail, topic: str) -> None:
    """Publish the mail to the topic with this ARN. Raises GuardrailsError for another text, and if SNS refuses."""
    parts = topic.split(":")
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "sns" or not all(parts):
        raise GuardrailsError(f"{topic}: not the ARN of a topic", "use arn:aws:sns:REGION:ACCOUNT:NAME")
    try:
        make_session().client("sns", region_name=parts[3]).publish(
            TopicArn=topic, Subject=mail.subject, Message=mail.text)
    except AWS_ERRORS as error:
        raise GuardrailsError(f"{topic}: {reason_of(error)}", "the credentials need sns:Publish on the topic") from None
