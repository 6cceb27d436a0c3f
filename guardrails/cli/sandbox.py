"""`guardrails sandbox`: the local AWS from the command line."""
from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from ..sandbox import Sandbox, SandboxError, StateDirectory, environment, process

_account = click.option(
    "--account", default="123456789012", show_default=True, metavar="ID", help="The account, 12 digits."
)
_region = click.option("--region", default="us-east-1", show_default=True, help="The region.")
_directory = click.option(
    "--directory", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Where its state and logs are; the project's .sandbox by default.",
)


_Result = TypeVar("_Result")


def _or_say_why(action: Callable[[], _Result]) -> _Result:
    """The result of `action`; what went wrong becomes one line and exit status 1."""
    try:
        return action()
    except SandboxError as error:
        raise click.ClickException(str(error)) from error


@click.group()
def sandbox() -> None:
    """A local AWS: several accounts behind one endpoint, deployed functions run for real."""


@sandbox.command()
@_directory
def start(directory: Path | None) -> None:
    """Start it in the background, or say where it already runs."""
    place = directory or process.default_directory()
    started = _or_say_why(lambda: process.start(place, detached=True))
    verb = "started" if started.new else "already runs"
    click.echo(f"The sandbox {verb} at {started.state.endpoint} (process {started.state.pid}).")
    click.echo(f"Its log: {started.state.log}")
    click.echo('Use it:  eval "$(./run.sh sandbox env)"   Stop it:  ./run.sh sandbox stop')


@sandbox.command()
@_directory
def stop(directory: Path | None) -> None:
    """Stop it with every process that it started."""
    place = directory or process.default_directory()
    if StateDirectory(place).read() is None:
        click.echo("No sandbox runs.")
        return
    ended = _or_say_why(lambda: process.stop(place))
    click.echo(f"The sandbox is stopped; {len(ended)} processes ended: {', '.join(map(str, ended))}.")


@sandbox.command()
@_directory
def status(directory: Path | None) -> None:
    """Say whether it runs and where; exit status 1 when it does not."""
    place = directory or process.default_directory()
    state = StateDirectory(place).read()
    if state is None:
        click.echo("No sandbox runs. Start one:  ./run.sh sandbox start")
        raise SystemExit(1)
    click.echo(f"endpoint  {state.endpoint}")
    click.echo(f"started   {state.started}")
    click.echo(f"process   {state.pid}, ministack {state.ministack_pid}")
    click.echo(f"log       {state.log}")


@sandbox.command()
@_account
@_region
@_directory
def env(account: str, region: str, directory: Path | None) -> None:
    """Print the variables that turn this shell to it:  eval "$(./run.sh sandbox env)"."""
    if len(account) != 12 or not account.isdigit():
        raise click.BadParameter("an account has 12 digits", param_hint="--account")
    place = directory or process.default_directory()
    state = _or_say_why(lambda: process.running(place))
    for name, value in environment(place, state.endpoint, account, region).items():
        click.echo(f"export {name}={shlex.quote(value)}")


@sandbox.command()
@_directory
def reset(directory: Path | None) -> None:
    """Make every account as empty as new, without a restart."""
    _or_say_why(lambda: Sandbox.attach(directory).reset())
    click.echo("Every account is empty.")
