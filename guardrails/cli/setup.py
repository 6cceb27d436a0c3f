"""`setup`: prepare the sandbox's environment, and show what is installed and where."""
from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import click

from ..command import reinstall
from ..paths import INSTALLED, ROOT
from .console import print_json, say
from .options import json_option, talk_options

_SHOWN = ("aws-guardrails", "c7n", "c7n-org", "boto3")
_FOR_DEVELOPERS = ("moto", "ruff", "mypy", "pytest")
_DATA = ("policies", "controls", "mailer", "examples", "docs")


@click.command()
@click.option("--no-sandbox", is_flag=True, help="Do not prepare the environment of the sandbox's functions.")
@json_option()
@talk_options
def setup(no_sandbox: bool, as_json: bool) -> None:
    """Create the environment in which the sandbox runs deployed functions, and show what is installed and where.

    The directories that it names hold the policies, the frameworks, the mailer's templates, the examples and the
    documentation of this version. Copy them to change them, and name the copy with --policies or --controls.

    \b
    Example:
      {command} setup
      {command} setup --no-sandbox
    """
    tell = _no_text if as_json else click.echo
    tell(f"Python {sys.version.split()[0]}  {sys.prefix}")
    packages = {name: _version(name) for name in (_SHOWN if INSTALLED else (*_SHOWN, *_FOR_DEVELOPERS))}
    for name, found in packages.items():
        tell(f"{name} {found}" if found else f"{name} is missing: {reinstall()}")
    places = {name: ROOT / name for name in _DATA}
    for name, place in places.items():
        tell(f"{name}  {place}")
    runtime: Path | None = None
    if find_spec("moto") is None:
        tell(f"the sandbox is not installed: {reinstall('sandbox')}")
    elif not no_sandbox:
        from ..sandbox import ensure_runtime

        say("preparing the sandbox's environment (about a minute, only once) …")
        runtime = ensure_runtime()
        tell(f"the sandbox's functions run with {runtime}")
    if as_json:
        print_json({
            "python": sys.version.split()[0], "environment": sys.prefix, "packages": packages, "directories": places,
            "sandbox": runtime})


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _no_text(line: str) -> None:
    """Stands for `click.echo` with --json."""
