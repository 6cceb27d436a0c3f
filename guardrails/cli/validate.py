"""`validate`: check policy files, and print every error."""
from __future__ import annotations

import atexit
import gc
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..paths import POLICIES, ROOT
from .console import out, print_json, say
from .options import controls_option, json_option, talk_options, team_settings
from .talk import is_verbose

if TYPE_CHECKING:
    from ..policies import CheckedPolicy, FileChecks, FileProblem
    from ..results import Exceptions
    from ..settings import Settings

CASES = ROOT / "tests" / "policies"


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@controls_option
@click.option(
    "--cases", metavar="DIR",
    help="The directory of the policies' test cases; each policy must have one. `none` to skip this check. [default: "
         "tests/policies for the shipped policies, `cases` of guardrails.yml for the team's, none for others]")
@click.option("--strict", is_flag=True,
              help="Demand metadata, and keep this project's other rules for policies, in all policies. They are only "
                   "hints for policies of others.")
@click.option("--no-cache", is_flag=True,
              help="Neither read nor store verdicts on files that have not changed.")
@json_option()
@talk_options
def validate(
    paths: tuple[Path, ...], controls: tuple[Path, ...], cases: str | None, strict: bool, no_cache: bool,
    as_json: bool,
) -> None:
    """Check policy files: schema, filters and actions, metadata, controls, names, test cases, Lambda's limits.

    PATH is a policy file or a directory of them; the default is every source in guardrails.yml, else the shipped
    policies. Prints every error of every file with file, line and how to fix it. Exits with 1 if there is an error.
    Without a PATH it checks guardrails.yml, accounts.yml and exceptions.yml too.

    \b
    Example:
      {command} validate
      {command} validate my-policies/ policies/config-rule/s3.yml
      {command} validate my-policies/ --strict --cases my-tests/policies
    """
    started = time.monotonic()
    atexit.register(gc.freeze)  # at its end Python would look through all of c7n for what can be freed
    from ..policies import FileChecks, policy_files

    checks = (FileChecks if no_cache else FileChecks.with_store)(controls, strict=strict)
    elements = checks.check_elements(_is_defined)
    if not elements.usable:
        _show(map(_shortened, elements.problems))
        click.echo(f"{len(elements.problems)} errors in the team's filters and actions; no policy was checked")
        raise SystemExit(1)
    settings = team_settings()
    files = [_short(file) for file in (policy_files(paths) if paths else settings.sources.files())]
    exceptions = None if paths else _exceptions(settings)
    found = checks.check(files, _cases(cases, files), whole=not paths and settings.file is None)
    problems = [*map(_shortened, elements.problems), *found.problems]
    if not paths and cases is None:
        problems += _without_case(settings, found.checked, checks)
    checks.save()
    if is_verbose():
        for file in files:
            say(f"checked {file}")
        if checks.store.note:
            say(checks.store.note)
    hints = [*map(_shortened, elements.hints), *found.hints]
    if not as_json:
        _show_all(hints, problems, verbose=is_verbose())
    notes = _check_team(settings, exceptions) if exceptions is not None and not problems else []
    for note in notes:
        say(f"exceptions.yml: {note}")
    seconds = round(time.monotonic() - started, 1)
    counted = (f"{found.policies} policies on {found.resource_types} resource types in {found.files} files, "
               f"{seconds:.1f} s")
    if as_json:
        print_json({
            "valid": not problems, "files": found.files, "policies": found.policies,
            "resource_types": found.resource_types, "seconds": seconds,
            "problems": [asdict(each) for each in problems], "hints": [asdict(each) for each in hints],
            "exceptions": notes})
    elif problems:
        click.echo(f"{len(problems)} errors in {counted}")
    else:
        out().print(f"valid: {counted}")
    raise SystemExit(1 if problems else 0)


def _show_all(hints: Sequence[FileProblem], problems: Sequence[FileProblem], *, verbose: bool) -> None:
    if verbose:
        _show(hints, "hint: ")
    _show(problems)
    if hints and not verbose:
        bare = sum("no metadata" in hint.problem for hint in hints)
        say(f"{len(hints)} hints about policies and actions without this project's metadata or conventions"
            f"{f' ({bare} have no metadata: their severity is unrated)' if bare else ''}; -v lists them, "
            "--strict makes those about policies errors")


def _show(problems: Iterable[FileProblem], label: str = "") -> None:
    for problem in problems:
        click.echo(f"{problem.file}:{problem.line}: {label}{problem.problem}")
        if problem.fix:
            click.echo(f"    {problem.fix}")


def _is_defined(permission: str) -> bool:
    """Whether AWS defines an action of IAM, such as `ec2:CreateTags`."""
    from ..stacks import ActionCatalogue

    return ActionCatalogue.shipped().knows(permission)


def _exceptions(settings: Settings) -> Exceptions:
    from ..results import load

    return load(settings.exceptions)


def _without_case(
    settings: Settings, policies: Sequence[CheckedPolicy], checks: FileChecks
) -> Iterator[FileProblem]:
    """The team's own policies without a test case, if its settings name directories of cases."""
    directories = [Path(each).resolve() for each in settings.sources.directories]
    own = [policy for policy in policies
           if any(policy.file.resolve().is_relative_to(each) for each in directories)]
    for directory in settings.cases:
        yield from checks.case_problems(own, _short(directory), whole=len(settings.cases) == 1)


def _check_team(settings: Settings, exceptions: Exceptions) -> list[str]:
    """Check what the other files of a team say of the policies. Raises GuardrailsError for the first error.

    Returns what deserves attention in the exceptions, such as one for a policy that does not exist.
    """
    from ..accounts import listed_accounts
    from .defaults import check_defaults
    from .main import verbs

    policies = settings.sources.load()
    if settings.defaults:
        check_defaults(settings, verbs())  # imports every verb
    if settings.accounts:
        settings.sources.check_accounts(listed_accounts(settings.accounts, ()).listed)
    state = exceptions.state((), (), [policy.name for policy in policies])
    return [*state.notes(), *exceptions.notes_on_names(policies)]


def _cases(given: str | None, files: list[Path]) -> Path | None:
    """The directory of the test cases; None if they are not checked."""
    if given is None:
        own = all(file.resolve().is_relative_to(POLICIES) for file in files)
        return _short(CASES) if own and CASES.is_dir() else None
    return None if given == "none" else Path(given)


def _shortened(problem: FileProblem) -> FileProblem:
    return replace(problem, file=_short(problem.file))


def _short(path: Path) -> Path:
    """The path, relative to the current directory if it is inside it, for messages."""
    path = path.absolute()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
