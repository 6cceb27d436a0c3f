"""`publish`: upload the report of a run to S3, and send what changed to an SNS topic."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from .options import INCOMPLETE, exceptions_option, json_option, parquet_option, talk_options


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR")
@click.option("--to", metavar="URL", help="Upload the report files and run.db below s3://BUCKET/PREFIX, into a folder "
                                          "of the run's own: YYYY/MM/DD/audit-HHMMSSZ-RUN/.")
@click.option("--topic", metavar="ARN", help="Send a mail about what changed, as plain text, to this SNS topic.")
@click.option("--doctor", type=click.Path(path_type=Path), metavar="FILE",
              help="The output of `doctor --json`, for the mail. If it holds no result, the mail says so, and the exit "
                   "code is 2.")
@parquet_option("Also write the run as Parquet files into this directory, or s3://BUCKET/PREFIX.")
@exceptions_option
@json_option()
@talk_options
def publish(
    directory: Path, to: str | None, topic: str | None, doctor: Path | None, parquet: str | None,
    exceptions: Path | None, as_json: bool,
) -> None:
    """Upload the report of the audit in DIR, and send what changed to a topic: new, reopened and fixed findings, the
    score, checks that did not complete, and what the doctor found.

    Without --topic, the mail is printed.

    \b
    Example:
      {command} publish output/audit --to s3://central-reports/guardrails
      {command} publish output/audit --topic arn:aws:sns:eu-west-1:111111111111:guardrails-nightly
    """
    from ..accounts import S3Url
    from ..report import DoctorResult, mail_about, report_files, report_place, send, upload
    from ..results import load as load_exceptions
    from ..runs import finished_audit
    from .console import print_json
    from .show import checked_parquet

    url = S3Url.parse(to) if to else None
    tables = checked_parquet(parquet)
    added: list[str] = []
    examined = DoctorResult.parse(_content(doctor)) if doctor else None
    assessment = finished_audit(directory, load_exceptions(exceptions))
    with assessment.store:
        files = report_files(directory)
        place = report_place(url, assessment) if url else None
        if place:
            upload(files, place)
            place = replace(place, query=())  # to show it
            if not as_json:
                click.echo(f"uploaded: {place}")
        if tables:
            from ..parquet import add_run

            added = add_run(assessment, tables)
            if not as_json:
                click.echo(f"parquet: {tables}")
        where = f"{place}/{files[0].name}" if place else ""
        mail = mail_about(assessment, report=where, doctor=examined)
    if topic:
        send(mail, topic)
    if as_json:
        print_json({
            "uploaded": [f"{place}/{file.relative_to(directory)}" for file in files] if place else [], "sent_to": topic,
            "parquet": added,
            "subject": mail.subject, "text": mail.text})
    elif topic:
        click.echo(f"sent: {mail.subject}")
    else:
        click.echo(f"{mail.subject}\n\n{mail.text}", nl=False)
    if examined and not examined.known:
        raise SystemExit(INCOMPLETE)


def _content(file: Path) -> bytes:
    """The content; empty if it cannot be read, which is the same as a doctor that printed nothing."""
    from ..inputfile import CannotRead, read_bytes
    from ..limits import FILE_BYTES

    try:
        return read_bytes(file, FILE_BYTES)
    except CannotRead as error:
        click.echo(f"{file}: {error}", err=True)
        return b""
