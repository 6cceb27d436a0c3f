"""`sandbox`: start, stop and use the local AWS."""
from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import click

from ..command import command
from ..sandbox import Sandbox, SandboxError, StateDirectory, environment, process
from .console import print_json
from .options import json_option

_account = click.option(
    "--account", default="123456789012", show_default=True, metavar="ID", help="The account: 12 digits."
)
_region = click.option("--region", default="us-east-1", show_default=True, help="The region.")
_directory = click.option(
    "--directory", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="The directory of its state and logs. [default: .sandbox of the checkout; of an installed package, a "
         "directory in ~/.cache/aws-guardrails]",
)


_Result = TypeVar("_Result")


def _or_fail(action: Callable[[], _Result]) -> _Result:
    """The result of `action`; a SandboxError becomes one line and exit code 1."""
    try:
        return action()
    except SandboxError as error:
        raise click.ClickException(str(error)) from error


@click.group()
def sandbox() -> None:
    """A local AWS: several accounts behind one endpoint, in which deployed functions really run."""


@sandbox.command()
@_directory
def start(directory: Path | None) -> None:
    """Start the sandbox in the background, or show where it already runs."""
    place = directory or process.default_directory()
    started = _or_fail(lambda: process.start(place, detached=True))
    verb = "started" if started.new else "already runs"
    click.echo(f"The sandbox {verb} at {started.state.endpoint} (process {started.state.pid}).")
    click.echo(f"Its log: {started.state.log}")
    click.echo(f'Use it:  eval "$({command("sandbox env")})"   Stop it:  {command("sandbox stop")}')


@sandbox.command()
@_directory
def stop(directory: Path | None) -> None:
    """Stop the sandbox and every process that it started."""
    place = directory or process.default_directory()
    if StateDirectory(place).read() is None:
        click.echo("The sandbox is not running.")
        return
    ended = _or_fail(lambda: process.stop(place))
    click.echo(f"The sandbox has stopped; {len(ended)} processes ended: {', '.join(map(str, ended))}.")


@sandbox.command()
@_directory
@json_option()
def status(directory: Path | None, as_json: bool) -> None:
    """Show whether the sandbox runs, and where. Exits with 1 when it does not."""
    place = directory or process.default_directory()
    state = StateDirectory(place).read()
    if as_json:
        print_json({"running": state is not None, **(asdict(state) if state else {})})
        raise SystemExit(0 if state else 1)
    if state is None:
        click.echo(f"The sandbox is not running. Start it:  {command('sandbox start')}")
        raise SystemExit(1)
    click.echo(f"endpoint  {state.endpoint}")
    click.echo(f"started   {state.started}")
    click.echo(f"process   {state.pid}, ministack {state.ministack_pid}")
    click.echo(f"log       {state.log}")


@sandbox.command()
@_account
@_region
@_directory
@json_option()
def env(account: str, region: str, directory: Path | None, as_json: bool) -> None:
    """Print the variables with which a shell uses the sandbox.

    \b
    Example:
      eval "$({command} sandbox env)"
    """
    if len(account) != 12 or not account.isdigit():
        raise click.BadParameter("must have 12 digits", param_hint="--account")
    place = directory or process.default_directory()
    state = _or_fail(lambda: process.running(place))
    variables = environment(place, state.endpoint, account, region)
    if as_json:
        print_json(variables)
        return
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")


@sandbox.command()
@_directory
def reset(directory: Path | None) -> None:
    """Empty every account, without a restart."""
    _or_fail(lambda: Sandbox.attach(directory).reset())
    click.echo("Every account is empty.")
