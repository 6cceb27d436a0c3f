"""`report`: the report of an earlier audit, of what deployed functions wrote to S3, or of c7n-org's output."""
from __future__ import annotations

from functools import cache
from typing import Any

import click

from .options import (
    account_options,
    controls_option,
    exceptions_option,
    framework_option,
    history_option,
    json_option,
    output_option,
    policies_option,
    report_options,
    selection_options,
    talk_options,
    team_settings,
    write_parquet_option,
)
from .talk import is_verbose


@click.command()
@click.argument("source")
@account_options
@selection_options
@framework_option
@policies_option
@controls_option
@exceptions_option
@history_option
@write_parquet_option
@output_option
@report_options
@json_option()
@talk_options
def report(
    source: str, output: str | None, formats: tuple[str, ...], parquet: str | None, fail_on: str | None,
    owner_tags: tuple[str, ...], securityhub: bool, securityhub_passed: bool, as_json: bool, **selection: Any,
) -> None:
    """Write the report of an earlier audit again, or of what deployed functions wrote.

    SOURCE is the directory of an audit, the s3://BUCKET/PREFIX that periodic policies write to, or a directory that
    c7n-org wrote. With accounts.yml (-c), accounts that never wrote anything are reported as missing; without it they
    cannot be known. The options that select policies say which policies should have written. The report of an audit
    keeps the audit's own selection.

    \b
    Example:
      {command} report output/audit-20260101T120000Z --format sarif
      {command} report s3://central-reports/guardrails -c accounts.yml -o output/week
    """
    from ..paths import output_directory
    from ..runs import AuditRequest, assess_source
    from .console import say
    from .show import checked_parquet, end_with_report

    if securityhub_passed and not securityhub:
        raise click.UsageError("--securityhub-passed needs --securityhub")
    place = checked_parquet(parquet)
    request = AuditRequest.of(**selection, shown=team_settings().frameworks)
    hubs = request.find_accounts().reached if securityhub else None
    directory = cache(lambda: output_directory(output, "report"))
    assessment, advice = assess_source(source, request, directory)
    target = directory()
    with assessment.store:
        if is_verbose():
            say(f"{assessment.asked} checks of {source}, into {target}")
        end_with_report(assessment, target, formats, fail_on=fail_on, owner_tags=owner_tags, securityhub=hubs,
                        with_passed=securityhub_passed, if_incomplete=advice, parquet=place, as_json=as_json)
