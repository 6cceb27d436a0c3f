"""`audit`: sweep policies over accounts and regions, change nothing, and write a risk report."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import (
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

INTERRUPTED = 130


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
    from ..paths import output_directory
    from ..runs import audit as auditing
    from .progress import progress_bar
    from .show import publish

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
            run.sweep(progress_bar)
        except KeyboardInterrupt:
            done = len(run.store.states())
            click.echo(f"interrupted: {done} of {run.asked} checks are done", err=True)
            click.echo(f"  go on with ./run.sh audit --resume {run.directory}", err=True)
            raise SystemExit(INTERRUPTED) from None
        assessment = run.assess()
        hubs = run.plan.accounts.reached if securityhub else None
        code = publish(assessment, run.directory, formats, fail_on=fail_on, securityhub=hubs)
        if not assessment.complete:
            click.echo(f"what did not run can be run again: ./run.sh audit --resume {run.directory}")
    raise SystemExit(code)


def _refuse_others(context: click.Context) -> None:
    """Raise UsageError when --resume came with what the run in DIR was asked already."""
    from click.core import ParameterSource

    free = {"resume", "formats", "securityhub", "fail_on", "verbose"}
    for parameter in context.command.params:
        if parameter.name not in free and context.get_parameter_source(str(parameter.name)) is \
                ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{parameter.opts[-1]} with --resume: what the run was asked cannot change; begin a new one")
