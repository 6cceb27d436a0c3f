"""`rollback`: undo fixes with the calls in their receipts."""
from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import GuardrailsError
from .options import output_option, yes_option

if TYPE_CHECKING:
    from ..runs import Rollback, RollbackCheck, RollbackPlan


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RECEIPTS...")
@click.option("--force", is_flag=True, help="Make the calls even if a resource has changed since its fix.")
@output_option
@yes_option
def rollback(files: tuple[Path, ...], force: bool, output: str | None, yes: bool) -> None:
    """Undo fixes with the AWS API calls in their receipts.

    RECEIPTS are files that our actions write (action-revert-ingress and the journal fixes.jsonl, next to
    resources.json), or the receipts.json of heal or rollback. Only calls that the fix of the receipt declares are made,
    on the resource of the receipt, with credentials of its account. If a resource has changed since its fix, the
    command shows the difference and stops, unless you add --force.

    The command shows the calls, asks for confirmation, and stops at the first call that fails. To continue an
    interrupted rollback, run the same command again. It writes its own receipts. A policy that is still active will fix
    the same drift again: disable it first, or add an exception.

    \b
    Example:
      ./run.sh rollback output/heal-20260101T120000Z/receipts.json
    """
    from ..paths import output_directory
    from ..runs import Rollback, RollbackJournal, RollbackPlan, account_of_credentials, read_receipts
    from .console import confirm

    plan = RollbackPlan.of(read_receipts(files))
    for receipt in plan.empty:
        _echo(f"nothing to undo: {receipt}")
    if not plan.receipts:
        return
    plan.refuse_other_accounts(account_of_credentials(plan.region))
    plan.check_parameters()
    with ExitStack() as stack:
        used = dict.fromkeys(receipt.file for receipt in plan.receipts)
        work = Rollback(plan, {file: stack.enter_context(RollbackJournal(file)) for file in used})
        check = work.check()
        _show(plan, check)
        check.refuse_differences(force=force)
        confirm(f"Make these {len(plan.calls)} calls?", yes=yes)
        _undo(work, check, output_directory(output, "rollback"))


def _echo(line: str) -> None:
    """Print a line, with control characters in texts from AWS escaped."""
    from .console import text

    click.echo(text(line).plain)


def _show(plan: RollbackPlan, check: RollbackCheck) -> None:
    from .console import err, table, text

    err().print(table(
        "Calls", ("account", "region", "resource", "call", "parameters"),
        [
            (call.account, call.region, call.resource, f"{call.service}:{call.operation}",
             json.dumps(call.parameters, default=str))
            for call in plan.calls
        ],
    ))
    for title, lines in (("Changed since the fix", check.differences), ("Cannot be compared", check.unknown)):
        if lines:
            err().print(text(title, "bold"))
        for line in lines:
            err().print(text(line))


def _undo(work: Rollback, check: RollbackCheck, target: Path) -> None:
    """Make the calls, print each result and write the receipts. Raises GuardrailsError if one failed."""
    from ..runs import RollbackStep, UndoState, write_record

    steps: list[RollbackStep] = []
    written = target
    for step in work.undo(check):
        steps.append(step)
        _echo(f"{step.state}: {step.call}")
        if step.reason:
            _echo(f"  {step.reason}")
        written = write_record(target, work, steps)
    click.echo(f"receipts of this rollback: {written}")
    states = [step.state for step in steps]
    if UndoState.FAILED in states:
        number, total = states.index(UndoState.FAILED), len(steps)
        raise GuardrailsError(
            f"stopped at call {number + 1} of {total}: {number} done, {total - number} not done",
            "fix the cause and run the command again: it continues where it stopped",
        )
