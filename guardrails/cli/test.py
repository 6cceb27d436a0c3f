"""`test`: the linter, the type checker and the tests: all tests, or those that a change touches."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..command import checkout
from ..errors import GuardrailsError
from ..paths import ROOT
from .lint import exit_with, lint_steps, run_steps

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


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--changed", is_flag=True, help="Run only the tests that a change touches, and say which and why.")
@click.option("--base", metavar="REV", help="With --changed: what the change is compared with.  [default: HEAD]")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[PYTEST ARGS]...")
def test(changed: bool, base: str | None, arguments: tuple[str, ...]) -> None:
    """Run ruff, mypy and pytest, in this order; all three run even when one fails.

    Arguments go to pytest; its paths are from the project's directory. What failed is named at the end, on standard
    error. Exits with 1 when a step failed.

    --changed selects tests by what they import, and policies by the filters and actions that they use. Uncommitted
    and untracked files count. Run everything before you merge.

    \b
    Example:
      {command} test
      {command} test tests/guardrails/cli -x -k audit
      {command} test --changed --base main
    """
    if base and not changed:
        raise click.UsageError("--base needs --changed.")
    directory = checkout("test")
    commands = steps(arguments)
    if changed:
        files = changed_files(base or "HEAD", directory)
        selection = _select(files)
        click.echo("\n".join(describe(selection, files, base or "HEAD")))
        commands = changed_steps(selection, arguments)
    exit_with(run_steps(commands, directory))
