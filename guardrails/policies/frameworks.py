"""The verdict of a run on each requirement of each framework.

A requirement is covered by the policies that name it, by the policies that its catalogue names, and by those that
cover a requirement listed in its `same_as`. It has passed only when every one of them that an audit can run completed
all its checks and found nothing, and one of them had a resource in scope. A requirement that was not checked, or only
in part, never passes. Everything here is pure: the input is catalogues, policies and counts.
"""
from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Protocol

from ..command import command
from ..errors import GuardrailsError
from .catalogue import Catalogue, Requirement


class RequirementVerdict(StrEnum):
    """The verdict on one requirement."""

    FAILED = "failed"
    """A policy that covers it has an open finding."""
    PASSED = "passed"
    """Every covering policy that an audit can run completed all its checks, and no finding is open. A resource was in
    scope, or the output of a check does not say."""
    UNKNOWN = "unknown"
    """No finding is open, but some checks did not complete or were not part of this run."""
    PARTLY_COVERED = "partly-covered"
    """No finding is open, but the policies check only a part of it."""
    NOTHING_TO_JUDGE = "nothing-to-judge"
    """All these checks completed, and no resource was in scope of any of them."""
    NOT_EVALUATED = "not-evaluated"
    """Policies cover it, but none of them ran: they evaluate events, are disabled, or were not selected."""
    NOT_COVERED = "not-covered"
    """A policy could check it, but none does."""
    NOT_AUTOMATABLE = "not-automatable"
    """A person has to check it, and no policy covers it."""

    @property
    def words(self) -> str:
        """`not covered`, for a sentence or a table head."""
        return self.value.replace("-", " ")


EVALUATED = (RequirementVerdict.PASSED, RequirementVerdict.FAILED, RequirementVerdict.UNKNOWN)
"""The verdicts that the percentage counts."""


