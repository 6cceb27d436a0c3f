"""The catalogues of frameworks: one file each, with every requirement, whether or not a policy covers it.

A percentage needs an honest denominator. So a catalogue also lists requirements that no API can check, and states
whether it contains the whole framework. The project's catalogues are in `controls/`. A team can add its own directory,
whose requirements name the policies that cover them, or equal requirements of other frameworks. See docs/frameworks.md.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from custom_actions.vocabulary import SEVERITIES

from ..errors import GuardrailsError
from ..paths import CONTROLS
from ..yamlfile import YamlError, YamlFile, read

_HEAD = ("title", "version", "publisher", "source", "whole", "note", "requirements")
_REQUIREMENT = ("id", "title", "section", "level", "severity", "automatable", "parts", "policies", "same_as")
_SHAPE = "a catalogue needs title, version, publisher, source, whole (true or false) and a list `requirements:`"
# No colon: it separates name and control in `--framework name:control`.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PART = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Requirement:
    """One requirement of a framework."""

    id: str
    title: str
    automatable: bool
    """Whether a policy could check it, at least in part."""
    section: str = ""
    level: str = ""
    """Its level or profile, in the words of the framework."""
    severity: str = ""
    """The severity in the framework; empty if it has none."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """What it requires, if that is more than one thing: a name to the part in short words."""
    policies: tuple[str, ...] = ()
    """Names or globs of policies that cover it, in addition to policies that name it in their metadata."""
    same_as: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Framework to ids of equal requirements: a policy that covers one of them covers this one."""
    line: int = 0
    """The line in the catalogue's file."""


@dataclass(frozen=True)
class Catalogue:
    """One framework."""

    name: str
    """The name of the file without its extension; metadata.controls and --framework use it."""
    title: str
    version: str
    publisher: str
    source: str
    """Where the framework is published."""
    whole: bool
    """Whether every requirement of the framework is listed."""
    note: str
    """What a reader of its numbers should also know."""
    requirements: tuple[Requirement, ...]
    path: Path

    @cached_property
    def by_id(self) -> dict[str, Requirement]:
        """Id to requirement, in the order of the catalogue."""
        return {requirement.id: requirement for requirement in self.requirements}

    def where(self, requirement: Requirement) -> str:
        """`file:line` of the requirement."""
        return f"{self.path}:{requirement.line}"


def load_catalogues(directories: Iterable[Path] = (), *, base: Path = CONTROLS) -> dict[str, Catalogue]:
    """Every framework of `base` and of the other `directories`, by name.

    Raises GuardrailsError, with file and line, for an invalid catalogue, for a duplicate framework or requirement, and
    for a `same_as` with an unknown requirement.
    """
    catalogues: dict[str, Catalogue] = {}
    for file in catalogue_files(directories, base=base):
        catalogue = catalogue_of(file)
        if (other := catalogues.get(catalogue.name)) is not None:
            raise GuardrailsError(
                f"{file}:1: duplicate framework {catalogue.name}; the other one is {other.path}",
                "rename one of the files")
        catalogues[catalogue.name] = catalogue
    for catalogue in catalogues.values():
        _check_references(catalogue, catalogues)
    return catalogues


def only(names: Iterable[str], catalogues: Mapping[str, Catalogue]) -> dict[str, Catalogue]:
    """The frameworks with these names; all without names. Raises GuardrailsError for an unknown name."""
    from ..suggest import nearest

    names = list(names)
    for name in names:
        if name not in catalogues:
            raise GuardrailsError(f"unknown framework {name}", nearest(name, catalogues, give_all=True))
    return {name: one for name, one in catalogues.items() if not names or name in names}


def catalogue_files(directories: Iterable[Path] = (), *, base: Path = CONTROLS) -> Iterator[Path]:
    """The files of `load_catalogues`. Raises GuardrailsError for a directory without any."""
    for directory in dict.fromkeys(directory.resolve() for directory in (base, *directories)):
        files = sorted([*directory.glob("*.yml"), *directory.glob("*.yaml")])
        if not files:
            raise GuardrailsError(
                f"{directory}: no *.yml or *.yaml file in this directory", "name a directory of catalogues")
        yield from (_short(file) for file in files)


def _short(file: Path) -> Path:
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


def catalogue_of(file: Path) -> Catalogue:
    """The catalogue in a file. Raises GuardrailsError, with file and line, if it is invalid."""
    try:
        source = read(file)
    except YamlError as error:
        raise GuardrailsError(f"{file}:{error.line}: {error.message}", "fix the YAML") from None
    data = source.data
    if not isinstance(data, Mapping) or not isinstance(data.get("requirements"), list):
        _fail(source, (), "not a catalogue", _SHAPE)
    if not _NAME.fullmatch(file.stem):
        _fail(
            source, (), f"invalid framework name {file.stem}",
            "use letters, digits, dot, dash and underscore in the file name")
    _known_keys(source, (), data, _HEAD)
    if not isinstance(data.get("whole"), bool):
        _fail(
            source, ("whole",), "`whole` must be true or false",
            "set whole: true if the catalogue lists every requirement, else false")
    requirements = []
    lines: dict[str, int] = {}
    for index, entry in enumerate(data["requirements"]):
        requirement = _requirement(source, ("requirements", index), entry)
        if requirement.id in lines:
            _fail(
                source, ("requirements", index, "id"),
                f"duplicate id {requirement.id}; the other one is in line {lines[requirement.id]}",
                "quote the ids: without quotes, 1.10 is the number 1.1")
        lines[requirement.id] = requirement.line
        requirements.append(requirement)
    if not requirements:
        _fail(source, ("requirements",), "the list of requirements is empty", _SHAPE)
    head = {key: _text(source, (key,), data, required=True) for key in ("title", "version", "publisher", "source")}
    return Catalogue(
        file.stem, **head, whole=data["whole"], note=_text(source, ("note",), data), requirements=tuple(requirements),
        path=file)


