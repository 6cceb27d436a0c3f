"""`setup`: prepare the sandbox's environment, and show what is installed and where."""
from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import click

from ..command import reinstall
from ..paths import INSTALLED, ROOT

_SHOWN = ("aws-guardrails", "c7n", "c7n-org", "boto3")
_FOR_DEVELOPERS = ("moto", "ruff", "mypy", "pytest")
_DATA = ("policies", "controls", "mailer", "examples", "docs")


@click.command()
@click.option("--no-sandbox", is_flag=True, help="Do not prepare the environment of the sandbox's functions.")
def setup(no_sandbox: bool) -> None:
    """Create the environment in which the sandbox runs deployed functions, and show what is installed and where.

    The directories that it names hold the policies, the frameworks, the mailer's templates, the examples and the
    documentation of this version. Copy them to change them, and name the copy with --policies or --controls.

    \b
    Example:
      {command} setup
      {command} setup --no-sandbox
    """
    click.echo(f"Python {sys.version.split()[0]}  {sys.prefix}")
    for name in _SHOWN if INSTALLED else (*_SHOWN, *_FOR_DEVELOPERS):
        try:
            click.echo(f"{name} {version(name)}")
        except PackageNotFoundError:
            click.echo(f"{name} is missing: {reinstall()}")
    for name in _DATA:
        click.echo(f"{name}  {ROOT / name}")
    if find_spec("moto") is None:
        click.echo(f"the sandbox is not installed: {reinstall('sandbox')}")
    elif not no_sandbox:
        from ..sandbox import ensure_runtime

        click.echo("preparing the sandbox's environment (about a minute, only once) …", err=True)
        click.echo(f"the sandbox's functions run with {ensure_runtime()}")
