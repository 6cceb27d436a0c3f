"""`coverage`: how much of each framework the policies cover, and what is left to write or to witness by hand.

No AWS is asked. What only an event shows, and what is off until a team chooses its profile, is counted apart: an
audit sweeps neither.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from ..errors import GuardrailsError
from ..policies import Catalogue, Kind, Policy, Requirement, covering, dangling, load, load_catalogues
from .console import err, out, table, text
from .options import controls_option, policies_option


class Reach(StrEnum):
    """How far the policies reach a requirement: the best that any of them does."""

    COVERED = "covered"
    """An audit sweeps it."""
    REALTIME = "realtime only"
    """Seen as it happens, and not by an audit."""
    PROFILE = "in a profile only"
    """Off until a team chooses the profile."""
    NONE = "none"


@dataclass(frozen=True)
class Covered:
    """One requirement, and the policies that cover it."""

    requirement: Requirement
    policies: tuple[Policy, ...]

    @property
    def reach(self) -> Reach:
        found = {_reach(policy) for policy in self.policies}
        return next((reach for reach in Reach if reach in found), Reach.NONE)

    @property
    def orphan(self) -> bool:
        """Whether a policy could witness it, and there is none."""
        return self.requirement.automatable and not self.policies

    def to_dict(self) -> dict[str, Any]:
        """As --json has it."""
        requirement = self.requirement
        return {
            "id": requirement.id, "title": requirement.title, "section": requirement.section,
            "level": requirement.level, "severity": requirement.severity, "automatable": requirement.automatable,
            "coverage": self.reach.value,
            "policies": [
                {"name": policy.name, "mode": policy.kind.value, "profile": _profile(policy)}
                for policy in self.policies],
        }


@dataclass(frozen=True)
class FrameworkCoverage:
    """One framework, requirement by requirement."""

    catalogue: Catalogue
    requirements: tuple[Covered, ...]

    @cached_property
    def counts(self) -> dict[Reach, int]:
        """Of the automatable requirements, how many are reached how."""
        counted = dict.fromkeys(Reach, 0)
        for covered in self.requirements:
            if covered.requirement.automatable:
                counted[covered.reach] += 1
        return counted

    @property
    def automatable(self) -> int:
        return sum(self.counts.values())

    @property
    def besides(self) -> int:
        """Covered by some policy, though the framework leaves them to a person."""
        return sum(bool(c.policies) and not c.requirement.automatable for c in self.requirements)

    @property
    def percent(self) -> int | None:
        """Covered of automatable, rounded down; None when nothing is automatable."""
        return 100 * self.counts[Reach.COVERED] // self.automatable if self.automatable else None

    def to_dict(self) -> dict[str, Any]:
        """As --json has it."""
        catalogue = self.catalogue
        return {
            "title": catalogue.title, "version": catalogue.version, "publisher": catalogue.publisher,
            "source": catalogue.source, "whole": catalogue.whole, "note": catalogue.note,
            "covered": self.counts[Reach.COVERED], "realtime_only": self.counts[Reach.REALTIME],
            "profile_only": self.counts[Reach.PROFILE], "not_covered": self.counts[Reach.NONE],
            "automatable": self.automatable, "total": len(self.requirements), "percent": self.percent,
            "covered_besides": self.besides,
            "requirements": [covered.to_dict() for covered in self.requirements],
        }


def coverage_of(catalogues: Mapping[str, Catalogue], policies: Iterable[Policy]) -> dict[str, FrameworkCoverage]:
    """The coverage of every framework by `policies`, by the framework's name."""
    by_name = {policy.name: policy for policy in policies}
    covered = covering(catalogues, by_name)
    return {
        name: FrameworkCoverage(catalogue, tuple(
            Covered(requirement, tuple(by_name[policy] for policy in covered[name][requirement.id]))
            for requirement in catalogue.requirements))
        for name, catalogue in catalogues.items()
    }


@click.command()
@click.option("--framework", "names", multiple=True, metavar="NAME",
              help="Every requirement of this framework with its policies; may be repeated.")