class Controlled(Protocol):
    """A policy with the requirements that it covers."""

    @property
    def controls(self) -> Mapping[str, Sequence[str]]: ...

    @property
    def partial(self) -> Mapping[str, Mapping[str, str]]:
        """Those that it checks only in part: framework to requirement to what is missing."""
        ...

    @property
    def parts(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        """Those of which it checks some parts only: framework to requirement to the names of these parts."""
        ...


class NamedPolicy(Controlled, Protocol):
    """A policy with its name and the requirements that it covers."""

    @property
    def name(self) -> str: ...


class AuditedPolicy(Controlled, Protocol):
    """A policy with the requirements that it covers, and whether an audit can run it."""

    @property
    def audited(self) -> bool: ...


@dataclass(frozen=True)
class PolicyResult:
    """The result of one policy, in all accounts or in one."""

    policy: str
    audited: bool
    """False for a realtime policy: it evaluates events, so an audit cannot run it."""
    asked: int = 0
    """Checks, without the skipped ones."""
    seen: int = 0
    """Checks that completed."""
    skipped: int = 0
    """Checks where the policy's own conditions exclude the place, for example a disabled profile."""
    failed: int = 0
    """Completed checks with an open finding."""
    open: int = 0
    """Open findings, including those of checks that did not complete."""
    excepted: int = 0
    """Findings that an exception covers."""
    empty: int = 0
    """Completed checks without a resource in scope."""
    in_scope: int = 0
    """Resources to which the policy applies."""
    compliant: int = 0
    """Of these, the resources that passed."""
    counted: bool = True
    """Whether all its checks say how many resources they looked at."""


@dataclass(frozen=True)
class RequirementResult:
    """One requirement with its verdict in a run."""

    requirement: Requirement
    verdict: RequirementVerdict
    policies: tuple[str, ...]
    """The names of the policies that cover it, wholly or in part."""
    missing: tuple[str, ...]
    """What the policies that check only a part of it do not check; empty if another policy checks all of it."""
    asked: int
    """Checks of these policies, without the skipped ones."""
    seen: int
    """Checks that completed."""
    open: int
    """Open findings."""
    excepted: int
    """Findings that an exception covers."""
    in_scope: int
    """Resources to which these policies apply; one that two policies judge counts twice."""
    compliant: int
    """Of these, the resources that passed."""
    counted: bool
    """Whether all these checks say how many resources they looked at; else the two numbers are not whole."""


@dataclass(frozen=True)
class FrameworkResult:
    """One framework, with the verdict of every requirement that its catalogue lists."""

    catalogue: Catalogue
    requirements: tuple[RequirementResult, ...]

    @property
    def name(self) -> str:
        return self.catalogue.name

    @cached_property
    def counts(self) -> dict[RequirementVerdict, int]:
        """RequirementVerdict to number of requirements; every verdict is included, with 0 if no requirement has it."""
        counted = dict.fromkeys(RequirementVerdict, 0)
        for result in self.requirements:
            counted[result.verdict] += 1
        return counted

    @property
    def passed(self) -> int:
        return self.counts[RequirementVerdict.PASSED]

    @property
    def failed(self) -> int:
        return self.counts[RequirementVerdict.FAILED]

    @property
    def evaluated(self) -> int:
        """Requirements that passed, failed or are unknown: the percentage counts these."""
        return sum(self.counts[verdict] for verdict in EVALUATED)

    @property
    def total(self) -> int:
        """Every requirement that the catalogue lists."""
        return len(self.requirements)

    @property
    def percentage(self) -> float | None:
        """Passed of evaluated requirements, 0 to 100; None when none was evaluated. Show it with `summary` only."""
        return 100 * self.passed / self.evaluated if self.evaluated else None

    @property
    def seen_share(self) -> float:
        """The share of all listed requirements that passed or failed, 0 to 1."""
        return (self.passed + self.failed) / self.total if self.total else 0.0

    def summary(self) -> str:
        """The numbers in one sentence, including everything that the percentage does not count."""
        if self.evaluated:
            share = (
                f"{self.passed} of {self.evaluated} evaluated requirements passed "
                f"({100 * self.passed // self.evaluated} %)")
        else:
            share = "no requirement was evaluated"
        others = [
            f"{self.counts[verdict]} {verdict.words}"
            for verdict in RequirementVerdict if verdict is not RequirementVerdict.PASSED and self.counts[verdict]
        ]
        listed = f"{self.total} in total" if self.catalogue.whole else f"{self.total} listed, not the whole framework"
        return "; ".join([share, *([", ".join(others)] if others else []), listed])


def framework_results(
    catalogues: Mapping[str, Catalogue], policies: Mapping[str, AuditedPolicy], results: Mapping[str, PolicyResult],
    covered: Mapping[str, Mapping[str, Cover]] | None = None,
) -> list[FrameworkResult]:
    """Every framework with the verdict on each of its requirements.

    `policies`: all policies by name, including those that the run did not select. Without them a requirement would
    appear as not covered, or as passed by half of the policies that cover it. `results`: the result of each policy by
    name; a policy without a result did not run. Pass the results of one account to get its verdicts. `covered`: what
    `covering` returns for the catalogues and policies, if it is known.
    """
    if covered is None:
        covered = covering(catalogues, policies)
    known = {
        name: results.get(name) or PolicyResult(name, audited=policy.audited) for name, policy in policies.items()}
    return [
        FrameworkResult(catalogue, tuple(
            _result_of(requirement, covered[name][requirement.id], known) for requirement in catalogue.requirements))
        for name, catalogue in catalogues.items()
    ]


def _result_of(requirement: Requirement, cover: Cover, known: Mapping[str, PolicyResult]) -> RequirementResult:
    covering = [known[policy] for policy in cover.policies]
    audited = [result for result in covering if result.audited]
    verdict = _verdict(requirement, covering)
    if verdict is RequirementVerdict.PASSED and not cover.whole(
            policy for policy in cover.policies if known[policy].asked):
        verdict = RequirementVerdict.PARTLY_COVERED
    return RequirementResult(
        requirement, verdict, cover.policies, cover.missing,
        asked=sum(result.asked for result in audited), seen=sum(result.seen for result in audited),
        open=sum(result.open for result in audited), excepted=sum(result.excepted for result in audited),
        in_scope=sum(result.in_scope for result in audited), compliant=sum(result.compliant for result in audited),
        counted=all(result.counted for result in audited))


def _verdict(requirement: Requirement, covering: Sequence[PolicyResult]) -> RequirementVerdict:
    if not covering:
        return RequirementVerdict.NOT_COVERED if requirement.automatable else RequirementVerdict.NOT_AUTOMATABLE
    audited = [result for result in covering if result.audited]
    if any(result.open for result in audited):
        return RequirementVerdict.FAILED
    if not any(result.asked for result in audited):
        return RequirementVerdict.NOT_EVALUATED
    # A policy that is disabled everywhere is a decision and does not block; one that was not selected is a gap.
    if all(result.seen == result.asked and (result.asked or result.skipped) for result in audited):
        nothing = all(result.empty == result.seen for result in audited)
        return RequirementVerdict.NOTHING_TO_JUDGE if nothing else RequirementVerdict.PASSED
    return RequirementVerdict.UNKNOWN


@dataclass(frozen=True)
class Cover:
    """The policies that cover one requirement."""

    policies: tuple[str, ...]
    """The sorted names of all of them; empty if there is none."""
    wholly: frozenset[str]
    """Those that check all of it."""
    partly: Mapping[str, str]
    """The others, with what each does not check."""
    parts: tuple[Mapping[str, frozenset[str]], ...] = ()
    """The parts of it (their texts) with the policies that check each; one mapping for each equal requirement."""
    limits: tuple[str, ...] = ()
    """What policies say that they do not check of it, or of the parts that they name."""

    def whole(self, policies: Iterable[str]) -> bool:
        """Whether these policies together check all of it: one of them does, or each part has one of them."""
        given = frozenset(policies)
        return bool(self.wholly & given) or any(
            all(checked & given for checked in parts.values()) for parts in self.parts)

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not checked, when the policies together do not check all of it."""
        if not self.policies or self.whole(self.policies):
            return ()
        unchecked = (text for parts in self.parts for text, checked in parts.items() if not checked)
        return tuple(dict.fromkeys([*self.limits, *unchecked]))


def covering(
    catalogues: Mapping[str, Catalogue], policies: Mapping[str, Controlled]
) -> dict[str, dict[str, Cover]]:
    """Framework, then requirement, to the policies that cover it."""
    # Policy to what it does not check of the requirement; empty if it checks all of it, or all of the parts it names.
    direct: dict[tuple[str, str], dict[str, str]] = {
        (name, requirement.id): dict.fromkeys(_named(requirement, policies), "") if requirement.policies else {}
        for name, catalogue in catalogues.items() for requirement in catalogue.requirements
    }
    for policy, data in policies.items():
        for framework, ids in data.controls.items():
            for control in ids:
                if (framework, control) in direct:
                    direct[framework, control].setdefault(policy, data.partial.get(framework, {}).get(control, ""))
    # Framework and requirement to the policies that check only some parts of it, with the parts.
    named: dict[tuple[str, str], dict[str, Sequence[str]]] = {}
    for policy, data in policies.items():
        for framework, checked in data.parts.items():
            for control, parts in checked.items():
                named.setdefault((framework, control), {})[policy] = parts
    return {
        name: {
            requirement.id: _cover([
                _node(catalogues[framework].by_id[control], direct[framework, control],
                      named.get((framework, control), {}))
                for framework, control in _same(catalogues, (name, requirement.id))])
            for requirement in catalogue.requirements
        }
        for name, catalogue in catalogues.items()
    }


@dataclass(frozen=True)
class _Node:
    """One of several equal requirements."""

    limits: Mapping[str, str]
    """Policy to what it says that it does not check; empty if it says nothing."""
    missing: Mapping[str, str]
    """Policy to what it does not check, with the parts that it does not name; empty if it checks all."""
    parts: Mapping[str, frozenset[str]]
    """The text of each part to the policies that check it."""


def _node(requirement: Requirement, limits: Mapping[str, str], named: Mapping[str, Sequence[str]]) -> _Node:
    def checks(policy: str, part: str) -> bool:
        return part in named.get(policy, requirement.parts)

    parts = requirement.parts.items()
    return _Node(
        limits,
        {policy: limit or "; ".join(text for part, text in parts if not checks(policy, part))
         for policy, limit in limits.items()},
        {text: frozenset(policy for policy, limit in limits.items() if not limit and checks(policy, part))
         for part, text in parts})


def _cover(nodes: Sequence[_Node]) -> Cover:
    missing: dict[str, str] = {}
    for node in nodes:
        for policy, what in node.missing.items():
            missing[policy] = missing.get(policy, what) and what
    partly = {policy: what for policy, what in sorted(missing.items()) if what}
    return Cover(
        tuple(sorted(missing)), frozenset(missing) - partly.keys(), partly,
        parts=tuple(node.parts for node in nodes if node.parts),
        limits=tuple(limit for node in nodes for policy, limit in sorted(node.limits.items()) if limit))


def _named(requirement: Requirement, policies: Iterable[str]) -> Iterator[str]:
    """The policies that the requirement itself names, by patterns."""
    return (policy for policy in policies if any(fnmatchcase(policy, pattern) for pattern in requirement.policies))


def _same(catalogues: Mapping[str, Catalogue], start: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """The requirement itself and all that it equals, directly or through others; each once."""
    pending, visited = [start], {start}
    while pending:
        framework, name = node = pending.pop()
        yield node
        for other, ids in catalogues[framework].by_id[name].same_as.items():
            for found in ids:
                if (other, found) not in visited:
                    visited.add((other, found))
                    pending.append((other, found))


def dangling(catalogues: Mapping[str, Catalogue], policies: Collection[str]) -> list[str]:
    """An error with file and line for each name under a catalogue's `policies:` that matches no policy."""
    return [
        f"{catalogue.where(requirement)}: {requirement.id}: no policy matches {pattern}"
        for catalogue in catalogues.values() for requirement in catalogue.requirements
        for pattern in requirement.policies if not any(fnmatchcase(policy, pattern) for policy in policies)
    ]


def policies_for(
    frameworks: Sequence[str], catalogues: Mapping[str, Catalogue], policies: Iterable[NamedPolicy]
) -> set[str]:
    """The names of the policies that cover the given frameworks.

    An argument is a framework (`cis-aws-5.0`) or some of its requirements (`cis-aws-5.0:5.*`, a glob). Raises
    GuardrailsError for an unknown framework or requirement, and for one that no policy covers: an empty selection must
    not look clean.
    """
    covered = covering(catalogues, {policy.name: policy for policy in policies})
    chosen: set[str] = set()
    for argument in frameworks:
        name, _, pattern = argument.partition(":")
        if name not in catalogues:
            raise GuardrailsError(f"--framework {argument}: unknown framework {name}", _near(name, catalogues))
        ids = [found for found in covered[name] if not pattern or fnmatchcase(found, pattern)]
        if not ids:
            raise GuardrailsError(f"--framework {argument}: {name} has no requirement {pattern}",
                                  _near(pattern, covered[name], f"{command('coverage --framework', name)} lists them"))
        found = set().union(*(covered[name][requirement].policies for requirement in ids))
        if not found:
            raise GuardrailsError(f"--framework {argument}: no policy covers it",
                                  f"{command('coverage --framework', name)} shows what is covered")
        chosen |= found
    return chosen


def _near(name: str, known: Iterable[str], fallback: str = "") -> str:
    from ..suggest import nearest

    return nearest(name, known, give_all=not fallback) or fallback
