"""`audit`: sweep policies over accounts and regions, change nothing, and write a risk report."""
from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from custom_actions.names import SWEEPS
from custom_actions.vocabulary import UNRATED

from ..command import command
from .options import (
    INTERRUPTED,
    account_options,
    concurrency_options,
    controls_option,
    exceptions_option,
    framework_option,
    history_option,
    json_option,
    output_option,
    policies_option,
    refuse_options,
    report_options,
    selection_options,
    talk_options,
    team_settings,
    write_parquet_option,
)
from .talk import is_verbose

if TYPE_CHECKING:
    from ..runs import AuditRun, Concurrency


STEP_FUNCTIONS = "step-functions"


@click.command()
@account_options
@selection_options
@framework_option
@policies_option
@controls_option
@exceptions_option
@history_option
@write_parquet_option
@concurrency_options
@output_option
@click.option(
    "--evidence", is_flag=True,
    help="Keep the ids of the resources that pass, and list them in the report.")
@click.option(
    "--on", "engine", type=click.Choice(["local", STEP_FUNCTIONS]), default="local", show_default=True,
    help="Where the checks run: on this machine, or on AWS Step Functions, one worker for each account and group of "
         "regions (docs/scale.md).")
@click.option(
    "--state-machine", metavar="NAME", default=SWEEPS, show_default=True,
    help="With --on step-functions: the state machine of `templates sweep`, by name or ARN.")
@click.option(
    "--nightly", is_flag=True,
    help="With --on step-functions: start nothing, but let the nightly sweep of the stack check what is selected here.")
@click.option(
    "--resume", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
    help="Resume the interrupted or incomplete audit in DIR: only checks without a complete result run. The selection "
         "of policies and accounts is taken from DIR.")
@report_options
@json_option()
@talk_options
@click.pass_context
def audit(
    context: click.Context, /, resume: Path | None, output: str | None, formats: tuple[str, ...], parquet: str | None,
    fail_on: str | None, owner_tags: tuple[str, ...], securityhub: bool, securityhub_passed: bool,
    workers: int | None, engine: str, state_machine: str, nightly: bool, as_json: bool, **selection: Any,
) -> None:
    """Sweep the config-rule and periodic policies over accounts and regions, change nothing, write a risk report.

    Every (account, region, policy) has a result. Exits with 0 if all checks ran, with 2 if one did not, which the
    first line says, and with 1 on open findings of the severity in --fail-on.

    \b
    Example:
      {command} audit -c accounts.yml --region all --fail-on high
      {command} audit --framework cis-aws-5.0 --format html --format sarif -o output/today
      {command} audit --evidence --format csv --format json-ocsf
      {command} audit --resume output/audit-20260101T120000Z
      {command} audit -c accounts.yml --on step-functions
    """
    from ..distributed import resume_distributed
    from ..paths import output_directory
    from ..runs import AuditRequest, Concurrency, resume_audit, start_audit
    from .console import say
    from .show import checked_parquet, end_with_report
    from .step_functions import ask_nightly, start_on_step_functions, sweep_on_step_functions

    place = checked_parquet(parquet)
    needs = "--securityhub-passed needs --securityhub, and an audit with --evidence"
    if securityhub_passed and not (securityhub and (selection["evidence"] or resume)):
        raise click.UsageError(needs)
    if resume:
        refuse_options(
            context, "--resume",
            {"resume", "formats", "securityhub", "securityhub_passed", "fail_on", "owner_tags", "parquet", "sweeps",
             "workers"},
            "the selection of a started audit cannot change; start a new one")
        audit = resume_distributed(resume)
        run = audit.run if audit else resume_audit(resume)
        if securityhub_passed and not run.request.evidence:
            raise click.UsageError(needs)
    else:
        request = AuditRequest.of(**selection, shown=team_settings().frameworks)
        if nightly:
            ask_nightly(request, engine, state_machine, as_json=as_json)
            return

        def directory() -> Path:
            return output_directory(output, "audit")

        audit = start_on_step_functions(request, directory, state_machine) if engine == STEP_FUNCTIONS else None
        run = audit.run if audit else start_audit(request, directory)
    with closing(run):
        if unrated := sum(policy.severity == UNRATED for policy in run.plan.policies):
            say(f"{unrated} policies say no severity: unrated")
        if is_verbose():
            say(f"{len(run.plan.policies)} policies over {len(run.plan.accounts.all)} accounts, "
                f"into {run.directory}")
        if resume:
            say(f"resuming: {run.done} of {run.total} checks are done")
        if audit:
            sweep_on_step_functions(audit)
        else:
            _sweep(run, Concurrency(workers))
        end_with_report(
            run.assess(), run.directory, formats, fail_on=fail_on, owner_tags=owner_tags,
            securityhub=run.plan.accounts.reached if securityhub else None, with_passed=securityhub_passed,
            parquet=place, as_json=as_json,
            if_incomplete=f"to run the missing checks: {command('audit --resume')} {run.directory}")


def _sweep(run: AuditRun, concurrency: Concurrency) -> None:
    """Run the checks; on Ctrl-C say how to resume, and exit."""
    from .progress import progress_bar

    try:
        run.sweep(progress_bar, concurrency)
    except KeyboardInterrupt:
        click.echo(f"interrupted: {run.done} of {run.total} checks are done", err=True)
        click.echo(f"  resume with: {command('audit --resume')} {run.directory}", err=True)
        raise SystemExit(INTERRUPTED) from None
