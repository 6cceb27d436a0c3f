"""Parameters of policies: defaults at the top of a policy file, which c7n-org's `vars` override for an account.

A policy has a placeholder such as `"{access_key_max_age_days}"` for the value, and the defaults of its file in
`metadata.parameters`. A value with another type than the default is an error, because the policy would match no
resources without an error message. `patches/parameters.py` makes c7n replace the placeholders.

c7n replaces placeholders with Python's format strings, which can do more than insert a value.
`{now.__init__.__globals__}` reads attributes of the object `now`, and through them the environment of the process with
its AWS credentials. So a policy can use only plain names. `lookups` finds every other use.
"""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any

from c7n.exceptions import PolicyValidationError

Path = tuple[str | int, ...]
USE_PLAIN_NAMES = ("use a plain name such as {account_id} or {now}; write braces that are text twice, and without a "
                   "dot or bracket after the name: {{ }}")
"""How to fix what `lookups` finds."""
WIDTH_LIMIT = 1000
"""The maximum width in characters, because `{region:>2000000000}` would use up the memory."""

_PLACEHOLDER = re.compile(r"(?<!\{)\{([a-z][a-z0-9_]*)\}(?!\})")
# Names that c7n could replace. CloudWatch filter patterns such as `{ $.eventName = "X" }` are not among them.
_NAME = re.compile(r"[\w-]*")
# A format specification of a string or a number. Those of dates contain a %, and c7n handles them itself.
_SPECIFICATION = re.compile(r"(?:.?[<>=^])?[-+ ]?z?#?0?(\d*)[,_]?(?:\.(\d+))?[a-zA-Z]?", re.DOTALL)
_NESTED = 5
# Elements for which c7n formats only these settings again when they run.
_FORMATTED_AGAIN = {"notify": ("transport", "to_from", "cc_from"), "value": ("value_from",), "excepted": ()}


def effective(policy: str, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the parameters: those in `given`, and `defaults` for the others.

    Raises PolicyValidationError if a given value has another type than its default.
    """
    for name in defaults.keys() & given.keys():
        if (wanted := kind_of(defaults[name])) != (kind := kind_of(given[name])):
            raise PolicyValidationError(
                f"policy:{policy} the variable {name} must be {wanted}, like its default {defaults[name]!r}; "
                f"got {kind}: {given[name]!r}"
            )
    return {**defaults, **given}


def kind_of(value: Any) -> str:
    """The type of a value, in words."""
    if isinstance(value, bool):
        return "true or false"
    for kinds, name in (((int, float), "a number"), ((str,), "a string"), ((list, tuple), "a list"),
                        ((dict,), "a mapping")):
        if isinstance(value, kinds):
            return name
    return "nothing"


def placeholders(data: Any) -> set[str]:
    """The names in braces in the strings of `data`, such as `max_age` in `"{max_age}"`; not those in doubled braces."""
    if isinstance(data, str):
        return set(_PLACEHOLDER.findall(data)) if "{" in data else set()
    if isinstance(data, Mapping):
        data = data.values()
    elif not isinstance(data, list | tuple):
        return set()
    return {name for value in data if _has_braces(value) for name in placeholders(value)}


def lookups(data: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """The strings and keys in `data` whose braces do more than insert a value: the path of each, and the problem.

    These are attributes (`{a.b}`), items (`{a[b]}`), the same inside a format specification, and a width or precision
    above WIDTH_LIMIT. Doubled braces (`{{ account.name }}`, for the mailer) and Jinja blocks (`{% if a.b %}`) are text.
    """
    found: list[tuple[Path, str]] = []
    _look(data, path, found)
    return iter(found)


def _look(data: Any, path: Path, found: list[tuple[Path, str]]) -> None:
    if isinstance(data, str):
        if problem := _problem(data):
            found.append((path, problem))
    elif isinstance(data, Mapping):
        for key, value in data.items():
            if isinstance(key, str) and (problem := _problem(key)):
                found.append(((*path, str(key)), problem))
            if _has_braces(value):
                _look(value, (*path, str(key)), found)
    elif isinstance(data, list | tuple):
        for index, value in enumerate(data):
            if _has_braces(value):
                _look(value, (*path, index), found)


def _has_braces(data: Any) -> bool:
    """False for a string without braces and for numbers, which most values are."""
    return "{" in data if isinstance(data, str) else data is not None and not isinstance(data, int | float)


def lookups_after(policy: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """The same for a policy whose variables are replaced: only settings that c7n formats again when it runs.

    By now, doubled braces have become single braces, and the values of accounts.yml are inserted. Settings that c7n
    does not format again, such as a description or the value of a value filter, are plain text.
    """
    for kind in ("filters", "actions"):
        yield from _after(policy.get(kind), (kind,))
    for key in ("member-role", "execution-options"):
        yield from lookups((policy.get("mode") or {}).get(key), ("mode", key))


def _after(entry: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(entry, list | tuple):
        for index, value in enumerate(entry):
            yield from _after(value, (*path, index))
    elif isinstance(entry, Mapping):
        name = str(entry.get("type", "value" if len(entry) == 1 else ""))
        block = next(iter(entry), None) if len(entry) == 1 else None
        if block in ("and", "or", "not"):
            yield from _after(entry[block], (*path, str(block)))
        elif name in _FORMATTED_AGAIN:
            for key in _FORMATTED_AGAIN[name]:
                yield from lookups(entry.get(key), (*path, key))
        else:
            yield from lookups(entry, path)


def refusal(policy: str, path: Path, problem: str) -> PolicyValidationError:
    """The error to raise instead of replacing the variables of the policy."""
    where = ".".join(str(step) for step in path)
    return PolicyValidationError(f"policy:{policy} {where}: {problem}; {USE_PLAIN_NAMES}")


def _problem(text: str, depth: int = 0) -> str:
    """The problem with the braces of a string; empty if there is none."""
    if "{" not in text:
        return ""
    try:
        for _, name, specification, conversion in Formatter().parse(text):
            if name is None:
                continue
            root = re.split(r"[.\[]", name, maxsplit=1)[0]
            if root != name and _NAME.fullmatch(root):
                shown = f"{{{name}{'!' + conversion if conversion else ''}}}"
                return f"{_short(shown)} reads an attribute or an item of a variable, which can expose the process"
            if not specification:
                continue
            if depth < _NESTED and (inner := _problem(specification, depth + 1)):
                return inner
            found = _SPECIFICATION.fullmatch(specification)
            if found and any(len(digits) > 9 or int(digits) > WIDTH_LIMIT for digits in found.groups() if digits):
                return f"{_short(f'{{{name}:{specification}}}')} is wider than {WIDTH_LIMIT} characters"
    except ValueError:
        # The braces do not match. Those before have been checked, and c7n reports such a string as an error.
        return ""
    return ""


def _short(text: str) -> str:
    """The text for a message: shortened, and with unprintable characters escaped."""
    return text if len(text) <= 80 and text.isprintable() else f"{ascii(text)[1:78]}…"
