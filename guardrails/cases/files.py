"""Case files: situations that are made in a local AWS, and what a policy must make of them.

A case file's keys are policy names, each with a list of cases; `docs/policies.md` tells how to write one.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import GuardrailsError
from ..suggest import nearest
from ..yamlfile import YamlError, YamlFile, read


@dataclass(frozen=True)
class Case:
    """One situation: resources to make, the verdict on each, and what the fix must have done."""

    policy: Mapping[str, Any]
    name: str
    make: list[Any]
    match: list[str] = field(default_factory=list)
    passes: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    fixed: list[dict[str, Any]] = field(default_factory=list)
    change: list[Any] = field(default_factory=list)
    """Realtime only: the calls that the function answers."""
    alert: dict[str, Any] = field(default_factory=dict)
    """Realtime only: JMESPath over the list of the policy's alerts, and what it must give."""
    vars: dict[str, Any] = field(default_factory=dict)
    """What the account's `vars` in accounts.yml would say; names that the case keeps are filled in."""
    outside: list[str] = field(default_factory=list)
    """Of `passes`, those that AWS Config must call NOT_APPLICABLE: the policy does not speak of them."""
    refused: list[str] = field(default_factory=list)
    """Of `match`, those that the fix must not touch: it would do harm. They stay as they are."""
    shows: list[str] = field(default_factory=list)
    """The parts of controls, by their names in the catalogues, that a resource of `match` violates."""
    where: str = ""
    """`file:line`."""

    def __str__(self) -> str:
        return f"{self.policy['name']}: {self.name}"


_LISTS = ("make", "match", "pass", "absent", "fixed", "change", "not-applicable", "refused", "shows")
_MAPPINGS = ("alert", "vars")
_FIELDS = {"case": "name", "pass": "passes", "not-applicable": "outside"}
"""Keys in the file that have other names here."""


def read_cases(files: Iterable[Path], policies: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Case]]:
    """The cases in these files, by the name of their policy.

    Args:
        files: case files.
        policies: the content of every policy that may have cases, by name.

    Raises GuardrailsError, with file and line, for a file that is not one of cases, and for cases of another policy.
    """
    found: dict[str, list[Case]] = {}
    for file in files:
        try:
            source = read(file)
        except YamlError as error:
            raise GuardrailsError(f"{file}:{error.line}: {error.message}", "fix the YAML") from None
        if source.data is None:
            continue
        if not isinstance(source.data, Mapping):
            raise GuardrailsError(f"{file}:1: the top level must be a mapping of policy names to cases", _SEE)
        for name, listed in source.data.items():
            if name not in policies:
                raise GuardrailsError(
                    f"{file}:{source.line((name,))}: {name}: these cases belong to none of your policies",
                    nearest(str(name), policies) or "rename them as their policy, or remove them")
            if not isinstance(listed, list):
                raise GuardrailsError(f"{file}:{source.line((name,))}: {name}: must be a list of cases", _SEE)
            found.setdefault(name, []).extend(
                _case(source, name, index, policies[name]) for index in range(len(listed)))
    return found


_SEE = "docs/policies.md shows how to write a case"


def _case(source: YamlFile, name: str, index: int, policy: Mapping[str, Any]) -> Case:
    data = source.data[name][index]

    def wrong(problem: str, fix: str = _SEE, *path: str) -> GuardrailsError:
        return GuardrailsError(f"{source.path}:{source.line((name, index, *path))}: {name}: {problem}", fix)

    if not isinstance(data, Mapping) or not isinstance(data.get("case"), str) or "make" not in data:
        raise wrong("a case needs a text `case`, and `make`, a list of calls")
    known = ("case", *_LISTS, *_MAPPINGS)
    for key, value in data.items():
        if key not in known:
            raise wrong(f"unknown key {key} of a case", nearest(str(key), known, give_all=True), str(key))
        if key in _LISTS and not isinstance(value, list):
            raise wrong(f"{key} must be a list, got {value!r:.100}", _SEE, key)
        if key in _MAPPINGS and not isinstance(value, Mapping):
            raise wrong(f"{key} must be a mapping, got {value!r:.100}", _SEE, key)
    fields = {_FIELDS.get(key, str(key)): value for key, value in data.items()}
    return Case(policy=policy, where=f"{source.path}:{source.line((name, index))}", **fields)