def _requirement(source: YamlFile, path: tuple[str | int, ...], entry: Any) -> Requirement:
    if not isinstance(entry, Mapping):
        _fail(source, path, "a requirement must be a mapping", '- {id: "1.1", title: …, automatable: true}')
    _known_keys(source, path, entry, _REQUIREMENT)
    if not isinstance(entry.get("id"), str):
        _fail(source, (*path, "id"), f"the id must be a string, got {entry.get('id')!r}", 'quote it: id: "1.10"')
    automatable = entry.get("automatable")
    if not isinstance(automatable, bool):
        _fail(source, (*path, "automatable"), f"{entry['id']}: `automatable` must be true or false",
              "set automatable: true if a policy could check the requirement, else false")
    severity = _text(source, (*path, "severity"), entry)
    if severity and severity not in SEVERITIES:
        _fail(source, (*path, "severity"), f"unknown severity {severity}", f"use one of {', '.join(SEVERITIES)}")
    same_as = entry.get("same_as", {})
    if not isinstance(same_as, Mapping):
        _fail(source, (*path, "same_as"), "same_as must be a mapping", 'same_as: {cis-aws-5.0: ["2.1.1"]}')
    return Requirement(
        id=_text(source, (*path, "id"), entry, required=True),
        title=_text(source, (*path, "title"), entry, required=True),
        automatable=automatable,
        section=_text(source, (*path, "section"), entry),
        level=_text(source, (*path, "level"), entry),
        severity=severity,
        parts=_parts(source, path, entry.get("parts", {})),
        policies=_texts(source, (*path, "policies"), entry.get("policies", [])),
        same_as={
            str(framework): _texts(source, (*path, "same_as", str(framework)), ids)
            for framework, ids in same_as.items()
        },
        line=source.line(path),
    )


def _parts(source: YamlFile, path: tuple[str | int, ...], value: Any) -> dict[str, str]:
    path = (*path, "parts")
    if not isinstance(value, Mapping) or len(value) == 1:
        _fail(source, path, "parts must be a mapping of two or more names to texts",
              "parts: {password-length: at least 8 characters, password-digit: a digit}")
    for name in value:
        if not isinstance(name, str) or not _PART.fullmatch(name):
            _fail(source, (*path, str(name)), f"invalid name of a part: {name!r}",
                  "use lower-case letters, digits and dashes")
    parts = {name: _text(source, (*path, name), value, required=True) for name in value}
    if len(set(parts.values())) < len(parts):
        _fail(source, path, "two parts have the same text", "say how they differ")
    return parts


def _check_references(catalogue: Catalogue, catalogues: Mapping[str, Catalogue]) -> None:
    """Raise GuardrailsError for a `same_as` with an unknown framework or requirement."""
    for requirement in catalogue.requirements:
        for framework, ids in requirement.same_as.items():
            where = f"{catalogue.where(requirement)}: {requirement.id}"
            if framework not in catalogues:
                raise GuardrailsError(f"{where}: same_as: unknown framework {framework}",
                                      _nearest(framework, catalogues))
            for name in ids:
                if name not in catalogues[framework].by_id:
                    raise GuardrailsError(f"{where}: same_as: {framework} has no requirement {name}",
                                          _nearest(name, catalogues[framework].by_id, catalogues[framework].path))


def _nearest(name: str, known: Iterable[str], file: Path | None = None) -> str:
    """A fix with the nearest known names; else all of `known`, or the file that lists them."""
    from ..suggest import nearest

    return nearest(name, known, give_all=file is None) or f"{file} lists them"


def _known_keys(source: YamlFile, path: tuple[str | int, ...], data: Mapping[Any, Any], known: Sequence[str]) -> None:
    for key in data:
        if key not in known:
            _fail(source, (*path, str(key)), f"unknown key {key}", _nearest(str(key), known))


def _text(
    source: YamlFile, path: tuple[str | int, ...], data: Mapping[str, Any], *, required: bool = False
) -> str:
    """The string at the last step of `path` in `data`, on one line; empty if it is missing and not required."""
    key = str(path[-1])
    value = data.get(key, "")
    if not isinstance(value, str):
        _fail(source, path, f"{key} must be a string, got {value!r}", f'quote it: {key}: "{value}"')
    if required and not value.strip():
        _fail(source, path, f"{key} is missing or empty", f"add {key}: …")
    return " ".join(value.split())


def _texts(source: YamlFile, path: tuple[str | int, ...], value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        _fail(
            source, path, f"{path[-1]} must be a list of strings, got {value!r}",
            'write a list of quoted strings: ["1.10"]')
    return tuple(value)


def _fail(source: YamlFile, path: tuple[str | int, ...], problem: str, fix: str) -> NoReturn:
    raise GuardrailsError(f"{source.path}:{source.line(path)}: {problem}", fix)
