"""The catalogues of frameworks: one file each, with every requirement, whether or not a policy covers it.

A percentage is worth what its denominator is. So a catalogue lists also what no API can witness, and says whether it
is the whole standard. The project's are in `controls/`; a team adds a directory of its own, whose requirements name
the policies that cover them, or requirements of other frameworks that ask for the same. docs/frameworks.md.
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
_REQUIREMENT = ("id", "title", "section", "level", "severity", "automatable", "policies", "same_as")
_SHAPE = "a catalogue has title, version, publisher, source, whole (true or false) and a list `requirements:`"
# A colon would be taken for the one of `--framework name:control`.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Requirement:
    """One requirement of a framework."""

    id: str
    title: str
    automatable: bool
    """Whether a policy could witness it, or a part of it."""
    section: str = ""
    level: str = ""
    """Its level or profile, in the framework's words."""
    severity: str = ""
    """As the framework has it; empty where it has none."""
    policies: tuple[str, ...] = ()
    """Names or globs of policies that cover it, besides those that name it themselves."""
    same_as: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Framework to ids: what covers those covers this."""
    line: int = 0
    """In the catalogue's file."""


@dataclass(frozen=True)
class Catalogue:
    """One framework."""

    name: str
    """The file's, without its ending; metadata.controls and --framework go by it."""
    title: str
    version: str
    publisher: str
    source: str
    """Where the framework itself can be read."""
    whole: bool
    """Whether every requirement of the framework is listed."""
    note: str
    """What else a reader of its numbers has to know."""
    requirements: tuple[Requirement, ...]
    path: Path

    @cached_property
    def by_id(self) -> dict[str, Requirement]:
        """The requirements by their ids, in the catalogue's order."""
        return {requirement.id: requirement for requirement in self.requirements}

    def where(self, requirement: Requirement) -> str:
        """`file:line` of the requirement."""
        return f"{self.path}:{requirement.line}"


def load_catalogues(directories: Iterable[Path] = (), *, base: Path = CONTROLS) -> dict[str, Catalogue]:
    """Every framework of `base` and of the other `directories`, by name.

    Raises GuardrailsError, with file and line, for a file that is no catalogue, for a framework or a requirement that
    is there twice, and for a `same_as` that leads nowhere.
    """
    catalogues: dict[str, Catalogue] = {}
    for file in _files([base, *directories]):
        catalogue = _catalogue(file)
        if (other := catalogues.get(catalogue.name)) is not None:
            raise GuardrailsError(
                f"{file}:1: there is a framework {catalogue.name} already: {other.path}", "rename the file")
        catalogues[catalogue.name] = catalogue
    for catalogue in catalogues.values():
        _check_references(catalogue, catalogues)
    return catalogues


def _files(directories: Iterable[Path]) -> Iterator[Path]:
    for directory in dict.fromkeys(directory.resolve() for directory in directories):
        files = sorted([*directory.glob("*.yml"), *directory.glob("*.yaml")])
        if not files:
            raise GuardrailsError(f"{directory}: no *.yml or *.yaml file in it", "name a directory of catalogues")
        yield from (_short(file) for file in files)


def _short(file: Path) -> Path:
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


def _catalogue(file: Path) -> Catalogue:
    try:
        source = read(file)
    except YamlError as error:
        raise GuardrailsError(f"{file}:{error.line}: {error.message}", "mend the YAML") from None
    data = source.data
    if not isinstance(data, Mapping) or not isinstance(data.get("requirements"), list):
        _fail(source, (), "not a catalogue", _SHAPE)
    if not _NAME.fullmatch(file.stem):
        _fail(source, (), f"a framework cannot be called {file.stem}", "letters, digits, dot, dash and underscore")
    _known_keys(source, (), data, _HEAD)
    if not isinstance(data.get("whole"), bool):
        _fail(source, ("whole",), "it is not said whether the catalogue is the whole framework", "whole: true or false")
    requirements = []
    lines: dict[str, int] = {}
    for index, entry in enumerate(data["requirements"]):
        requirement = _requirement(source, ("requirements", index), entry)
        if requirement.id in lines:
            _fail(source, ("requirements", index, "id"), f"the id {requirement.id} stands for two requirements; "
                  f"the other is in line {lines[requirement.id]}", 'quote the ids: "1.10" is no number')
        lines[requirement.id] = requirement.line
        requirements.append(requirement)
    if not requirements:
        _fail(source, ("requirements",), "no requirement in it", _SHAPE)
    head = {key: _text(source, (key,), data, required=True) for key in ("title", "version", "publisher", "source")}
    return Catalogue(
        file.stem, **head, whole=data["whole"], note=_text(source, ("note",), data), requirements=tuple(requirements),
        path=file)


