"""A team's own filters and actions: Python packages that list them, as `plugin.ELEMENTS` lists ours.

A package has a list `ELEMENTS` in its `__init__.py`. It is named in one of three ways: by its directory in
guardrails.yml (`elements`), by an entry point of an installed distribution, and in a function by `mode.packages`.
docs/elements.md describes what a package must contain.
"""
from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import keyword
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from .settings_file import TeamError, settings_file

GROUP = "guardrails.elements"
"""The group of the entry points."""
KEY = "elements"
"""The key in guardrails.yml with the directories."""
LIST = "ELEMENTS"
OURS = "custom_actions.elements"
KINDS = ("filter", "action")
_FORM = '("RESOURCE", "filter" or "action", "NAME", "MODULE:CLASS")'
_ENTRY_POINT = re.compile(r"[A-Za-z_]\w*:ELEMENTS")


class Element(NamedTuple):
    """A filter or action: its resource type, its name in policies, and the location of its class."""

    resource: str
    kind: str
    """`filter` or `action`."""
    type: str
    path: str
    """`module:class` in the package; imported only when the resource type is loaded."""
    package: str = OURS

    @property
    def ships_in(self) -> str:
        """The package that a function's archive must contain."""
        return self.package.partition(".")[0]


def load(element: Element) -> Any:
    """The element's class. Raises TeamError if a team's class cannot be imported."""
    module_name, _, name = element.path.partition(":")
    if element.package == OURS:
        return getattr(importlib.import_module(f"{OURS}.{module_name}"), name)
    package = sys.modules[element.package]
    module = _imported(f"{element.package}.{module_name}", package)
    found = getattr(module, name, None)
    if not isinstance(found, type):
        place, line = _place(package, element)
        raise TeamError(
            f"{element.path}: {module.__file__} has no class {name}", "correct the class in ELEMENTS",
            file=place, line=line)
    return found


def place_of(element: Element) -> tuple[Path, int]:
    """The file and line of the element in its package's list."""
    return _place(sys.modules[element.package], element)


def discovered() -> tuple[Element, ...]:
    """The elements of the packages that the settings and the environment name; see `settings_file` for which settings.

    Raises TeamError if one of them cannot be used.
    """
    return _discovered(settings_file())


def in_packages(names: Iterable[str]) -> tuple[Element, ...]:
    """The elements of importable packages; a package without a list of elements has none. Raises TeamError."""
    return tuple(each for name in names for each in _listed(_imported(name, None), required=False))


@functools.cache
def _discovered(file: Path | None) -> tuple[Element, ...]:
    found: dict[str, ModuleType] = {}
    for directory in _directories(file) if file else ():
        if directory.name in found:
            raise TeamError(f"{KEY}: two packages have the name {directory.name}", "rename one of them", file=file)
        found[directory.name] = _package(directory)
    for name in _installed():
        # An editable installation of a directory in guardrails.yml is the same package.
        found.setdefault(name, _imported(name, None))
    return tuple(each for module in found.values() for each in _listed(module))


def _installed() -> Iterator[str]:
    """The packages that entry points name."""
    from importlib.metadata import entry_points

    for point in sorted(entry_points(group=GROUP)):
        if not _ENTRY_POINT.fullmatch(point.value):
            of = f" of {point.dist.name}" if point.dist else ""
            raise TeamError(
                f"the entry point {GROUP}: {point.name}{of} is {point.value!r}, but must be PACKAGE:{LIST}",
                f'name a package at the top level whose __init__.py has {LIST}: {point.name} = "my_elements:{LIST}"')
        yield point.value.partition(":")[0]


