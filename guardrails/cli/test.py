"""`test`: in a team's repository, the cases of its own policies; in a checkout, all that checks this project.

A checkout's tests are the linter, the type checker and pytest: all tests, or those that a change touches.
"""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..command import checkout, command
from ..errors import GuardrailsError
from ..paths import ROOT
from ..settings import Settings
from .lint import exit_with, lint_steps, run_steps
from .options import team_settings

if TYPE_CHECKING:
    from .affected_tests import Selection


def steps(arguments: tuple[str, ...]) -> dict[str, list[str]]:
    """The commands in their order, by name; `arguments` go to pytest."""
    return {**lint_steps(), "pytest": [sys.executable, "-m", "pytest", *arguments]}


def changed_steps(selection: Selection, arguments: tuple[str, ...]) -> dict[str, list[str]]:
    """The commands for what was selected: test files in one run of pytest, single policies in another."""
    if selection.everything:
        return steps(arguments)
    commands = lint_steps()
    if selection.files:
        commands["pytest"] = [sys.executable, "-m", "pytest", *sorted(selection.files), *arguments]
    if selection.policies:
        names = " or ".join(sorted(selection.policies))
        commands["pytest of policies"] = [sys.executable, "-m", "pytest", "tests/policies", "-k", names, *arguments]
    return commands


def describe(selection: Selection, changed: list[str], base: str) -> list[str]:
    """What was selected and why, as lines."""
    lines = [f"{len(changed)} changed file{'' if len(changed) == 1 else 's'} since {base}"]
    if selection.everything:
        return [*lines, f"All tests are selected. {selection.everything}"]
    lines += [f"  {path}: no test reads it" for path in selection.untested]
    for title, found in (("test files", selection.files), ("policies", selection.policies)):
        if found:
            lines.append(f"Selected {title}: {len(found)}")
            lines += [f"  {name}: {reason}" for name, reason in sorted(found.items())]
    return lines if selection.files or selection.policies else [*lines, "No tests are selected."]


def changed_files(base: str, directory: Path) -> list[str]:
    """Files that differ from where this branch left `base`: committed, uncommitted, untracked and deleted ones.

    Raises GuardrailsError when git does not know `base`.
    """
    start = _git(directory, "merge-base", base, "HEAD").strip()
    named = _git(directory, "diff", "--name-only", "--no-renames", "-z", start)
    untracked = _git(directory, "ls-files", "--others", "--exclude-standard", "-z")
    return sorted({path for path in (named + untracked).split("\0") if path})


def _git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        problem = done.stderr.strip() or "not a commit that this branch shares"
        raise GuardrailsError(f"git {' '.join(arguments)}: {problem}", "--base takes a commit, a branch or a tag")
    return done.stdout


def _select(changed: list[str]) -> Selection:
    from custom_actions.plugin import ELEMENTS

    from .affected_tests import PACKAGES, POLICY_SUFFIXES, select
    from .main import VERBS

    elements: dict[str, set[str]] = {}
    for element in ELEMENTS:
        elements.setdefault(f"custom_actions.elements.{element.path.partition(':')[0]}", set()).add(element.type)
    sources = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for top in (*PACKAGES, "policies") for path in sorted((ROOT / top).rglob("*"))
        if path.suffix in (".py", *POLICY_SUFFIXES)
    }
    return select(changed, sources, {name: frozenset(found) for name, found in elements.items()}, VERBS)


class _TestCommand(click.Command):
    """In a checkout, options that are not known here are pytest's; in a team's repository they are mistakes."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        settings = ctx.find_object(Settings)
        if settings and settings.file:
            ctx.ignore_unknown_options, ctx.allow_interspersed_args = False, True
        return super().parse_args(ctx, args)


@click.command(cls=_TestCommand, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Also write the results as JUnit XML.")
@click.option("-j", "--processes", type=click.IntRange(min=1), metavar="N",
              help="How many tests run at the same time. [default: one for each processor; in a checkout 2]")
@click.option("--allow-missing", is_flag=True, help="In a team's repository: policies without a case are no failure.")
@click.option("-v", "--verbose", is_flag=True, help="Print each case, tracebacks, and what c7n logged.")
@click.option("--changed", is_flag=True,
              help="In a checkout: run only the tests that a change touches, and say which and why.")
@click.option("--base", metavar="REV", help="With --changed: what the change is compared with.  [default: HEAD]")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[POLICY | PYTEST ARGS]...")
def test(
    junit: Path | None, processes: int | None, allow_missing: bool, verbose: bool, changed: bool, base: str | None,
    arguments: tuple[str, ...],
) -> None:
    """Run the test cases of your own policies against a local AWS.

    This is what it does where a guardrails.yml applies (docs/settings.md). POLICY is a name or a glob; the default is
    every policy in `policies`. Each case is made in a local AWS, and c7n runs the policy on it: what must match and
    what must not, every filter left out in turn, and the fix. Needs aws-guardrails[sandbox]; calls no AWS. Exits with
    1 when a case failed, or a policy has none.

    In a checkout of aws-guardrails, without a guardrails.yml, it runs ruff, mypy and pytest; all three run even when
    one fails. Arguments go to pytest; its paths are from the project's directory. What failed is named at the end, on
    standard error. --changed selects tests by what they import, and policies by the filters and actions that they
    use. Uncommitted and untracked files count. Run everything before you merge.

    \b
    Example:
      {command} test
      {command} test 'team-*' -v --junit test-results.xml
      {command} test tests/guardrails/cli -x -k audit
      {command} test --changed --base main
    """
    if base and not changed:
        raise click.UsageError("--base needs --changed.")
    settings = team_settings()
    if settings.file:
        if changed:
            raise click.UsageError(f"--changed is for a checkout of aws-guardrails; here {settings.file} applies.")
        from .team_cases import CaseOptions, test_team

        if not test_team(settings, CaseOptions(arguments, processes, junit, allow_missing, verbose)):
            raise SystemExit(1)
        return
    if allow_missing:
        raise click.UsageError("--allow-missing is for a team's repository, and no guardrails.yml applies here.")
    _test_checkout((
        *(["-v"] if verbose else ()), *(["-n", str(processes)] if processes else ()),
        *([f"--junitxml={junit.absolute()}"] if junit else ()), *arguments), changed, base)


def _test_checkout(arguments: tuple[str, ...], changed: bool, base: str | None) -> None:
    directory = checkout("test", f"; or run it where a guardrails.yml applies: `{command('init')} DIR` makes one")
    commands = steps(arguments)
    if changed:
        files = changed_files(base or "HEAD", directory)
        selection = _select(files)
        click.echo("\n".join(describe(selection, files, base or "HEAD")))
        commands = changed_steps(selection, arguments)
    exit_with(run_steps(commands, directory))
