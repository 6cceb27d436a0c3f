"""`setup`: prepare the sandbox's environment, and show the installed versions."""
from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version

import click

_SHOWN = ("aws-guardrails", "c7n", "c7n-org", "boto3", "moto", "ruff", "mypy", "pytest")


@click.command()
@click.option("--no-sandbox", is_flag=True, help="Do not prepare the environment of the sandbox's functions.")
def setup(no_sandbox: bool) -> None:
    """Create the environment in which the sandbox runs deployed functions, and show the installed versions.

    run.sh has created the project's own environment, .venv, before this verb runs.

    \b
    Example:
      ./run.sh setup
    """
    click.echo(f"Python {sys.version.split()[0]}  {sys.prefix}")
    for name in _SHOWN:
        try:
            click.echo(f"{name} {version(name)}")
        except PackageNotFoundError:
            click.echo(f"{name} is missing: remove .venv and run ./run.sh setup again")
    if not no_sandbox:
        from ..sandbox import ensure_runtime

        click.echo("preparing the sandbox's environment (about a minute, only once) …", err=True)
        click.echo(f"the sandbox's functions run with {ensure_runtime()}")
