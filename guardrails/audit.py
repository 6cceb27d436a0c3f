"""`audit`: sweep policies over accounts and regions, change nothing, and write a risk report."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from .options import (
    INCOMPLETE,
    account_options,
    controls_option,
    exceptions_option,
    fail_on_option,
    format_option,
    framework_option,
    history_option,
    output_option,
    policies_option,
    securityhub_option,
    selection_options,
    verbose_option,
)
from .policies import SEVERITIES, Kind, Policy

INTERRUPTED = 130


def sweepable(policies: Sequence[Policy]) -> tuple[list[Policy], int]:
    """The policies that a sweep can run, and how many it cannot: those that judge an event."""
    chosen = [policy for policy in policies if policy.kind is not Kind.REALTIME]
    return chosen, len(policies) - len(chosen)


def exit_code(*, complete: bool, severities: Sequence[str], fail_on: str | None) -> int:
    """2 when something was not seen, 1 when there is an open finding of `fail_on` or worse, else 0."""
    if not complete:
        return INCOMPLETE
    limit = SEVERITIES.index(fail_on) if fail_on else -1
    return int(any(SEVERITIES.index(severity) <= limit for severity in severities if severity in SEVERITIES))


@click.command()
@account_options
@selection_options
@framework_option
@policies_option
@controls_option
@exceptions_option
@history_option
@output_option
@click.option(
    "--resume", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
    help="Go on with the audit in DIR that was interrupted or incomplete: what it has not seen is run again. What it "
         "was asked is taken from there.")
@format_option
@securityhub_option
@fail_on_option
@verbose_option
@click.pass_context
def audit(
    context: click.Context, /, resume: Path | None, output: str | None, formats: tuple[str, ...], fail_on: str | None,
    verbose: bool, securityhub: bool, **asked: Any,
) -> None:
    """Sweep the config-rule and periodic policies over accounts and regions, change nothing, write a risk report.

    Every (account, region, policy) is accounted for. Exits with 0 when all ran, with 2 when something did not,
    which the first line says, and with 1 on open findings where --fail-on asks for it.

    \b
    Example:
      ./run.sh audit -c accounts.yml --region all --fail-on high
      ./run.sh audit --framework cis-aws-5.0 --format html --format sarif -o output/today
      ./run.sh audit --resume output/audit-20260101T120000Z
    """
    from . import auditing
    from .paths import output_directory
    from .publishing import publish

    if resume:
        _refuse_others(context)
        run = auditing.resumed(resume)
    else:
        question = auditing.Question.of(**asked)
        run = auditing.started(question, lambda: output_directory(output, "audit"))
    with run.store:
        if verbose:
            click.echo(f"{len(run.plan.policies)} policies over {len(run.plan.accounts.all)} accounts, "
                       f"into {run.directory}", err=True)
        try:
            run.sweep()
        except KeyboardInterrupt:
            done = len(run.store.states())
            click.echo(f"interrupted: {done} of {run.asked} checks are done", err=True)
            click.echo(f"  go on with ./run.sh audit --resume {run.directory}", err=True)
            raise SystemExit(INTERRUPTED) from None
        assessment = run.assess()
        hubs = run.plan.accounts.reached if securityhub else None
        whole = publish(assessment, run.directory, formats, securityhub=hubs)
        if not assessment.complete:
            click.echo(f"what did not run can be run again: ./run.sh audit --resume {run.directory}")
        code = exit_code(complete=assessment.complete, severities=list(assessment.open_by_severity), fail_on=fail_on)
    raise SystemExit(code or (0 if whole else INCOMPLETE))


def _refuse_others(context: click.Context) -> None:
    """Raise UsageError when --resume came with what the run in DIR was asked already."""
    from click.core import ParameterSource

    free = {"resume", "formats", "securityhub", "fail_on", "verbose"}
    for parameter in context.command.params:
        if parameter.name not in free and context.get_parameter_source(str(parameter.name)) is \
                ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{parameter.opts[-1]} with --resume: what the run was asked cannot change; begin a new one")
