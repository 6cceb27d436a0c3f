"""`audit`: sweep policies over accounts and regions, change nothing, report."""
from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from .options import account_options, output_option, policies_option, selection_options, verbose_option
from .policies import SEVERITIES, Kind, Policy, Selection, load

INCOMPLETE = 2


def sweepable(policies: Sequence[Policy]) -> tuple[list[Policy], int]:
    """The policies that a sweep can run, and how many it cannot: those that judge an event."""
    chosen = [policy for policy in policies if policy.kind is not Kind.REALTIME]
    return chosen, len(policies) - len(chosen)


def exit_code(*, complete: bool, severities: Sequence[str], fail_on: str | None) -> int:
    """2 when something was not seen, 1 when there is a finding of `fail_on` or worse, else 0."""
    if not complete:
        return INCOMPLETE
    limit = SEVERITIES.index(fail_on) if fail_on else -1
    return int(any(SEVERITIES.index(severity) <= limit for severity in severities if severity in SEVERITIES))


@click.command()
@account_options
@selection_options
@policies_option
@output_option
@click.option("--fail-on", type=click.Choice(SEVERITIES), help="Exit with 1 on a finding this severe, or worse.")
@verbose_option
def audit(
    config: Path | None, regions: tuple[str, ...], names: tuple[str, ...], services: tuple[str, ...],
    severities: tuple[str, ...], directory: Path, output: str | None, fail_on: str | None, verbose: bool,
) -> None:
    """Sweep the config-rule and periodic policies over accounts and regions, and change nothing.

    Every (account, region, policy) is accounted for. Exits with 0 when all ran, with 2 when something did not,
    which the first line says, and with 1 on findings where --fail-on asks for it.

    \b
    Example:
      ./run.sh audit -c accounts.yml --region all --fail-on high
      ./run.sh audit --service s3 --service 'iam-*' -o output/today
    """
    from . import report as reports
    from .accounts import find_accounts
    from .console import out
    from .paths import output_directory
    from .sweep import sweep

    policies, not_audited = sweepable(Selection(names, services, severities).choose(load(directory)))
    if not policies:
        raise click.UsageError(
            f"nothing to sweep: the {not_audited} chosen policies judge events" if not_audited
            else "no policy meets all of the given criteria"
        )
    accounts = find_accounts(config, regions)
    target = output_directory(output, "audit")
    started = datetime.now(UTC)
    if verbose:
        click.echo(f"{len(policies)} policies over {len(accounts.all)} accounts, into {target}", err=True)
    swept = sweep(policies, accounts, target / "c7n-org")
    findings = tuple(swept.findings())
    report = reports.Report("audit", started, datetime.now(UTC), swept, findings, not_audited)
    written = reports.write(report, target)
    reports.show(report, out())
    click.echo("report: " + ", ".join(str(path) for path in written))
    code = exit_code(complete=report.complete, severities=[f.severity for f in findings], fail_on=fail_on)
    raise SystemExit(code)
