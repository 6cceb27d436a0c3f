"""The defaults of options, from guardrails.yml: of every verb, without a line in the verb."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import GuardrailsError
from ..suggest import nearest

if TYPE_CHECKING:
    from ..settings import Settings

NONE = "none"
_EXPLICIT = frozenset({"yes", "force", "heal", "stop-fixing", "fire", "apply", "resume", "nightly", "help", "version"})
"""Options that a file must not set: they are a person's word for one command."""


def defaults_of(verb: str, command: click.Command, settings: Settings) -> dict[str, Any]:
    """Parameter to its default, for click's `default_map`.

    Raises GuardrailsError for an option that the verb does not have, or that must be given each time.
    """
    common = {
        "config": settings.accounts, "exceptions": settings.exceptions, "controls": settings.controls,
        "history": (settings.history or NONE) if settings.file else None, "parquet": settings.parquet,
    }
    options = _options(command)
    found = {
        options[name].name: _plain(value) for name, value in common.items() if name in options and value}
    for name, value in settings.defaults.get(verb, {}).items():
        option = options.get(str(name))
        if option is None or name in _EXPLICIT:
            problem = "must be given on the command line" if option else f"{verb} has no option --{name}"
            raise GuardrailsError(
                f"{settings.file}: defaults.{verb}: {problem}",
                nearest(str(name), set(options) - _EXPLICIT, give_all=True) if option is None else f"remove {name}")
        found[option.name] = _located(option, value, settings)
    return {str(name): value for name, value in found.items()}


def check_defaults(settings: Settings, verbs: Mapping[str, click.Command]) -> None:
    """Raise GuardrailsError for a verb or an option in `defaults` that does not exist."""
    for verb in settings.defaults:
        if verb not in verbs:
            raise GuardrailsError(f"{settings.file}: defaults: there is no verb {verb}", nearest(str(verb), verbs))
        defaults_of(str(verb), verbs[verb], settings)


def option_schemas(command: click.Command) -> dict[str, dict[str, Any]]:
    """Option to the JSON schema of its default, for the editor schema of guardrails.yml."""
    return {
        name: {"description": option.help or "", **_schema(option)}
        for name, option in _options(command).items() if name not in _EXPLICIT}


def _schema(option: click.Option) -> dict[str, Any]:
    kind = option.type
    if option.is_flag:
        one: dict[str, Any] = {"type": "boolean"}
    elif isinstance(kind, click.Choice):
        one = {"enum": list(kind.choices)}
    elif isinstance(kind, click.types.IntParamType):
        one = {"type": "integer"}
    elif isinstance(kind, click.types.FloatParamType):
        one = {"type": "number"}
    else:
        one = {"type": ["string", "integer"]}
    return {"type": "array", "items": one} if option.multiple else one


def _options(command: click.Command) -> dict[str, click.Option]:
    """The long names of the command's options, without dashes."""
    return {name.removeprefix("--"): option for name, option in _named(command)}


def _named(command: click.Command) -> Iterator[tuple[str, click.Option]]:
    for option in command.params:
        if isinstance(option, click.Option):
            yield from ((name, option) for name in option.opts if name.startswith("--"))


def _located(option: click.Option, value: Any, settings: Settings) -> Any:
    """The value, with paths that start at the file's directory."""
    if not isinstance(option.type, click.Path) or settings.file is None:
        return _plain(value)
    root = settings.file.parent
    return [str(root / each) for each in value] if isinstance(value, list) else str(root / str(value))


def _plain(value: Any) -> Any:
    return [str(each) for each in value] if isinstance(value, tuple) else (
        str(value) if isinstance(value, Path) else value)
