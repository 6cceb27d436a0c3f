"""Reads guardrails.yml. `custom_actions.settings_file` finds it, because plain custodian reads it too."""
from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from custom_actions.settings_file import NONE, TeamError, settings_file

from ..errors import GuardrailsError
from ..policies import PackChoice, PolicySources
from ..suggest import nearest
from ..yamlfile import YamlError, YamlFile, read
from .schema import settings_schema


@dataclass(frozen=True)
class Settings:
    """What guardrails.yml says. Without a file: the shipped policies, and the options' own defaults."""

    file: Path | None = None
    sources: PolicySources = field(default_factory=PolicySources)
    controls: tuple[Path, ...] = ()
    frameworks: tuple[str, ...] = ()
    """The frameworks that reports show; empty for all."""
    cases: tuple[Path, ...] = ()
    elements: tuple[Path, ...] = ()
    """The packages of the team's own filters and actions. `custom_actions.plugin` reads them itself."""
    accounts: Path | None = None
    exceptions: Path | None = None
    output: Path = Path("output")
    history: Path | str | None = Path("output") / "history.db"
    """A file, or `s3://BUCKET/KEY`; None for no history."""
    parquet: Path | str | None = None
    """Where runs are written as Parquet, too: a directory, or `s3://BUCKET/PREFIX`; None for nowhere."""
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Verb to its options, without dashes, and their values."""


def team_settings(given: str | None) -> Settings:
    """The settings to use: of the named file; else of the guardrails.yml in or above the current directory.

    Raises GuardrailsError for a file that is missing or invalid.
    """
    try:
        found = settings_file(given)
    except TeamError as error:
        raise GuardrailsError(error.where, error.fix) from None
    return read_settings(found) if found else Settings()


def read_settings(file: Path) -> Settings:
    """The settings in a file. Relative paths in it start at its directory.

    Raises GuardrailsError, with the line, for an unknown key, a wrong value, or a path that does not exist.
    """
    try:
        source = read(file)
    except YamlError as error:
        raise GuardrailsError(f"{file}:{error.line}: {error.message}", "fix the YAML") from None
    from jsonschema import Draft202012Validator

    data = {} if source.data is None else source.data
    problems = sorted(Draft202012Validator(settings_schema()).iter_errors(data), key=lambda each: len(each.path))
    if problems:
        raise _invalid(source, problems[0])
    root = file.absolute().parent

    def path(key: str, *, directory: bool) -> Path | None:
        return _existing(source, root, (key,), data[key], directory=directory) if key in data else None

    def paths(key: str) -> tuple[Path, ...]:
        return tuple(_existing(source, root, (key, index), each, directory=True)
                     for index, each in enumerate(data.get(key, ())))

    output = root / data.get("output", "output")
    history = data.get("history", str(output / "history.db"))
    return Settings(
        file=file, sources=_sources(data, paths("policies"), paths("controls"), str(file)), controls=paths("controls"),
        frameworks=tuple(data.get("frameworks", ())), cases=paths("cases"), elements=paths("elements"),
        accounts=path("accounts", directory=False), exceptions=path("exceptions", directory=False), output=output,
        history=_place(history, root), parquet=_place(data.get("parquet", NONE), root),
        defaults=data.get("defaults", {}))


def _place(given: str, root: Path) -> Path | str | None:
    if given == NONE:
        return None
    from ..accounts import S3_SCHEME  # loads boto3, which most verbs do not need

    return given if given.startswith(S3_SCHEME) else root / given


def _sources(
    data: Mapping[str, Any], directories: tuple[Path, ...], controls: tuple[Path, ...], origin: str
) -> PolicySources:
    packs = (pack if isinstance(pack, Mapping) else {"name": pack} for pack in data.get("packs", [PackChoice().name]))
    return PolicySources(
        packs=tuple(PackChoice(**pack) for pack in packs), directories=tuple(map(str, directories)),
        controls=tuple(map(str, controls)), exclude=tuple(data.get("exclude", ())),
        parameters=data.get("parameters", {}), severities=data.get("severities", {}), origin=origin)


def _existing(
    source: YamlFile, root: Path, place: tuple[str | int, ...], given: str, *, directory: bool
) -> Path:
    found = Path(os.path.normpath(root / given))
    if not (found.is_dir() if directory else found.is_file()):
        kind = "directory" if directory else "file"
        raise GuardrailsError(
            f"{source.path}:{source.line(place)}: {place[0]}: there is no {kind} {found}",
            f"create it, or correct the path: it starts at {root}")
    return found


def _invalid(source: YamlFile, error: Any) -> GuardrailsError:
    """The first error of the schema in words."""
    place = tuple(error.absolute_path)
    if error.validator == "anyOf" and error.context:  # a pack or a severity: its name, or a mapping
        wanted = "object" if isinstance(error.instance, Mapping) else "enum"
        error = next((each for each in error.context if (each.schema.get("type") or "enum") == wanted
                      or each.absolute_path != error.absolute_path), error.context[0])
        place = tuple(error.absolute_path)
    label = ".".join(str(step) for step in place)
    problem, fix = error.message, ""
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = next(str(key) for key in error.instance if key not in known)
        place = (*place, unknown)
        problem, fix = f"unknown key {unknown}", nearest(unknown, known, give_all=True)
    elif error.validator == "enum":
        known = [str(each) for each in error.validator_value]
        problem, fix = f"{error.instance!r} is not known", nearest(str(error.instance), known, give_all=True)
    elif error.validator == "type":
        words = {"array": "a list", "object": "a mapping", "string": "a string"}
        problem = f"must be {words.get(error.validator_value, error.validator_value)}, got {error.instance!r:.100}"
        fix = error.schema.get("description", "")
    return GuardrailsError(
        f"{source.path}:{source.line(place)}: {f'{label}: ' if label else ''}{problem}", fix or "see docs/settings.md")

