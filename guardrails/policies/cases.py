"""Whether each policy has cases: situations that its tests make, with the verdict on each.

A case file `<mode>/<service>.yml` mirrors the policy file of the same name; its keys are policy names. A policy that
nobody has tried finds nothing, or too much, on its first day in an account; a case without its policy tests nothing.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..suggest import nearest
from ..yamlfile import YamlError, YamlFile, read
from .policy import Policy, policy_files
from .validation import FileProblem


def case_problems(policies: Sequence[Policy], directory: Path, *, whole: bool) -> Iterator[FileProblem]:
    """Policies without a case, and with `whole`, when `policies` are all that there are, cases without a policy.

    Raises GuardrailsError when the directory is not there or holds no file.
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
                f"{policy.name}: no case tries it", near or f"write one into {wanted}: docs/policies.md")
    known = {policy.name for policy in policies}
    for name, (source, key) in cases.items():
        if whole and name not in known:
            yield FileProblem(
                source.path, source.line((key,)), f"{name}: cases of a policy that is not there", nearest(name, known))
