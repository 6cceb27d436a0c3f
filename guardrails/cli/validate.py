"""`validate`: every policy file is checked, and every error is shown."""
from __future__ import annotations

import time
from pathlib import Path

import click

from ..paths import POLICIES, ROOT
from .console import out
from .options import controls_option, verbose_option

CASES = ROOT / "tests" / "policies"


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@controls_option
@click.option(
    "--cases", metavar="DIR",
    help="Where the cases of the policies are; each policy must have one. `none`: do not ask. [default: "
         "tests/policies for the project's own policies, none for others]")
@verbose_option
def validate(paths: tuple[Path, ...], controls: tuple[Path, ...], cases: str | None, verbose: bool) -> None:
    """Check policy files: schema, elements, metadata, controls, names, cases, and what a Lambda function needs.

    PATH is a policy file or a directory of them; without one, the project's policies/. Every error of every file is
    shown with file, line and remedy. Exits with 1 when there is one. Without a PATH the project's exceptions.yml is
    read too.

    \b
    Example:
      ./run.sh validate
      ./run.sh validate my-policies/ policies/config-rule/s3.yml
      ./run.sh validate my-policies/ --cases my-tests/policies
    """
    started = time.monotonic()
    from ..policies import in_order, load, load_catalogues, policy_files, validate_files
    from ..results import load as load_exceptions

    if not paths:
        load_exceptions(None)
    files = policy_files([_shown(path) for path in paths or (POLICIES,)])
    found = validate_files(files, load_catalogues(controls))
    problems = found.problems
    if directory := _cases(cases, files):
        from ..policies import case_problems

        # A policy that is too wrong to be looked at is there all the same: its cases are no error.
        whole = not paths and len(found.checked) == found.policies
        problems = tuple(in_order([*problems, *case_problems(found.checked, directory, whole=whole)]))
    seconds = time.monotonic() - started
    if verbose:
        for file in files:
            click.echo(f"checked {file}", err=True)
    for problem in problems:
        click.echo(f"{problem.file}:{problem.line}: {problem.problem}")
        if problem.fix:
            click.echo(f"    {problem.fix}")
    counted = (
        f"{found.policies} policies on {found.resource_types} resource types in {found.files} files, {seconds:.1f} s"
    )
    if problems:
        click.echo(f"{len(problems)} errors in {counted}")
        raise SystemExit(1)
    if not paths:
        # Of the project's own file: a name that no policy has lets nothing off, and is no error of the policies.
        for note in load_exceptions(None).state((), (), [policy.name for policy in load()]).notes():
            click.echo(f"exceptions.yml: {note}", err=True)
    out().print(f"valid: {counted}")


def _cases(given: str | None, files: list[Path]) -> Path | None:
    """The directory of the cases; None when nobody asks for cases."""
    if given is None:
        own = all(file.resolve().is_relative_to(POLICIES) for file in files)
        return _shown(CASES) if own and CASES.is_dir() else None
    return None if given == "none" else Path(given)


def _shown(path: Path) -> Path:
    """The path as short as it can be said from here, for messages."""
    path = path.absolute()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
