"""Whether each policy has test cases: situations that the tests create, with the expected result.

A case file `<mode>/<service>.yml` mirrors the policy file with the same name; its keys are policy names. An untested
policy may find nothing, or too much, in its first account. A case without its policy tests nothing.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..suggest import nearest
from ..yamlfile import YamlError, YamlFile, read
from .policy import Policy, policy_files
from .validation import FileProblem


def case_problems(policies: Sequence[Policy], directory: Path, *, whole: bool) -> Iterator[FileProblem]:
    """Policies without a case. With `whole`, when `policies` are all policies, also cases without a policy.

    Raises GuardrailsError when the directory does not exist or has no file.
    """
    cases: dict[str, tuple[YamlFile, str]] = {}
    for file in policy_files([directory]):
        try:
            source = read(file)
        except YamlError as error:
            yield FileProblem(file, error.line, error.message)
            continue
        for name, listed in source.data.items() if isinstance(source.data, Mapping) else ():
            if isinstance(listed, list) and listed:
                cases[str(name)] = (source, str(name))
    for policy in policies:
        if policy.name not in cases:
            wanted = directory / policy.kind.value / policy.source.path.name
            near = nearest(policy.name, cases.keys() - {other.name for other in policies})
            yield FileProblem(
                policy.source.path, policy.source.line(("policies", policy.index, "name")),
                f"{policy.name}: the policy has no test case", near or f"add one to {wanted}; see docs/policies.md")
    known = {policy.name for policy in policies}
    for name, (source, key) in cases.items():
        if whole and name not in known:
            yield FileProblem(
                source.path, source.line((key,)), f"{name}: these cases belong to no policy",
                nearest(name, known))
