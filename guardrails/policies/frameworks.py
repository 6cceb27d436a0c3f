"""What a run says of each requirement of each framework.

A requirement is covered by the policies that name it, by those that its catalogue names, and by what covers the
requirements that it is the same as. It has passed only when all of them that a sweep can run were seen, and found
nothing; what nobody looked at is never said to be met. All of it is pure: catalogues, policies and counts go in.
"""
from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Protocol

from ..errors import GuardrailsError
from .catalogue import Catalogue, Requirement


class Verdict(StrEnum):
    """What is known of one requirement."""

    FAILED = "failed"
    """A policy that covers it has an open finding."""
    PASSED = "passed"
    """Every policy that covers it and can be swept was seen wherever it was asked, and nothing is open."""
    UNKNOWN = "unknown"
    """Nothing is open, and something was not seen, or not asked in this run."""
    NOT_EVALUATED = "not-evaluated"
    """Policies cover it, and none was asked: they judge events, are switched off, or were not chosen."""
    NOT_COVERED = "not-covered"
    """A policy could witness it, and there is none."""
    NOT_AUTOMATABLE = "not-automatable"
    """It is for a person to witness, and no policy covers it."""


JUDGED = (Verdict.PASSED, Verdict.FAILED, Verdict.UNKNOWN)
"""The verdicts that a percentage is over."""


class Controlled(Protocol):
    """What has to be known of a policy to say what it covers."""

    @property
    def controls(self) -> Mapping[str, Sequence[str]]: ...


class NamedPolicy(Controlled, Protocol):
    """The same, with its name."""

    @property
    def name(self) -> str: ...


class AuditedPolicy(Controlled, Protocol):
    """The same, with whether a sweep can run it."""

    @property
    def audited(self) -> bool: ...


@dataclass(frozen=True)
class PolicyResult:
    """What a run knows of one policy, in all accounts or in one. The numbers are of checks, but for the findings."""

    policy: str
    audited: bool
    """False for what judges events and cannot be swept."""
    asked: int = 0
    """Without those skipped."""
    seen: int = 0
    skipped: int = 0
    """Where its own conditions say that it does not apply, as with a profile that is off."""
    failed: int = 0
    """Of those seen: with an open finding."""
    open: int = 0
    """Open findings, also of checks that were not seen in full."""
    excepted: int = 0


@dataclass(frozen=True)
class RequirementResult:
    """One requirement, and what a run says of it."""

    requirement: Requirement
    verdict: Verdict
    policies: tuple[str, ...]
    """Those that cover it, by name."""
    asked: int
    """Checks of these policies."""
    seen: int
    open: int
    """Findings."""
    excepted: int


@dataclass(frozen=True)
class FrameworkResult:
    """One framework, with the verdict of every requirement that its catalogue lists."""

    catalogue: Catalogue
    requirements: tuple[RequirementResult, ...]

    @property
    def name(self) -> str:
        return self.catalogue.name

    @cached_property
    def counts(self) -> dict[Verdict, int]:
        """How many requirements have each verdict; those that no requirement has are there with 0."""
        counted = dict.fromkeys(Verdict, 0)
        for result in self.requirements:
            counted[result.verdict] += 1
        return counted

    @property
    def passed(self) -> int:
        return self.counts[Verdict.PASSED]

    @property
    def failed(self) -> int:
        return self.counts[Verdict.FAILED]

    @property
    def judged(self) -> int:
        """Passed, failed and unknown: what a percentage is over."""
        return sum(self.counts[verdict] for verdict in JUDGED)

    @property
    def total(self) -> int:
        """Every requirement that the catalogue lists."""
        return len(self.requirements)

    @property
    def percentage(self) -> float | None:
        """Passed of those judged, 0 to 100; None when none was judged. Never to be shown without `summary`."""
        return 100 * self.passed / self.judged if self.judged else None

    @property
    def seen_share(self) -> float:
        """Of all requirements listed, the share that was judged and is not unknown; 0 to 1."""
        return (self.passed + self.failed) / self.total if self.total else 0.0

    def summary(self) -> str:
        """The numbers in one sentence, with all that the percentage leaves out."""
        if self.judged:
            share = f"{self.passed} of {self.judged} judged requirements passed ({100 * self.passed // self.judged} %)"
        else:
            share = "no requirement was judged"
        besides = [
            f"{self.counts[verdict]} {verdict.value.replace('-', ' ')}"
            for verdict in Verdict if verdict is not Verdict.PASSED and self.counts[verdict]
        ]
        listed = f"{self.total} in all" if self.catalogue.whole else f"{self.total} listed, not the whole framework"
        return "; ".join([share, *([", ".join(besides)] if besides else []), listed])


