"""`setup`: make what the first use would make, and say what is there."""
from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version

import click

_SHOWN = ("aws-guardrails", "c7n", "c7n-org", "boto3", "moto", "ruff", "mypy", "pytest")


@click.command()
@click.option("--no-sandbox", is_flag=True, help="Leave out the environment that runs the sandbox's functions.")
def setup(no_sandbox: bool) -> None:
    """Make the second environment, in which the sandbox runs deployed functions, and say what is there.

    The project's own environment, .venv, is made by run.sh before this runs.

    \b
    Example:
      ./run.sh setup
    """
    click.echo(f"Python {sys.version.split()[0]}  {sys.prefix}")
    for name in _SHOWN:
        try:
            click.echo(f"{name} {version(name)}")
        except PackageNotFoundError:
            click.echo(f"{name} is missing: remove .venv and run this again")
    if not no_sandbox:
        from ..sandbox import ensure_runtime

        click.echo("the sandbox's environment (a minute, once) …", err=True)
        click.echo(f"sandbox functions run with {ensure_runtime()}")
