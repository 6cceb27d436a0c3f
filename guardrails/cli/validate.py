"""`validate`: check policy files, and print every error."""
from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..paths import POLICIES, ROOT
from .console import out
from .options import controls_option, verbose_option

if TYPE_CHECKING:
    from ..results import Exceptions

CASES = ROOT / "tests" / "policies"


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@controls_option
@click.option(
    "--cases", metavar="DIR",
    help="The directory of the policies' test cases; each policy must have one. `none` to skip this check. [default: "
         "tests/policies for the project's own policies, none for others]")
@verbose_option
def validate(paths: tuple[Path, ...], controls: tuple[Path, ...], cases: str | None, verbose: bool) -> None:
    """Check policy files: schema, filters and actions, metadata, controls, names, test cases, Lambda's limits.

    PATH is a policy file or a directory of them; the default is the project's policies/. Prints every error of every
    file with file, line and how to fix it. Exits with 1 if there is an error. Without a PATH the project's
    exceptions.yml is checked too.

    \b
    Example:
      {command} validate
      {command} validate my-policies/ policies/config-rule/s3.yml
      {command} validate my-policies/ --cases my-tests/policies
    """
    started = time.monotonic()
    from ..policies import check_files, load_catalogues, policy_files
    from ..results import load as load_exceptions

    exceptions = None if paths else load_exceptions(None)
    files = policy_files([_short(path) for path in paths or (POLICIES,)])
    found = check_files(files, load_catalogues(controls), _cases(cases, files), whole=not paths)
    if verbose:
        for file in files:
            click.echo(f"checked {file}", err=True)
    for problem in found.problems:
        click.echo(f"{problem.file}:{problem.line}: {problem.problem}")
        if problem.fix:
            click.echo(f"    {problem.fix}")
    counted = (f"{found.policies} policies on {found.resource_types} resource types in {found.files} files, "
               f"{time.monotonic() - started:.1f} s")
    if found.problems:
        click.echo(f"{len(found.problems)} errors in {counted}")
        raise SystemExit(1)
    if exceptions is not None:
        _show_exception_notes(exceptions)
    out().print(f"valid: {counted}")


def _show_exception_notes(exceptions: Exceptions) -> None:
    """Print what deserves attention in the project's exceptions, such as one for a policy that does not exist."""
    from ..policies import load

    policies = load()
    state = exceptions.state((), (), [policy.name for policy in policies])
    for note in [*state.notes(), *exceptions.notes_on_names(policies)]:
        click.echo(f"exceptions.yml: {note}", err=True)


def _cases(given: str | None, files: list[Path]) -> Path | None:
    """The directory of the test cases; None if they are not checked."""
    if given is None:
        own = all(file.resolve().is_relative_to(POLICIES) for file in files)
        return _short(CASES) if own and CASES.is_dir() else None
    return None if given == "none" else Path(given)


def _short(path: Path) -> Path:
    """The path, relative to the current directory if it is inside it, for messages."""
    path = path.absolute()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
