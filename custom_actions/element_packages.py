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
import inspect
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
    """The element's class. Raises TeamError if a team's class cannot be imported or is none that c7n can use."""
    module_name, _, name = element.path.partition(":")
    if element.package == OURS:
        return getattr(importlib.import_module(f"{OURS}.{module_name}"), name)
    package = sys.modules[element.package]
    try:
        module = _imported(f"{element.package}.{module_name}", package)
    except TeamError as error:
        if error.file is None:  # there is no such module
            error.file, error.line = _place(package, element)
        raise
    found = getattr(module, name, None)
    if not isinstance(found, type):
        place, line = _place(package, element)
        raise TeamError(
            f"{element.path}: {module.__file__} has no class {name}", f"correct the class in {LIST}",
            file=place, line=line)
    if problem := form_problem(element, found):
        place, line = class_place(element, found)
        raise TeamError(f"{element.kind} {element.type}: {problem[0]}", problem[1], file=place, line=line)
    return found


def form_problem(element: Element, found: Any) -> tuple[str, str] | None:
    """What keeps c7n from using the class, and how to fix it; None if nothing does."""
    from c7n.actions import Action
    from c7n.filters import Filter

    root = Filter if element.kind == "filter" else Action
    if not issubclass(found, root):
        base = root.__name__
        return f"it must derive from {root.__module__}.{base}", f"class {found.__name__}({base})"
    schema = found.schema if isinstance(found.schema, dict) else {}
    if element.type not in schema.get("properties", {}).get("type", {}).get("enum", ()):
        return (f"its schema does not have the type {element.type}",
                f'schema = type_schema("{element.type}", …), with type_schema of c7n.utils')
    return None


def class_place(element: Element, found: Any) -> tuple[Path, int]:
    """The file and line of the element's class."""
    try:
        return Path(inspect.getsourcefile(found) or ""), inspect.getsourcelines(found)[1]
    except (OSError, TypeError):  # a class that is made by code
        return place_of(element)


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


def package_directories(*, installed: bool = True) -> list[Path]:
    """The directories of the packages that `discovered` would import. Imports none of them.

    `installed`: whether to look for packages that entry points name. Raises TeamError as `discovered` does, except for
    what is wrong inside of a package.
    """
    found = list(_directories(settings_file()))
    for name in _installed() if installed else ():
        spec = importlib.util.find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            raise TeamError(f"the package {name} cannot be found", "install it again", file=Path("entry_points.txt"))
        found += map(Path, spec.submodule_search_locations)
    return found


@functools.cache
def _discovered(file: Path | None) -> tuple[Element, ...]:
    found: dict[str, ModuleType] = {}
    for directory in _directories(file):
        if directory.name in found:
            raise TeamError(f"{KEY}: two packages have the name {directory.name}", "rename one of them", file=file)
        found[directory.name] = _package(directory, file)
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
                f'name a package at the top level whose __init__.py has {LIST}: {point.name} = "my_elements:{LIST}"',
                file=Path("entry_points.txt"))
        yield point.value.partition(":")[0]


def _directories(file: Path | None) -> Iterator[Path]:
    """The directories that the settings name. Raises TeamError if one is not usable, or belongs to another user."""
    if file is None:
        return
    names, line = _names(file)
    start = file.absolute().parent
    owners = {os.geteuid(), 0, file.stat().st_uid}
    for name in names:
        directory = Path(os.path.normpath(start / name))
        if not (directory / "__init__.py").is_file():
            raise TeamError(
                f"{KEY}: {directory} is not a Python package: it has no __init__.py",
                f"create it, with the list {LIST}, or correct the path: it starts at {start}", file=file, line=line)
        try:
            foreign = next((each for each in _tree(directory) if not _owners(each) <= owners), None)
        except OSError as error:
            raise TeamError(f"{KEY}: {error.filename}: {error.strerror}", f"make {name} readable",
                            file=file, line=line) from None
        if foreign:
            raise TeamError(
                f"{KEY}: {foreign} belongs to another user, whose code would run, so nothing is imported",
                f"if you trust it, make it yours (chown), or remove {name}", file=file, line=line)
        yield directory


def _names(file: Path) -> tuple[list[str], int]:
    """The directories as the settings name them, and the line of the key."""
    import yaml

    try:
        text = file.read_text(encoding="utf-8-sig")
        data = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        raise TeamError(
            f"cannot be read: {' '.join(str(error).split())}", "fix the file", file=file,
            line=mark.line + 1 if mark else 1) from None
    line = next((at for at, each in enumerate(text.splitlines(), 1) if each.startswith(f"{KEY}:")), 1)
    names = data.get(KEY, []) if isinstance(data, dict) else []
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise TeamError(
            f"{KEY}: must be a list of directories, got {names!r:.100}", f"{KEY}: [my_elements]", file=file, line=line)
    return names, line


def _tree(directory: Path) -> Iterator[Path]:
    """The directory and everything that can be imported from it, also through symbolic links."""
    pending, seen = [directory], set()
    while pending:
        place = pending.pop()
        yield place
        if place.is_dir() and (real := place.resolve()) not in seen:
            seen.add(real)
            pending.extend(place.iterdir())


def _owners(place: Path) -> set[int]:
    """The owner of a file, and of the link that leads to it."""
    return {place.lstat().st_uid, *([place.stat().st_uid] if place.exists() else [])}


def _package(directory: Path, file: Path | None) -> ModuleType:
    """Import the package in a directory, without adding the directory above it to the places of imports."""
    name, start = directory.name, directory / "__init__.py"
    if not name.isidentifier() or keyword.iskeyword(name):
        raise TeamError(
            f"{KEY}: {name} cannot be the name of a Python package",
            "rename the directory: use lower-case letters, digits and _", file=file)
    known = importlib.util.find_spec(name)
    if known is not None and not (known.origin and Path(known.origin).resolve() == start.resolve()):
        raise TeamError(
            f"{KEY}: {directory}: there is another package {name}: {known.origin}", "rename the directory", file=file)
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, start, submodule_search_locations=[str(directory)])
    assert spec
    assert spec.loader
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
        inside = any(code.startswith(os.path.join(each, "")) for each in directories) or not directories
        if inside and not code.startswith("<") and code not in (__file__, importlib.__file__):
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
        if wrong := _wrong(entry):
            raise TeamError(f"{LIST}[{number}]: {wrong}", f"write {_FORM}", file=start, line=_line(start, number))
        resource, kind, name, path = entry[:4]
        yield Element(resource, kind, name, path, module.__name__)


def _wrong(entry: Any) -> str:
    """What is wrong with an entry; empty if nothing is."""
    # An `Element` has a fifth string, the package, which is not needed here.
    if not isinstance(entry, list | tuple) or len(entry) not in (4, 5) or {type(each) for each in entry} != {str}:
        return f"must be four strings, got {entry!r:.100}"
    resource, kind, name, path = entry[:4]
    if f"aws.{resource}" not in _resource_types():
        return f"c7n has no resource type aws.{resource}"
    if kind not in KINDS:
        return f"{kind!r} is neither filter nor action"
    if not re.fullmatch(r"[A-Za-z][\w.-]*", name):
        return f"{name!r} is not a name for a {kind}"
    if not re.fullmatch(r"[\w.]+:\w+", path):
        return f"{path!r} is not a module of the package and a class in it"
    return ""


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
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == LIST for target in targets):
            entries = getattr(getattr(node, "value", None), "elts", [])
            return entries[number].lineno if number < len(entries) else node.lineno
    return 1
