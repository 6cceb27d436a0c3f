"""`rollback`: undo fixes with the calls in their receipts."""
from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import GuardrailsError
from .options import yes_option

if TYPE_CHECKING:
    from ..runs import RollbackPlan


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RECEIPTS...")
@yes_option
def rollback(files: tuple[Path, ...], yes: bool) -> None:
    """Undo fixes with the AWS API calls in their receipts.

    RECEIPTS are the files that our actions write (action-revert-ingress, beside resources.json), or the receipts.json
    of a heal. Shows the calls and asks before it makes them. Stops at the first call that fails, and lists what was
    done and what was not. Uses the current credentials, which must belong to the account of the receipts. A policy
    that is still active will fix the same drift again: switch it off first, or add an exception.

    \b
    Example:
      ./run.sh rollback output/heal-20260101T120000Z/receipts.json
    """
    from ..runs import RollbackPlan, account_of_credentials, read_receipts
    from .console import confirm

    plan = RollbackPlan.of(read_receipts(files))
    for receipt in plan.empty:
        click.echo(f"nothing to undo: {receipt}")
    if not plan.calls:
        return
    plan.refuse_other_accounts(account_of_credentials(plan.region))
    _show_calls(plan)
    confirm(f"Make these {len(plan.calls)} calls?", yes=yes)
    _undo(plan)


def _show_calls(plan: RollbackPlan) -> None:
    from .console import err, table

    err().print(table(
        "Calls", ("account", "region", "resource", "call", "parameters"),
        [
            (call.account, call.region, call.resource, f"{call.service}:{call.operation}",
             json.dumps(call.parameters, default=str))
            for call in plan.calls
        ],
    ))


def _undo(plan: RollbackPlan) -> None:
    """Make the calls and print each result. Raises GuardrailsError if one failed."""
    from ..runs import UndoState, undo

    steps = []
    for step in undo(plan.calls):
        steps.append(step)
        click.echo(f"{step.state}: {step.call}" + (f"\n  {step.reason}" if step.reason else ""))
    states = [step.state for step in steps]
    if UndoState.FAILED in states:
        number, total = states.index(UndoState.FAILED), len(steps)
        raise GuardrailsError(
            f"stopped at call {number + 1} of {total}: {number} done, {total - number} not",
            "fix the cause and run it again: calls whose security group rules are back already count as done",
        )
