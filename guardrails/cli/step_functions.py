"""`audit --on step-functions`: starting it, following it, and what the nightly sweep asks."""
from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from ..command import command
from .options import INTERRUPTED

if TYPE_CHECKING:
    from ..distributed import DistributedAudit
    from ..runs import Advance, AuditRequest


def start_on_step_functions(
    request: AuditRequest, directory: Callable[[], Path], state_machine: str
) -> DistributedAudit:
    """A new audit whose shards are in the bucket of the state machine. Raises GuardrailsError."""
    from ..distributed import StateMachine, start_distributed

    return start_distributed(request, directory, StateMachine.find(state_machine))


def sweep_on_step_functions(audit: DistributedAudit) -> None:
    """Run the attempt, and fetch the run. On Ctrl-C say that it goes on, and how to fetch it, and exit.

    Raises GuardrailsError if there is nothing to report.
    """
    resume = f"{command('audit --resume')} {audit.run.directory}"
    try:
        audit.sweep(_bar)
    except KeyboardInterrupt:
        click.echo(f"interrupted: the execution {audit.execution} goes on", err=True)
        click.echo(f"  to wait for it again and fetch its results: {resume}", err=True)
        raise SystemExit(INTERRUPTED) from None
    if audit.problem:
        click.echo(f"error: {audit.problem}", err=True)
        click.echo(f"  to run the missing shards: {resume}", err=True)


def ask_nightly(request: AuditRequest, engine: str, state_machine: str, *, as_json: bool) -> None:
    """Let the nightly sweep check what is selected. Raises UsageError and GuardrailsError."""
    from ..distributed import StateMachine, start_nightly
    from .console import print_json

    if engine == "local":
        raise click.UsageError("--nightly needs --on step-functions")
    machine = StateMachine.find(state_machine)
    with TemporaryDirectory() as directory:
        accounts = start_nightly(request, Path(directory), machine)
    place = f"s3://{machine.bucket.name}/nightly/"
    if as_json:
        print_json({"state_machine": machine.arn, "accounts": accounts, "uploaded": place})
    else:
        click.echo(f"uploaded to {place}: the nightly sweep of {accounts} accounts")


def _bar(what: str, total: int) -> AbstractContextManager[Advance]:
    from .progress import progress_bar

    return progress_bar(what, total, "(account, regions)")
