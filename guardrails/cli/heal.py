"""`heal`: run the fixes of what a sweep finds, and check that the drift is gone."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..limits import HEAL_LIMIT
from .options import (
    INCOMPLETE,
    account_options,
    concurrency_options,
    controls_option,
    exceptions_option,
    framework_option,
    output_option,
    policies_option,
    selection_options,
    verbose_option,
    yes_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..results import Finding
    from ..runs import Heal


@click.command()
@account_options
@selection_options
@framework_option
@policies_option
@controls_option
@exceptions_option
@concurrency_options
@click.option("--limit", type=click.IntRange(min=1), default=HEAL_LIMIT, show_default=True, metavar="N",
              help="Change nothing if more resources than this would be changed.")
@output_option
@yes_option
@verbose_option
def heal(
    sweeps: int, workers: int | None, limit: int, output: str | None, yes: bool, verbose: bool, **selection: Any
) -> None:
    """Sweep, list what would be fixed, ask, fix it, and sweep again.

    Runs the config-rule and periodic policies that have a fix (response revert, encrypt, stop, terminate or
    disable). Resources with an exception are left alone. The report shows the outcome of each finding; receipts.json
    is the input of `rollback`. Exits with 2 if a fix failed, drift is still there, or a check did not run.

    \b
    Example:
      ./run.sh heal --policy security-group-admin-ports
      ./run.sh heal -c accounts.yml --severity critical --yes
    """
    from ..paths import output_directory, write_json
    from ..report import write
    from ..runs import AuditRequest, Concurrency, HealRun, fixable, refuse_more_than
    from .console import confirm, need_an_answer
    from .progress import progress_bar
    from .show import show_files

    need_an_answer(yes=yes)
    request = AuditRequest.of(**selection, history=None)
    # What needs no call comes first: a bad file is an error before AWS is asked.
    policies, exceptions, accounts = fixable(request), request.load_exceptions(), request.find_accounts()
    target = output_directory(output, "heal")
    if verbose:
        click.echo(f"{len(policies)} policies with a fix over {len(accounts.all)} accounts, into {target}", err=True)
    with HealRun(request, policies, accounts, exceptions, target, progress=progress_bar,
                 concurrency=Concurrency(sweeps, workers)) as run:
        if findings := run.find_drift():
            _show_findings(findings)
            refuse_more_than(limit, findings)
            number = len({finding.policy for finding in findings})
            confirm(f"Run the fixes of {number} policies on these {len(findings)} findings?", yes=yes)
        healed = run.fix()
        written = write(("json", "markdown"), run.assess(healed, selection["controls"]), target)
    if healed.receipts:
        written.append(write_json(target / "receipts.json", healed.receipts))
    _show(healed)
    show_files(written)
    raise SystemExit(0 if healed.complete else INCOMPLETE)


def _show_findings(findings: Sequence[Finding]) -> None:
    from .console import err, severity, table

    err().print(table(
        "Would be fixed", ("severity", "account", "region", "policy", "resource", "response"),
        [(severity(f.severity), f.account_name, f.region, f.policy, f.resource, f.response) for f in findings],
    ))


def _show(healed: Heal) -> None:
    from ..assessment import missing_rows
    from .console import out, table, text
    from .show import show_missing

    console = out()
    console.print(text(healed.headline(), "green" if healed.complete else "bold red"))
    if healed.fixes:
        console.print()
        console.print(table(
            "Fixes", ("outcome", "account", "region", "policy", "resource", "reason"),
            [
                (text(fix.outcome, "green" if fix.outcome.done else "red"), fix.account, fix.region, fix.policy,
                 fix.resource, fix.reason)
                for fix in healed.fixes
            ],
        ))
    show_missing(missing_rows(healed.missing), console)
