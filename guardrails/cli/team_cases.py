"""`test` in a team's repository: runs the cases of the team's own policies, and shows what became of them."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import click

from custom_actions.escaping import escaped

from ..assessment import counted
from ..command import command
from ..errors import GuardrailsError
from ..suggest import nearest
from .console import err

if TYPE_CHECKING:
    from ..cases import PolicyResult
    from ..policies import Policy
    from ..settings import Settings


@dataclass(frozen=True)
class CaseOptions:
    """What the command line says."""

    names: Sequence[str] = ()
    """Names or globs of policies; empty for all of the team's own."""
    processes: int | None = None
    """How many policies are tested at the same time; None for one for each processor."""
    junit: Path | None = None
    allow_missing: bool = False
    verbose: bool = False


def test_team(settings: Settings, options: CaseOptions) -> bool:
    """Run the cases of the team's own policies and print the results; returns whether all is well.

    Raises GuardrailsError for invalid settings, policies and case files, and when the local AWS is not installed.
    """
    from ..cases import claim_failures, read_cases, require_local_aws, run_cases
    from ..paths import write_text
    from ..policies import load, load_catalogues, policy_files, require_team_elements
    from ..report import junit_of_cases

    require_local_aws()
    require_team_elements()
    known = {policy.name: policy for each in settings.sources.directories for policy in load(Path(each))}
    # As they are in their files: parameters of guardrails.yml are of accounts, as `vars` in accounts.yml are.
    own = [known[policy.name] for policy in settings.sources.load() if policy.name in known]
    if not own:
        click.echo(f"{settings.file} names no policies of your own: there is nothing to test")
    if not settings.cases and own:
        raise GuardrailsError(
            f"{settings.file}: cases: no directory of test cases is named",
            "add `cases: [tests/policies]`, and a case for each policy: docs/policies.md")
    # Cases of policies that are switched off are no mistake.
    cases = read_cases(policy_files(settings.cases), {name: policy.data for name, policy in known.items()})
    chosen = _chosen(own, options.names)
    without = [policy for policy in chosen if not cases.get(policy.name)]
    catalogues = load_catalogues(settings.controls)
    results: dict[str, PolicyResult] = {}
    tested = {policy.name: policy for policy in chosen if policy not in without}
    with _progress(list(tested)) as advance:
        for found in run_cases(
                list(tested.values()), cases, processes=options.processes or os.cpu_count() or 1,
                settings=settings.file):
            claims = claim_failures(tested[found.policy], cases[found.policy], catalogues)
            result = results[found.policy] = replace(found, whole=[*found.whole, *claims])
            advance(result.policy)
            _show(result, verbose=options.verbose)
    for policy in without:
        _print(f"no case  {policy.name}  {_short(policy.where)}",
               f"    add one to {_short(str(_home(policy, settings)))}: docs/policies.md")
    ordered = [results[name] for name in tested]
    if options.junit:
        write_text(options.junit, junit_of_cases(
            ordered, [(policy.name, policy.where) for policy in without], allowed=options.allow_missing), shared=True)
    failed = [result for result in ordered if result.failures]
    if any(failure.detail for result in failed for failure in result.failures) and not options.verbose:
        click.echo("-v shows tracebacks, and what c7n logged", err=True)
    _print(_summary(len(chosen), ordered, len(failed), len(without)))
    return not failed and (options.allow_missing or not without)


def _chosen(own: Sequence[Policy], patterns: Sequence[str]) -> list[Policy]:
    for pattern in patterns:
        if not any(fnmatchcase(policy.name, pattern) for policy in own):
            raise GuardrailsError(
                f"{pattern}: none of your own policies has this name",
                nearest(pattern, [policy.name for policy in own]) or f"`{command('policies')}` lists all policies")
    return [policy for policy in own
            if not patterns or any(fnmatchcase(policy.name, pattern) for pattern in patterns)]


def _home(policy: Policy, settings: Settings) -> Path:
    """Where the cases of a policy would be."""
    return settings.cases[0] / policy.kind.value / policy.source.path.name


def _show(result: PolicyResult, *, verbose: bool) -> None:
    _print(f"{'FAILED ' if result.failures else 'passed '}  {result.policy}  {counted(len(result.cases), 'case')}, "
           f"{result.seconds:.1f} s")
    if verbose:
        for case in result.cases:
            _print(f"    {'FAILED' if case.failure else 'passed'}  {case.name}  {case.seconds:.1f} s")
    for failure in result.failures:
        _print(f"    {_short(failure.where)}{f': {failure.case}' if failure.case else ''}",
               f"      expected: {failure.expected}", f"      seen:     {_indented(failure.seen)}")
        if verbose and failure.detail:
            _print(f"      log:      {_indented(failure.detail)}")


def _summary(policies: int, results: Sequence[PolicyResult], failed: int, without: int) -> str:
    cases = sum(len(result.cases) for result in results)
    parts = [f"{len(results) - failed} passed", *([f"{failed} failed"] if failed else ()),
             *([f"{without} without a case"] if without else ())]
    return f"{counted(policies, 'policy', 'policies')}: {', '.join(parts)}; {counted(cases, 'case')}"


def _indented(text: str) -> str:
    return text.replace("\n", "\n                ")


def _print(*lines: str) -> None:
    # Texts are of the team's files and of AWS: they must not move the cursor.
    for line in lines:
        click.echo(escaped(line, keep="\n\t"))


def _short(where: str) -> str:
    """A path, with or without a line, relative to the current directory if it is inside it."""
    return os.path.relpath(where) if Path(where).is_relative_to(Path.cwd()) else where


@contextmanager
def _progress(names: Sequence[str]) -> Iterator[Callable[[str], None]]:
    """Show on a terminal how many policies are left. Yields what is called with the name of a tested one."""
    console = err()
    if not console.is_terminal:
        yield lambda name: None
        return
    left = list(names)

    def text() -> str:
        return f"testing {len(names) - len(left) + 1} of {len(names)} policies"

    with console.status(text()) as status:

        def advance(name: str) -> None:
            left.remove(name)
            if left:
                status.update(text())

        yield advance