@click.option("--orphans", is_flag=True, help="Only requirements that a policy could witness and none covers.")
@click.option("--json", "as_json", is_flag=True, help="Everything, for a script.")
@controls_option
@policies_option
def coverage(
    names: tuple[str, ...], orphans: bool, as_json: bool, controls: tuple[Path, ...], directory: Path
) -> None:
    """How much of each framework the policies cover: covered, automatable, total.

    Covered is what an audit sweeps by default. What only realtime policies see, and what only a profile switches on,
    stands apart. Asks no AWS. Exits with 1 when a catalogue names a policy that is not there.

    \b
    Example:
      ./run.sh coverage
      ./run.sh coverage --framework cis-aws-5.0
      ./run.sh coverage --orphans
      ./run.sh coverage --controls examples/controls --framework example-bank
    """
    catalogues = load_catalogues(controls)
    policies = load(directory)
    found = _chosen(coverage_of(catalogues, policies), names)
    if as_json:
        click.echo(json.dumps({name: _json(one, orphans) for name, one in found.items()}, indent=1))
    elif names or orphans:
        for one in found.values():
            _requirements(one, orphans)
    else:
        _overview(found)
    if wrong := dangling(catalogues, {policy.name for policy in policies}):
        for sentence in wrong:
            err().print(sentence, markup=False)
        raise SystemExit(1)


def _chosen(found: dict[str, FrameworkCoverage], names: Sequence[str]) -> dict[str, FrameworkCoverage]:
    from difflib import get_close_matches

    for name in names:
        if name not in found:
            near = get_close_matches(name, found, n=1)
            raise GuardrailsError(f"there is no framework {name}",
                                  f"did you mean {near[0]}?" if near else f"it is one of {', '.join(found)}")
    return {name: one for name, one in found.items() if not names or name in names}


def _json(one: FrameworkCoverage, orphans: bool) -> dict[str, Any]:
    data = one.to_dict()
    if orphans:
        data["requirements"] = [covered.to_dict() for covered in one.requirements if covered.orphan]
    return data


def _overview(found: Mapping[str, FrameworkCoverage]) -> None:
    out().print(table(
        "What the policies cover", (
            "Framework", "Covered", "Realtime only", "Profile only", "Not covered", "Automatable", "Total",
            "Covered of automatable", "Whole framework"),
        [(
            name, *(one.counts[reach] for reach in Reach), one.automatable, len(one.requirements), _percent(one),
            "yes" if one.catalogue.whole else "no"
        ) for name, one in found.items()]))
    for name, one in found.items():
        for sentence in _notes(one):
            out().print(f"{name}: {sentence}", markup=False)


def _requirements(one: FrameworkCoverage, orphans: bool) -> None:
    catalogue, counts = one.catalogue, one.counts
    shown = [covered for covered in one.requirements if covered.orphan or not orphans]
    title = f"{catalogue.name}: {catalogue.title} {catalogue.version}"
    if orphans:
        out().print(table(f"{title}: automatable, and no policy", ("Id", "Section", "Requirement"), [
            (c.requirement.id, c.requirement.section, c.requirement.title) for c in shown]))
    else:
        out().print(table(title, ("Id", "Requirement", "Automatable", "Coverage", "Policies"), [
            (c.requirement.id, c.requirement.title, "yes" if c.requirement.automatable else "no", c.reach,
             Text("\n").join(text(_marked(policy)) for policy in c.policies)) for c in shown]))
    out().print(
        f"{counts[Reach.COVERED]} covered of {one.automatable} automatable ({_percent(one)}), "
        f"{counts[Reach.REALTIME]} realtime only, {counts[Reach.PROFILE]} in a profile only, "
        f"{counts[Reach.NONE]} not covered; {len(one.requirements)} in all", markup=False)
    for sentence in _notes(one):
        out().print(sentence, markup=False)
    out().print()


def _notes(one: FrameworkCoverage) -> list[str]:
    said = []
    if not one.catalogue.whole:
        said.append("not the whole framework")
    if one.catalogue.note:
        said.append(one.catalogue.note)
    if one.besides:
        said.append(f"{one.besides} more are covered, though the framework leaves them to a person")
    return said


def _percent(one: FrameworkCoverage) -> str:
    return "-" if one.percent is None else f"{one.percent} %"


def _marked(policy: Policy) -> str:
    """`name (mode)`, and the profile of a policy that is off until it is chosen."""
    profile = _profile(policy)
    return f"{policy.name} ({policy.kind.value}{f', off: profile {profile}' if profile else ''})"


def _profile(policy: Policy) -> str:
    return str(policy.metadata.get("profile") or "")


def _reach(policy: Policy) -> Reach:
    if _profile(policy):
        return Reach.PROFILE
    return Reach.REALTIME if policy.kind is Kind.REALTIME else Reach.COVERED
