"""Whether each policy has test cases: situations that the tests create, with the expected result.

A case file `<mode>/<service>.yml` mirrors the policy file with the same name; its keys are policy names. An untested
policy may find nothing, or too much, in its first account. A case without its policy tests nothing.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..suggest import nearest
from ..yamlfile import YamlError, content, parsed
from .file_verdict import CheckedPolicy, FileProblem
from .policy import policy_files


@dataclass(frozen=True)
class CaseFile:
    """What a case file comes to: the policies that have cases in it, with their lines; or why it cannot be read."""

    lines: Mapping[str, int]
    problem: tuple[int, str] | None = None

    def to_json(self) -> list[Any]:
        """The opposite of `from_json`."""
        return [dict(self.lines), list(self.problem) if self.problem else None]

    @classmethod
    def from_json(cls, data: Any) -> CaseFile:
        """The value from what `to_json` made. Raises TypeError or ValueError for anything else."""
        lines, problem = data
        if problem is not None:
            line, message = problem
            problem = (line, message)
        for name, number in ((problem[1], problem[0]),) if problem else lines.items():
            if type(name) is not str or type(number) is not int:
                raise TypeError(f"no case file: {data!r:.200}")
        return cls(lines, problem)




def case_problems(
    policies: Sequence[CheckedPolicy], directory: Path, *, whole: bool, read: Callable[[Path], CaseFile] | None = None,
) -> Iterator[FileProblem]:
    """Policies without a case. With `whole`, when `policies` are all policies, also cases without a policy.

    `read`: how a case file is read; `judge_cases` of its content by default. Raises GuardrailsError when the directory
    does not exist or has no file.
    """
    cases: dict[str, tuple[Path, int]] = {}
    for file in policy_files([directory]):
        found = (read or read_cases)(file)
        if found.problem:
            yield FileProblem(file, *found.problem)
        for name, line in found.lines.items():
            cases[name] = (file, line)
    for policy in policies:
        if policy.name not in cases:
            wanted = directory / policy.kind.value / policy.file.name
            near = nearest(policy.name, cases.keys() - {other.name for other in policies})
            yield FileProblem(
                policy.file, policy.line, f"{policy.name}: the policy has no test case",
                near or f"add one to {wanted}; see docs/policies.md")
    known = {policy.name for policy in policies}
    for name, place in cases.items():
        if whole and name not in known:
            yield FileProblem(*place, f"{name}: these cases belong to no policy", nearest(name, known))


def read_cases(file: Path) -> CaseFile:
    """The policies of a case file."""
    try:
        return judge_cases(file, content(file))
    except YamlError as error:
        return CaseFile({}, (error.line, error.message))


def judge_cases(file: Path, content: bytes) -> CaseFile:
    """The policies of a case file with this content."""
    try:
        source = parsed(file, content)
    except YamlError as error:
        return CaseFile({}, (error.line, error.message))
    listed = source.data.items() if isinstance(source.data, Mapping) else ()
    return CaseFile({
        str(name): source.line((str(name),)) for name, cases in listed if isinstance(cases, list) and cases})
