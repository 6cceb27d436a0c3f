"""`heal`: run the fixes of policies on what is found, and check that the drift is gone."""
from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..command import command
from ..errors import GuardrailsError
from ..limits import HEAL_LIMIT
from .options import (
    INCOMPLETE,
    INTERRUPTED,
    account_options,
    concurrency_options,
    controls_option,
    exceptions_option,
    framework_option,
    json_option,
    output_option,
    policies_option,
    refuse_options,
    selection_options,
    talk_options,
    team_settings,
    wait_option,
    waiting,
    yes_option,
)
from .talk import is_verbose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ..results import Finding
    from ..runs import Concurrency, Fix, Heal, HealLimits, HealPlan, HealRun

_RESUMED = {"resume", "yes", "wait", "sweeps", "workers"}
_NOT_WITH_APPLY = {"names", "services", "severities", "frameworks", "excluded", "account_names",
                   "without_accounts", "account_tags", "resources", "plan_out"}


def _limits(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    from ..runs import Limit

    try:
        return tuple(str(Limit.parse(value)) for value in values)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _limit_option(*names: str, what: str, default: tuple[str, ...] = ()) -> Any:
    return click.option(
        *names, multiple=True, callback=_limits, metavar="N|P%", default=default, show_default=bool(default),
        help=f"Change nothing if more findings than this would be fixed {what}: a number, or a percentage of the "
             "resources that were looked at. Can be repeated.")


@click.command()
@account_options
@selection_options
@click.option("--resource", "resources", multiple=True, metavar="ID",
              help="Only findings of this resource: its id or ARN, or a glob. Can be repeated.")
@framework_option
@policies_option
@controls_option
@exceptions_option
@concurrency_options
@_limit_option("--max-resources", "--limit", "max_run", what="in this run", default=(str(HEAL_LIMIT),))
@_limit_option("--max-resources-per-policy", "max_policy", what="for one policy")
@_limit_option("--max-resources-per-account", "max_account", what="in one account")
@click.option("--plan-out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write a plan of what would be fixed, for --apply, and change nothing.")
@click.option("--apply", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
              help="Fix what the plan in FILE lists, and only where nothing has changed since the plan was made.")
@click.option("--resume", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
              help="Continue the interrupted heal in DIR with what was confirmed and is not done yet.")
@wait_option
@output_option
@yes_option
@json_option("With --plan-out, the result is the plan.")
@talk_options
@click.pass_context
def heal(
    context: click.Context, /, workers: int | None, max_run: tuple[str, ...], max_policy: tuple[str, ...],
    max_account: tuple[str, ...], plan_out: Path | None, apply: Path | None, resume: Path | None, wait: bool,
    output: str | None, yes: bool, as_json: bool, **selection: Any,
) -> None:
    """Sweep, list what would be fixed, ask, fix it, and sweep again.

    Runs the config-rule and periodic policies that have a fix (response revert, encrypt, stop, terminate or
    disable). On a terminal you can choose findings by number or policy. Only confirmed findings are fixed. Resources
    with an exception are left alone. The report shows the outcome of each finding; receipts.json is the input of
    `rollback`. Exits with 2 if a fix failed, drift is still there, or a check did not run. With --plan-out, exits with
    1 if there is something to fix.

    \b
    Example:
      {command} heal --policy security-group-admin-ports --resource sg-0a1b2c3d
      {command} heal -c accounts.yml --severity critical --plan-out plan.json
      {command} heal -c accounts.yml --apply plan.json
      {command} heal --resume output/heal-20260101T120000Z
    """
    from ..runs import Concurrency, HealLimits, HealPlan
    from .console import say

    concurrency = Concurrency(workers)
    if resume:
        refuse_options(context, "--resume", _RESUMED, "it continues with what was selected; start a new heal")
        opened = _resumed(resume, concurrency, wait=wait)
    else:
        if apply:
            refuse_options(context, "--apply", {str(parameter.name) for parameter in context.command.params} -
                           _NOT_WITH_APPLY, "the plan selects the findings; make another plan")
        if plan_out:
            _refuse_unwritable(plan_out)
        opened = _started(
            selection, HealPlan.read(apply) if apply else None, HealLimits.parse(max_run, max_policy, max_account),
            output, concurrency, wait=wait, asks=not (yes or plan_out or apply), changes=not plan_out)
    with opened as run:
        if is_verbose():
            say(f"{len(run.plan.policies)} policies with a fix over {len(run.plan.accounts.all)} accounts, "
                f"into {run.directory}")
        try:
            if plan_out:
                _write_plan(run, plan_out, as_json=as_json)
            _run(run, selection["controls"], yes=yes, applies=run.applied is not None, as_json=as_json)
        except KeyboardInterrupt:
            click.echo(f"interrupted while {run.phase}", err=True)
            click.echo(f"  resume with: {command('heal --resume')} {run.directory}", err=True)
            raise SystemExit(INTERRUPTED) from None


@contextmanager
def _started(
    selection: dict[str, Any], applied: HealPlan | None, limits: HealLimits, output: str | None,
    concurrency: Concurrency, *, wait: bool, asks: bool, changes: bool,
) -> Iterator[HealRun]:
    from ..paths import output_directory, output_path
    from ..runs import AuditRequest, fixable, locked_accounts, start_heal
    from .console import need_an_answer
    from .progress import progress_bar

    need_an_answer(yes=not asks)
    request = AuditRequest.of(**selection, history=None, shown=team_settings().frameworks)
    # What needs no call comes first: a bad file is an error before AWS is asked.
    policies, exceptions = fixable(request, applied), request.load_exceptions()
    accounts = request.find_accounts()
    target = output_path(output, "heal")
    with (
        locked_accounts([account.id for account in accounts.all if changes], target, wait=waiting if wait else None),
        start_heal(request, policies, accounts, exceptions,
                   output_directory(str(target), "heal", new=output is None), limits,
                   applied=applied, progress=progress_bar, concurrency=concurrency) as run,
    ):
        yield run


@contextmanager
def _resumed(directory: Path, concurrency: Concurrency, *, wait: bool) -> Iterator[HealRun]:
    from ..runs import locked_accounts, resume_heal
    from .progress import progress_bar

    with (
        resume_heal(directory, progress=progress_bar, concurrency=concurrency) as run,
        locked_accounts([account.id for account in run.plan.accounts.all], run.directory,
                        wait=waiting if wait else None),
    ):
        yield run


def _refuse_unwritable(plan: Path) -> None:
    """Raise GuardrailsError if the plan cannot be written there, before the sweep."""
    if not (plan.parent.is_dir() and os.access(plan.parent, os.W_OK)):
        raise GuardrailsError(f"{plan.parent}: not a directory that you can write to", "name another file")


def _write_plan(run: HealRun, file: Path, *, as_json: bool) -> None:
    """Sweep, write the plan, and exit."""
    from ..assessment import missing_rows
    from .console import aside, err, out, print_json, talk, text
    from .show import show_missing

    findings = run.find_drift()
    if findings:
        _show_findings(findings, talk())
    for line in run.breaches(findings):
        err().print(text(f"--apply would refuse this: {line}", "yellow"))
    unfinished = run.unfinished
    plan = run.planned(findings)
    plan.write(file)
    if as_json:
        print_json(plan.to_dict())
    aside(as_json=as_json)(f"plan: {file}: {len(findings)} findings, nothing was changed")
    show_missing(missing_rows(unfinished), err() if as_json else out())
    raise SystemExit(INCOMPLETE if unfinished else int(bool(findings)))


def _run(run: HealRun, controls: Sequence[Path], *, yes: bool, applies: bool, as_json: bool) -> None:
    """Run the phases of the heal that are left, write and show the report, and exit."""
    from ..paths import write_json
    from ..report import write, write_json_report
    from .console import aside, say
    from .show import files_line

    if run.phase.confirmed:
        say(f"resuming: {len(run.left)} of {len(run.confirmed)} confirmed findings are left, with the policies "
            f"of {run.request.sources}")
    else:
        run.confirm(_confirmed(run, yes=yes, applies=applies))
    healed = run.fix()
    assessment = run.assess(healed, controls)
    written = write(("json", "markdown"), assessment, run.directory)
    if healed.receipts:
        written.append(write_json(run.directory / "receipts.json", healed.receipts))
    run.done()
    if as_json:
        write_json_report(assessment, sys.stdout)
    else:
        _show(healed)
    for line in healed.not_told:
        click.echo(f"error: {line}", err=True)
    aside(as_json=as_json)(files_line(written))
    raise SystemExit(0 if healed.complete else INCOMPLETE)


def _confirmed(run: HealRun, *, yes: bool, applies: bool) -> list[Finding]:
    """Sweep, and return the findings to fix. Raises click.Abort if there are none, although there was something to fix.

    In a pipe, --apply is the confirmation: the plan was reviewed.
    """
    from ..runs import refuse_breaches
    from .console import err, need_an_answer, talk

    silent = yes or (applies and not sys.stdin.isatty())
    need_an_answer(yes=silent)
    findings = run.find_drift()
    if others := run.others:
        _show_fixes("Will not be fixed, although the plan lists them", others, err())
    if not findings:
        return []
    _show_findings(findings, talk() if silent else err())
    try:
        confirmed = findings if silent else _ask(findings)
        refuse_breaches(run.breaches(confirmed))
    except (click.Abort, GuardrailsError):
        run.cancel()
        raise
    return confirmed


def _ask(findings: Sequence[Finding]) -> list[Finding]:
    """Ask which findings to fix. Raises click.Abort if none is chosen."""
    from .choice import chosen
    from .console import err

    policies = len({finding.policy for finding in findings})
    question = f"Run the fixes of {policies} policies on these {len(findings)} findings? [y/N, or some: 1,3-5, POLICY]"
    while True:
        try:
            picked = chosen(click.prompt(question, default="", show_default=False, err=True), findings)
        except ValueError as error:
            click.echo(f"  {error}", err=True)
            continue
        if not picked:
            raise click.Abort
        if len(picked) < len(findings):
            _show_findings(picked, err())
            click.confirm(f"Fix only these {len(picked)} of {len(findings)} findings?", abort=True, err=True)
        return picked


def _show_findings(findings: Sequence[Finding], console: Console) -> None:
    from .console import severity, table

    console.print(table(
        "Would be fixed", ("", "severity", "account", "region", "policy", "resource", "response"),
        [(number, severity(f.severity), f.account_name, f.region, f.policy, f.resource, f.response)
         for number, f in enumerate(findings, 1)],
    ))


def _show(healed: Heal) -> None:
    from ..assessment import missing_rows
    from .console import out, text
    from .show import show_missing

    console = out()
    console.print(text(healed.headline(), "green" if healed.complete else "bold red"))
    if healed.fixes:
        console.print()
        _show_fixes("Fixes", healed.fixes, console)
    show_missing(missing_rows(healed.missing), console)


def _show_fixes(title: str, fixes: Sequence[Fix], console: Console) -> None:
    from .show import FIX_COLUMNS, show_fixes

    show_fixes(title, [[str(getattr(fix, name)) for name in FIX_COLUMNS] for fix in fixes], console)