def framework_results(
    catalogues: Mapping[str, Catalogue], policies: Mapping[str, AuditedPolicy], results: Mapping[str, PolicyResult]
) -> list[FrameworkResult]:
    """The verdicts of every requirement of every framework.

    `policies`: all that there are, by name, also those that were not chosen for the run: without them a requirement
    would seem not to be covered, or to be met by half of what covers it. `results`: what the run knows of each policy,
    by name; a policy without one was not asked. Give one account's results for its verdicts alone.
    """
    covered = covering(catalogues, policies)
    known = {
        name: results.get(name) or PolicyResult(name, audited=policy.audited) for name, policy in policies.items()}
    return [
        FrameworkResult(catalogue, tuple(
            _judged(requirement, [known[policy] for policy in covered[name][requirement.id]])
            for requirement in catalogue.requirements))
        for name, catalogue in catalogues.items()
    ]


def _judged(requirement: Requirement, covering: Sequence[PolicyResult]) -> RequirementResult:
    audited = [result for result in covering if result.audited]
    return RequirementResult(
        requirement, _verdict(requirement, covering), tuple(result.policy for result in covering),
        asked=sum(result.asked for result in audited), seen=sum(result.seen for result in audited),
        open=sum(result.open for result in audited), excepted=sum(result.excepted for result in audited))


def _verdict(requirement: Requirement, covering: Sequence[PolicyResult]) -> Verdict:
    if not covering:
        return Verdict.NOT_COVERED if requirement.automatable else Verdict.NOT_AUTOMATABLE
    audited = [result for result in covering if result.audited]
    if any(result.open for result in audited):
        return Verdict.FAILED
    if not any(result.asked for result in audited):
        return Verdict.NOT_EVALUATED
    # Switched off everywhere is a choice, and stands in nobody's way; not asked at all is a gap.
    if all(result.seen == result.asked and (result.asked or result.skipped) for result in audited):
        return Verdict.PASSED
    return Verdict.UNKNOWN


def covering(
    catalogues: Mapping[str, Catalogue], policies: Mapping[str, Controlled]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Framework, then requirement, to the names of the policies that cover it, sorted; none for an orphan."""
    direct: dict[tuple[str, str], set[str]] = {
        (name, requirement.id): {policy for policy in policies if _names(requirement, policy)}
        for name, catalogue in catalogues.items() for requirement in catalogue.requirements
    }
    for policy, data in policies.items():
        for framework, ids in data.controls.items():
            for control in ids:
                if (framework, control) in direct:
                    direct[framework, control].add(policy)
    return {
        name: {
            requirement.id: tuple(sorted(set().union(
                *(direct[node] for node in _same(catalogues, (name, requirement.id))))))
            for requirement in catalogue.requirements
        }
        for name, catalogue in catalogues.items()
    }


def _names(requirement: Requirement, policy: str) -> bool:
    return any(fnmatchcase(policy, pattern) for pattern in requirement.policies)


def _same(catalogues: Mapping[str, Catalogue], start: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """The requirement itself and all that it is the same as, also by way of others; each once."""
    pending, met = [start], {start}
    while pending:
        framework, name = node = pending.pop()
        yield node
        for other, ids in catalogues[framework].by_id[name].same_as.items():
            for found in ids:
                if (other, found) not in met:
                    met.add((other, found))
                    pending.append((other, found))


def dangling(catalogues: Mapping[str, Catalogue], policies: Collection[str]) -> list[str]:
    """What is wrong with the catalogues' `policies:`, one sentence with file and line for each name that none has."""
    return [
        f"{catalogue.where(requirement)}: {requirement.id}: no policy is called {pattern}"
        for catalogue in catalogues.values() for requirement in catalogue.requirements
        for pattern in requirement.policies if not any(fnmatchcase(policy, pattern) for policy in policies)
    ]


def policies_for(
    frameworks: Sequence[str], catalogues: Mapping[str, Catalogue], policies: Iterable[NamedPolicy]
) -> set[str]:
    """The names of the policies that cover what is asked for.

    An argument is a framework (`cis-aws-5.0`) or requirements of it (`cis-aws-5.0:5.*`, a glob). Raises
    GuardrailsError for a framework or a requirement that is not there, and for one that no policy covers: a selection
    of nothing must not look clean.
    """
    covered = covering(catalogues, {policy.name: policy for policy in policies})
    chosen: set[str] = set()
    for argument in frameworks:
        name, _, pattern = argument.partition(":")
        if name not in catalogues:
            raise GuardrailsError(f"--framework {argument}: there is no framework {name}", _near(name, catalogues))
        ids = [found for found in covered[name] if not pattern or fnmatchcase(found, pattern)]
        if not ids:
            raise GuardrailsError(f"--framework {argument}: {name} has no requirement {pattern}",
                                  _near(pattern, covered[name], f"./run.sh coverage --framework {name} lists them"))
        found = set().union(*(covered[name][requirement] for requirement in ids))
        if not found:
            raise GuardrailsError(f"--framework {argument}: no policy covers it",
                                  f"./run.sh coverage --framework {name} shows what is covered")
        chosen |= found
    return chosen


def _near(name: str, known: Iterable[str], otherwise: str = "") -> str:
    from ..suggest import nearest

    return nearest(name, known, give_all=not otherwise) or otherwise