def _requirement(source: YamlFile, path: tuple[str | int, ...], entry: Any) -> Requirement:
    if not isinstance(entry, Mapping):
        _fail(source, path, "a requirement is a mapping", '- {id: "1.1", title: …, automatable: true}')
    _known_keys(source, path, entry, _REQUIREMENT)
    if not isinstance(entry.get("id"), str):
        _fail(source, (*path, "id"), f"the id {entry.get('id')!r} is no text", 'quote it: id: "1.10"')
    automatable = entry.get("automatable")
    if not isinstance(automatable, bool):
        _fail(source, (*path, "automatable"), f"{entry['id']}: it is not said whether a policy could witness it",
              "automatable: true or false")
    severity = _text(source, (*path, "severity"), entry)
    if severity and severity not in SEVERITIES:
        _fail(source, (*path, "severity"), f"{severity} is no severity", f"one of {', '.join(SEVERITIES)}")
    same_as = entry.get("same_as", {})
    if not isinstance(same_as, Mapping):
        _fail(source, (*path, "same_as"), "same_as is no mapping", 'same_as: {cis-aws-5.0: ["2.1.1"]}')
    return Requirement(
        id=_text(source, (*path, "id"), entry, required=True),
        title=_text(source, (*path, "title"), entry, required=True),
        automatable=automatable,
        section=_text(source, (*path, "section"), entry),
        level=_text(source, (*path, "level"), entry),
        severity=severity,
        policies=_texts(source, (*path, "policies"), entry.get("policies", [])),
        same_as={
            str(framework): _texts(source, (*path, "same_as", str(framework)), ids)
            for framework, ids in same_as.items()
        },
        line=source.line(path),
    )


def _check_references(catalogue: Catalogue, catalogues: Mapping[str, Catalogue]) -> None:
    """Raise GuardrailsError where a `same_as` names a framework or a requirement that is not there."""
    for requirement in catalogue.requirements:
        for framework, ids in requirement.same_as.items():
            where = f"{catalogue.where(requirement)}: {requirement.id}"
            if framework not in catalogues:
                raise GuardrailsError(f"{where}: same_as: there is no framework {framework}",
                                      _nearest(framework, catalogues))
            for name in ids:
                if name not in catalogues[framework].by_id:
                    raise GuardrailsError(f"{where}: same_as: {framework} has no requirement {name}",
                                          _nearest(name, catalogues[framework].by_id, catalogues[framework].path))


def _nearest(name: str, known: Iterable[str], file: Path | None = None) -> str:
    """What was probably meant; else all of `known`, or the file that lists them."""
    from ..suggest import nearest

    return nearest(name, known, give_all=file is None) or f"{file} lists them"


def _known_keys(source: YamlFile, path: tuple[str | int, ...], data: Mapping[Any, Any], known: Sequence[str]) -> None:
    for key in data:
        if key not in known:
            _fail(source, (*path, str(key)), f"no such key here: {key}", _nearest(str(key), known))


def _text(
    source: YamlFile, path: tuple[str | int, ...], data: Mapping[str, Any], *, required: bool = False
) -> str:
    """The text at the last step of `path` in `data`, on one line; empty when it is not there and not required."""
    key = str(path[-1])
    value = data.get(key, "")
    if not isinstance(value, str):
        _fail(source, path, f"{key} is no text: {value!r}", f'quote it: {key}: "{value}"')
    if required and not value.strip():
        _fail(source, path, f"no {key}", f"{key}: …")
    return " ".join(value.split())


def _texts(source: YamlFile, path: tuple[str | int, ...], value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        _fail(source, path, f"{path[-1]} is no list of texts: {value!r}", 'a list, each quoted: ["1.10"]')
    return tuple(value)


def _fail(source: YamlFile, path: tuple[str | int, ...], what: str, mend: str) -> NoReturn:
    raise GuardrailsError(f"{source.path}:{source.line(path)}: {what}", mend)
