"""`report`: the report of an audit that was run before, of what functions wrote to S3, or of c7n-org's output."""
from __future__ import annotations

from pathlib import Path

import click

from .options import (
    INCOMPLETE,
    account_options,
    controls_option,
    exceptions_option,
    fail_on_option,
    format_option,
    history_option,
    output_option,
    policies_option,
    securityhub_option,
    verbose_option,
)


@click.command()
@click.argument("source")
@account_options
@policies_option
@controls_option
@exceptions_option
@history_option
@output_option
@format_option
@securityhub_option
@fail_on_option
@verbose_option
def report(
    source: str, config: Path | None, regions: tuple[str, ...], directory: Path, controls: tuple[Path, ...],
    exceptions: Path | None, history: Path | None, output: str | None, formats: tuple[str, ...], fail_on: str | None,
    securityhub: bool, verbose: bool,
) -> None:
    """Make the report of SOURCE again, or from what deployed functions wrote.

    SOURCE is the directory of an audit, s3://BUCKET/PREFIX to which periodic policies write, or a directory that
    c7n-org wrote. With accounts.yml (-c) an account that never wrote is named; without it nobody can know of it.

    \b
    Example:
      ./run.sh report output/audit-20260101T120000Z --format sarif
      ./run.sh report s3://central-reports/guardrails -c accounts.yml -o output/week
    """
    from .accounts import find_accounts, listed_accounts
    from .audit import exit_code
    from .collect import collect
    from .exceptions import load as load_exceptions
    from .paths import output_directory
    from .policies import load
    from .publishing import publish
    from .reporting import assess, assess_again
    from .store import FILE, RunStore

    place = Path(source)
    earlier = (place / FILE).is_file() or place.name == FILE
    asked = listed_accounts(config, regions) if config else None
    hubs = find_accounts(config, regions).reached if securityhub else None
    target = output_directory(output, "report")
    allowed = load_exceptions(exceptions)
    store = RunStore.open(place) if earlier else collect(
        source, accounts=asked, policies=load(directory), target=target)
    with store:
        if earlier:
            assessment = assess_again(store, controls=controls, exceptions=allowed)
        else:
            store.change_each(allowed.apply)
            assessment = assess(store, controls=controls, exceptions=allowed, history=history)
        if verbose:
            click.echo(f"{assessment.asked} checks of {source}, into {target}", err=True)
        whole = publish(assessment, target, formats, securityhub=hubs)
        code = exit_code(complete=assessment.complete, severities=list(assessment.open_by_severity), fail_on=fail_on)
    raise SystemExit(code or (0 if whole else INCOMPLETE))
