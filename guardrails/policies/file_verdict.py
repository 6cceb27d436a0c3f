"""What was found in one policy file: a value that can be stored, and read again without c7n."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..paths import POLICIES
from ..yamlfile import YamlError
from .policy import Kind, Policy


@dataclass(frozen=True)
class FileProblem:
    """One error, with its file and line."""

    file: Path
    line: int
    problem: str
    fix: str = ""


@dataclass(frozen=True)
class ElementChecks:
    """What is wrong with a team's elements."""

    problems: tuple[FileProblem, ...] = ()
    hints: tuple[FileProblem, ...] = ()
    usable: bool = True
    """Whether c7n can load all of them; if not, no policy can be checked."""

    def to_json(self) -> list[Any]:
        """The opposite of `from_json`, for usable elements."""
        return [[[str(each.file), each.line, each.problem, each.fix] for each in listed]
                for listed in (self.problems, self.hints)]

    @classmethod
    def from_json(cls, data: Any) -> ElementChecks:
        """The checks from what `to_json` made. Raises TypeError or ValueError for anything else."""
        problems, hints = (
            tuple(FileProblem(Path(file), line, problem, fix) for file, line, problem, fix in listed)
            for listed in data)
        if not all(type(each.line) is int and type(each.problem) is type(each.fix) is str
                   for each in (*problems, *hints)):
            raise TypeError(f"no checks of elements: {data!r:.200}")
        return cls(problems, hints)


@dataclass(frozen=True)
class CheckedPolicy:
    """A policy that is well-formed enough to be checked in detail: what checks across policies need of it."""

    name: str
    resource: str
    """The resource type with its provider."""
    kind: Kind
    file: Path
    line: int
    """The line of its name."""

    @classmethod
    def of(cls, policy: Policy) -> CheckedPolicy:
        """The same of a policy of a file."""
        return cls(policy.name, policy.resource, policy.kind, policy.source.path,
                   policy.source.line(("policies", policy.index, "name")))


@dataclass(frozen=True)
class Found:
    """One error of a file whose path is not said, so that it is the same under another path."""

    line: int
    problem: str
    fix: str = ""
    convention: bool = False
    """Whether c7n accepts it: only this project's own rules for policies do not."""


@dataclass(frozen=True)
class FileVerdict:
    """What the content of a policy file comes to, without any other file."""

    policies: int
    checked: tuple[tuple[str, str, str, int], ...]
    """Name, resource type, kind, and line of the name of each policy that is well-formed."""
    found: tuple[Found, ...]

    def policies_in(self, file: Path) -> Iterator[CheckedPolicy]:
        """The well-formed policies, as those of `file`."""
        for name, resource, kind, line in self.checked:
            yield CheckedPolicy(name, resource, Kind(kind), file, line)

    def to_json(self) -> list[Any]:
        """The opposite of `from_json`."""
        return [self.policies, [list(each) for each in self.checked],
                [[each.line, each.problem, each.fix, each.convention] for each in self.found]]

    @classmethod
    def from_json(cls, data: Any) -> FileVerdict:
        """The verdict from what `to_json` made. Raises TypeError or ValueError for anything else."""
        policies, checked, found = data
        verdict = cls(
            policies, tuple((name, resource, kind, line) for name, resource, kind, line in checked),
            tuple(Found(line, problem, fix, convention) for line, problem, fix, convention in found))
        types = [(policies, int), *((value, kind) for each in verdict.checked
                                    for value, kind in zip(each, (str, str, str, int), strict=True)),
                 *((value, kind) for each in verdict.found
                   for value, kind in zip((each.line, each.problem, each.fix, each.convention),
                                          (int, str, str, bool), strict=True))]
        if not all(type(value) is kind for value, kind in types):
            raise TypeError(f"no verdict: {data!r:.200}")
        for each in verdict.checked:
            Kind(each[2])
        return verdict


@dataclass(frozen=True)
class Validation:
    """The errors found, and the numbers of files, policies and resource types that were checked."""

    problems: tuple[FileProblem, ...]
    """What no tool accepts, and with `strict` what this project's own rules for policies do not."""
    hints: tuple[FileProblem, ...]
    """What c7n accepts, and this project's own rules do not."""
    files: int
    policies: int
    resource_types: int
    checked: tuple[CheckedPolicy, ...] = ()


def unreadable(error: YamlError) -> FileVerdict:
    """The verdict on a file that is no YAML, or cannot be read."""
    return FileVerdict(0, (), (Found(error.line, error.message),))


def is_shipped(file: Path) -> bool:
    """Whether the file is one of this project's own policy files."""
    return file.resolve().is_relative_to(POLICIES)


def across(verdicts: Sequence[tuple[Path, FileVerdict]], *, strict: bool) -> Validation:
    """The verdicts on single files as one, with what only all files together show: names that two policies have."""
    problems: list[FileProblem] = []
    hints: list[FileProblem] = []
    named: dict[str, CheckedPolicy] = {}
    checked: list[CheckedPolicy] = []
    for file, verdict in verdicts:
        conventions = problems if strict or is_shipped(file) else hints
        for each in verdict.found:
            (conventions if each.convention else problems).append(FileProblem(file, each.line, each.problem, each.fix))
        for policy in verdict.policies_in(file):
            checked.append(policy)
            first = named.setdefault(policy.name, policy)
            if first is not policy:
                problems.append(FileProblem(
                    file, policy.line,
                    f"{policy.name}: duplicate policy name {policy.name}; the other one is in "
                    f"{first.file}:{first.line}",
                    "rename one of them: functions, findings and output directories use the name"))
    return Validation(
        tuple(in_order(problems)), tuple(in_order(hints)), len(verdicts), sum(each.policies for _, each in verdicts),
        len({policy.resource for policy in checked}), tuple(checked))


def in_order(problems: Iterable[FileProblem]) -> Iterator[FileProblem]:
    """Each error once, by file and line: c7n and our own checks may report the same one."""
    seen = set()
    for problem in sorted(problems, key=lambda problem: (str(problem.file), problem.line)):
        if (problem.file, problem.line, problem.problem) not in seen:
            seen.add((problem.file, problem.line, problem.problem))
            yield problem
