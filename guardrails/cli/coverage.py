"""`coverage`: how much of each framework the policies cover, and which requirements have no policy yet."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.text import Text

from ..errors import GuardrailsError
from ..policies import (
    CoverageLevel,
    FrameworkCoverage,
    Policy,
    PolicySources,
    changes,
    coverage_of,
    dangling,
    load_catalogues,
    newer_list,
    only,
    profile_of,
)
from .console import err, out, print_json, table, text
from .options import controls_option, json_option, policies_option, talk_options, team_settings


@click.command()
@click.option("--framework", "names", multiple=True, metavar="NAME",
              help="List every requirement of this framework with its policies. Can be repeated.")
@click.option("--orphans", is_flag=True, help="List only the automatable requirements that no policy covers.")
@click.option("--check", "newer", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
              help="Compare the framework with a newer list of it: a catalogue file, or the JSON of Security Hub's "
                   "ListSecurityControlDefinitions. Needs one --framework.")
@controls_option
@policies_option
@json_option()
@talk_options
def coverage(
    names: tuple[str, ...], orphans: bool, newer: Path | None, as_json: bool, controls: tuple[Path, ...],
    policy_sources: PolicySources,
) -> None:
    """Show how much of each framework the policies cover: covered, automatable, total.

    A requirement is covered if an audit evaluates it by default. Requirements that only realtime policies or only
    policies of a profile cover are counted separately. Reads files only; calls no AWS API. Exits with 1 if a catalogue
    names a policy that does not exist, and with --check if the lists differ.

    \b
    Example:
      {command} coverage
      {command} coverage --framework cis-aws-5.0
      {command} coverage --orphans
      {command} coverage --framework aws-fsbp --check controls.json
      {command} coverage --controls examples/controls --framework example-bank
    """
    catalogues = load_catalogues(controls)
    policies = policy_sources.load()
    shown = only(names or team_settings().frameworks, catalogues)
    found = {name: one for name, one in coverage_of(catalogues, policies).items() if name in shown}
    if newer is not None:
        _check(found, names, newer, as_json=as_json)
        return
    if as_json:
        print_json({name: one.to_dict(orphans=orphans) for name, one in found.items()})
    elif names or orphans:
        for one in found.values():
            _show_requirements(one, orphans)
    else:
        _show_overview(found)
    if problems := dangling(catalogues, {policy.name for policy in policies}):
        for problem in problems:
            err().print(problem, markup=False)
        raise SystemExit(1)


def _check(found: Mapping[str, FrameworkCoverage], names: Sequence[str], newer: Path, *, as_json: bool) -> None:
    """Print how the framework differs from the newer list, and the policies that this concerns."""
    if len(names) != 1:
        raise GuardrailsError("--check compares one framework", "name it: --framework aws-fsbp")
    [one] = found.values()
    policies = {each.requirement.id: [policy.name for policy in each.policies] for each in one.requirements}
    differences = list(changes(one.catalogue, newer_list(newer)))
    if as_json:
        print_json([{**asdict(each), "policies": policies.get(each.id, [])} for each in differences])
    elif differences:
        out().print(table(
            f"{one.catalogue.name}: changes in {newer.name}", ("Id", "Change", "Ours", "Newer", "Policies"),
            [(each.id, each.what, each.ours, each.theirs, "\n".join(policies.get(each.id, [])))
             for each in differences]))
    else:
        out().print(f"{one.catalogue.name}: no difference to {newer.name}", markup=False)
    raise SystemExit(1 if differences else 0)


def _show_overview(found: Mapping[str, FrameworkCoverage]) -> None:
    out().print(table(
        "Coverage of the frameworks", (
            "Framework", "Covered", "In part", "Realtime", "Profile", "Not covered", "Automatable", "Total", "Percent",
            "Whole"),
        [(
            name, *(one.counts[level] for level in CoverageLevel), one.automatable, len(one.requirements),
            _percent(one), "yes" if one.catalogue.whole else "no"
        ) for name, one in found.items()]))
    for name, one in found.items():
        for note in one.notes():
            out().print(f"{name}: {note}", markup=False)


def _show_requirements(one: FrameworkCoverage, orphans: bool) -> None:
    catalogue, counts = one.catalogue, one.counts
    shown = [each for each in one.requirements if each.orphan or not orphans]
    title = f"{catalogue.name}: {catalogue.title} {catalogue.version}"
    if orphans:
        out().print(table(f"{title}: automatable requirements without a policy", ("Id", "Section", "Requirement"), [
            (each.requirement.id, each.requirement.section, each.requirement.title) for each in shown]))
    else:
        out().print(table(title, ("Id", "Requirement", "Automatable", "Coverage", "Policies"), [
            (each.requirement.id, each.requirement.title, "yes" if each.requirement.automatable else "no", each.level,
             Text("\n").join(text(_label(policy, each.partly.get(policy.name, ""))) for policy in each.policies))
            for each in shown]))
    out().print(
        f"{counts[CoverageLevel.COVERED]} covered of {one.automatable} automatable ({_percent(one)}), "
        f"{counts[CoverageLevel.PARTIAL]} in part only, {counts[CoverageLevel.REALTIME]} realtime only, "
        f"{counts[CoverageLevel.PROFILE]} in a profile only, "
        f"{counts[CoverageLevel.NONE]} not covered; {len(one.requirements)} in total", markup=False)
    for note in one.notes():
        out().print(note, markup=False)
    out().print()


def _percent(one: FrameworkCoverage) -> str:
    return "-" if one.percent is None else f"{one.percent} %"


def _label(policy: Policy, not_checked: str) -> str:
    """`name (mode)`, with the profile of a policy that is off by default, and what it does not check."""
    profile = profile_of(policy)
    label = f"{policy.name} ({policy.kind.value}{f', off: profile {profile}' if profile else ''})"
    return f"{label}, in part: {not_checked}" if not_checked else label
