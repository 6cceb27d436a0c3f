"""How much of each framework the policies cover, and which requirements have no policy yet.

Reads files only; calls no AWS API. Requirements that only realtime policies cover, and those that only policies of a
profile cover, are counted separately: by default an audit evaluates neither. So are requirements of which the policies
check only a part.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from .catalogue import Catalogue, Requirement
from .frameworks import Cover, covering
from .policy import Kind, Policy


class CoverageLevel(StrEnum):
    """How a requirement is covered: the best level that any of its policies gives."""

    COVERED = "covered"
    """An audit evaluates it by default."""
    PARTIAL = "in part only"
    """An audit evaluates a part of it by default."""
    REALTIME = "realtime only"
    """Evaluated when a change happens, and not by an audit."""
    PROFILE = "in a profile only"
    """Off until a team switches the profile on."""
    NONE = "none"


@dataclass(frozen=True)
class RequirementCoverage:
    """One requirement, and the policies that cover it."""

    requirement: Requirement
    policies: tuple[Policy, ...]
    cover: Cover

    @property
    def partly(self) -> Mapping[str, str]:
        """The names of the policies that check only a part of it, with what they do not check."""
        return self.cover.partly

    @property
    def level(self) -> CoverageLevel:
        found = {_level(policy) for policy in self.policies}
        level = next((level for level in CoverageLevel if level in found), CoverageLevel.NONE)
        if level is CoverageLevel.COVERED and not self.cover.whole(
                policy.name for policy in self.policies if _level(policy) is level):
            return CoverageLevel.PARTIAL
        return level

    @property
    def orphan(self) -> bool:
        """Whether a policy could evaluate it, and no policy does."""
        return self.requirement.automatable and not self.policies

    def to_dict(self) -> dict[str, Any]:
        """The requirement in the output of `coverage --json`."""
        requirement = self.requirement
        return {
            "id": requirement.id, "title": requirement.title, "section": requirement.section,
            "level": requirement.level, "severity": requirement.severity, "automatable": requirement.automatable,
            "parts": dict(requirement.parts),
            "coverage": self.level.value,
            "policies": [
                {"name": policy.name, "mode": policy.kind.value, "profile": profile_of(policy),
                 "not_checked": self.partly.get(policy.name, "")}
                for policy in self.policies],
        }


@dataclass(frozen=True)
class FrameworkCoverage:
    """The coverage of one framework, requirement by requirement."""

    catalogue: Catalogue
    requirements: tuple[RequirementCoverage, ...]

    @cached_property
    def counts(self) -> dict[CoverageLevel, int]:
        """The number of automatable requirements at each level."""
        counted = dict.fromkeys(CoverageLevel, 0)
        for each in self.requirements:
            if each.requirement.automatable:
                counted[each.level] += 1
        return counted

    @property
    def automatable(self) -> int:
        """How many requirements a policy could evaluate."""
        return sum(self.counts.values())

    @property
    def covered_manual(self) -> int:
        """How many requirements have a policy although the framework calls for a manual assessment."""
        return sum(bool(each.policies) and not each.requirement.automatable for each in self.requirements)

    @property
    def percent(self) -> int | None:
        """Covered requirements in percent of the automatable ones, rounded down; None if none is automatable."""
        return 100 * self.counts[CoverageLevel.COVERED] // self.automatable if self.automatable else None

    def notes(self) -> list[str]:
        """What a reader must know to read the numbers, each a sentence."""
        notes = []
        if not self.catalogue.whole:
            notes.append("not the whole framework")
        if self.catalogue.note:
            notes.append(self.catalogue.note)
        if self.covered_manual:
            notes.append(
                f"{self.covered_manual} more requirements have a policy although the framework calls for a manual "
                "assessment")
        return notes

    def to_dict(self, *, orphans: bool = False) -> dict[str, Any]:
        """The framework in the output of `coverage --json`; with `orphans`, only the requirements without a policy."""
        catalogue = self.catalogue
        return {
            "title": catalogue.title, "version": catalogue.version, "publisher": catalogue.publisher,
            "source": catalogue.source, "whole": catalogue.whole, "note": catalogue.note,
            "covered": self.counts[CoverageLevel.COVERED], "in_part_only": self.counts[CoverageLevel.PARTIAL],
            "realtime_only": self.counts[CoverageLevel.REALTIME],
            "profile_only": self.counts[CoverageLevel.PROFILE], "not_covered": self.counts[CoverageLevel.NONE],
            "automatable": self.automatable, "total": len(self.requirements), "percent": self.percent,
            "covered_besides": self.covered_manual,
            "requirements": [each.to_dict() for each in self.requirements if each.orphan or not orphans],
        }


def coverage_of(catalogues: Mapping[str, Catalogue], policies: Iterable[Policy]) -> dict[str, FrameworkCoverage]:
    """The coverage of every framework by `policies`, by the framework's name."""
    by_name = {policy.name: policy for policy in policies}
    covered = covering(catalogues, by_name)
    return {
        name: FrameworkCoverage(catalogue, tuple(
            _requirement(each, covered[name][each.id], by_name) for each in catalogue.requirements))
        for name, catalogue in catalogues.items()
    }


def _requirement(requirement: Requirement, cover: Cover, policies: Mapping[str, Policy]) -> RequirementCoverage:
    return RequirementCoverage(requirement, tuple(policies[name] for name in cover.policies), cover)


def profile_of(policy: Policy) -> str:
    """The profile that switches the policy on; empty if the policy is always on."""
    return str(policy.metadata.get("profile") or "")


def _level(policy: Policy) -> CoverageLevel:
    """How the policy covers what it checks."""
    if profile_of(policy):
        return CoverageLevel.PROFILE
    if policy.kind is Kind.REALTIME:
        return CoverageLevel.REALTIME
    return CoverageLevel.COVERED