def _directories(file: Path) -> Iterator[Path]:
    """The directories that the settings name. Raises TeamError if a file in one belongs to another user."""
    import yaml

    try:
        data = yaml.load(file.read_text(encoding="utf-8-sig"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        raise TeamError(
            f"cannot be read: {' '.join(str(error).split())}", "fix the file", file=file,
            line=mark.line + 1 if mark else 1) from None
    names = data.get(KEY, []) if isinstance(data, dict) else []
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise TeamError(f"{KEY}: must be a list of directories, got {names!r:.100}", f"{KEY}: [my_elements]", file=file)
    owners = {os.geteuid(), 0, file.stat().st_uid}
    for name in names:
        directory = Path(os.path.normpath(file.absolute().parent / name))
        if not (directory / "__init__.py").is_file():
            raise TeamError(
                f"{KEY}: {directory} is not a Python package: it has no __init__.py",
                f"create it, with the list {LIST}, or correct the path: it starts at {file.absolute().parent}", file=file)
        for each in _tree(directory):
            if each.stat().st_uid not in owners:
                raise TeamError(
                    f"{each} belongs to another user, whose code would run, so {KEY} is not used",
                    f"if you trust it, make it yours (chown), or remove {directory.name} from {file}")
        yield directory


def _tree(directory: Path) -> Iterator[Path]:
    """The directory and everything in it."""
    yield directory
    for root, directories, files in os.walk(directory):
        yield from (Path(root, name) for name in (*directories, *files))


def _package(directory: Path) -> ModuleType:
    """Import the package in a directory, without adding the directory above it to the places of imports."""
    name, start = directory.name, directory / "__init__.py"
    if not name.isidentifier() or keyword.iskeyword(name):
        raise TeamError(
            f"{directory}: {name} cannot be the name of a Python package",
            "rename the directory: use lower-case letters, digits and _")
    known = importlib.util.find_spec(name)
    if known is not None and not (known.origin and Path(known.origin).resolve() == start.resolve()):
        raise TeamError(
            f"{directory}: there is another package {name}: {known.origin}", "rename the directory")
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, start, submodule_search_locations=[str(directory)])
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _not_importable(name, [str(directory)], error) from error
    return module


def _imported(name: str, package: ModuleType | None) -> ModuleType:
    """Import a module. `package`: the package that it is in."""
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise _not_importable(name, list(package.__path__) if package else [], error) from error


def _not_importable(name: str, directories: Iterable[str], error: Exception) -> TeamError:
    """The error with the last line of the team's own code that was running."""
    text = " ".join(str(error).split())
    fix = "correct the file; a function has only the standard library, boto3, c7n and the packages in mode.packages"
    if isinstance(error, SyntaxError) and error.filename:
        return TeamError(
            f"{name} cannot be imported: {type(error).__name__}: {error.msg}", "correct the file",
            file=Path(error.filename), line=error.lineno or 1)
    trace, file, line = error.__traceback__, None, 1
    while trace is not None:
        code = trace.tb_frame.f_code.co_filename
        if not code.startswith("<") and code != __file__ and (
                any(code.startswith(os.path.join(each, "")) for each in directories) or not directories):
            file, line = Path(code), trace.tb_lineno
        trace = trace.tb_next
    return TeamError(f"{name} cannot be imported: {type(error).__name__}: {text}", fix, file=file, line=line)


def _listed(module: ModuleType, *, required: bool = True) -> Iterator[Element]:
    """The elements in the package's list. Raises TeamError for an entry that is not in the form of `_FORM`."""
    entries = getattr(module, LIST, None if required else ())
    start = Path(module.__file__ or module.__name__)
    if not isinstance(entries, list | tuple):
        raise TeamError(f"the package has no list {LIST}", f"{LIST} = [{_FORM}, …]", file=start)
    for number, entry in enumerate(entries):
        wrong = ""
        if not (isinstance(entry, list | tuple) and len(entry) in (4, 5) and all(isinstance(each, str) for each in entry)):
            wrong = f"must be four strings, got {entry!r:.100}"
        elif entry[1] not in KINDS:
            wrong = f"{entry[1]!r} is neither filter nor action"
        elif not re.fullmatch(r"[\w.]+:\w+", entry[3]):
            wrong = f"{entry[3]!r} is not a module of the package and a class in it"
        elif f"aws.{entry[0]}" not in _resource_types():
            wrong = f"c7n has no resource type aws.{entry[0]}"
        if wrong:
            raise TeamError(f"{LIST}[{number}]: {wrong}", f"write {_FORM}", file=start, line=_line(start, number))
        yield Element(*entry[:4], package=module.__name__)


def _resource_types() -> Any:
    from c7n.resources.resource_map import ResourceMap

    return ResourceMap


def _place(package: ModuleType, element: Element) -> tuple[Path, int]:
    start = Path(package.__file__ or package.__name__)
    listed = list(_listed(package))
    return start, _line(start, listed.index(element)) if element in listed else 1


def _line(file: Path, number: int) -> int:
    """The line of an entry of the list; of the list itself if it is not written out."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and target.id == LIST and isinstance(node, ast.Assign | ast.AnnAssign):
            entries = node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else []
            return entries[number].lineno if number < len(entries) else node.lineno
    return 1
