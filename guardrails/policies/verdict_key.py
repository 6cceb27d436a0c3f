"""What decides a verdict, as keys: when any part changes, the key changes, and the verdict is made anew.

Two keys name a stored verdict. `environment` is of everything that is the same for all files of a run: versions, the
plug-in's and a team's filters and actions, settings, exceptions. `file_key` is of one file. Neither imports c7n, which
takes longer than everything else when nothing has changed.
"""
from __future__ import annotations

import hashlib
import json
import os
import sys
import sysconfig
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from custom_actions.element_packages import GROUP, package_directories
from custom_actions.exceptions import VARIABLE as EXCEPTIONS
from custom_actions.exceptions import file_in_force
from custom_actions.settings_file import TeamError

from ..command import command
from .policy import Kind

_FORMAT = 1
_GUARDRAILS = Path(__file__).resolve().parents[1]
_PLUGIN = _GUARDRAILS.with_name("custom_actions")
# What c7n and boto3 read when a policy is checked. Credentials are not among it: they decide nothing, and change often.
_VARIABLES = (
    "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_DATA_PATH", "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "TZ", EXCEPTIONS,
)
_DISTRIBUTION = (".dist-info", ".egg-info")
_READ_AT_MOST = 64 * 1024**2
"""Of the files of a team's elements together. With more, nothing is remembered."""


class NotKnown(Exception):
    """Something that decides verdicts cannot be known, so none may be stored or read. The text says what."""


def environment() -> str:
    """The key of all that decides verdicts beside the files themselves.

    Raises NotKnown when a part cannot be read, or a team's elements cannot be used.
    """
    try:
        return digest(
            _FORMAT, sys.version, sys.platform, sys.prefix, command(), list(_distributions()), _tree_state("c7n"),
            list(_sources()), list(_team()), _exceptions(), _variables(), _models())
    except TeamError as error:
        raise NotKnown(error.where) from None
    except (OSError, ValueError) as error:
        raise NotKnown(str(error)) from None


def file_key(content: bytes, file: Path, *, kind: str, shipped: bool, strict: bool, catalogues: str) -> str:
    """The key of the verdict on one file.

    Args:
        content: of the file.
        file: its path, of which only the extension and the folders named after a mode decide anything.
        kind: what is judged, such as `policies`.
        shipped: whether it is one of this project's own policies.
        strict: whether this project's own rules apply to it.
        catalogues: `catalogues_key`.
    """
    folders = [part for part in file.parts if part in tuple(Kind)]
    return digest(kind, hashlib.sha256(content).hexdigest(), file.suffix, folders[-1:], shipped, strict, catalogues)


def catalogues_key(files: Iterable[Path]) -> str:
    """The key of the frameworks in these files. Errors name the file, so its path is a part. Raises NotKnown."""
    try:
        return digest([[str(file), _content(file)] for file in files])
    except OSError as error:
        raise NotKnown(str(error)) from None


def digest(*parts: Any) -> str:
    """One short key of all parts, which must be JSON."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]


def code_files() -> list[Path]:
    """The modules of this project that decide a verdict: the plug-in, `policies`, and the ground below it."""
    return sorted([*_PLUGIN.rglob("*.py"), *_GUARDRAILS.glob("*.py"), *(_GUARDRAILS / "policies").rglob("*.py")])


def _sources() -> Iterator[tuple[str, str]]:
    for file in code_files():
        yield str(file.relative_to(_GUARDRAILS.parent)), _content(file)


def _content(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _import_places() -> list[str]:
    """The directories with installed distributions, which Python imports."""
    return [place for place in dict.fromkeys(sys.path) if place and any(
        name.endswith(_DISTRIBUTION) for name in _listed(place))]


def _distributions() -> Iterator[tuple[str, str]]:
    """Every installed distribution with its version, by the names of their directories."""
    for place in dict.fromkeys(sys.path):
        for name in sorted(_listed(place)):
            if name.endswith(_DISTRIBUTION):
                yield place, name


def _listed(place: str) -> list[str]:
    return os.listdir(place or os.curdir) if os.path.isdir(place or os.curdir) else []


def _tree_state(package: str) -> list[tuple[str, int, int]]:
    """Every module of an installed package with its size and time, so that a change in place is seen, too."""
    spec = find_spec(package)
    found, pending = [], list(spec.submodule_search_locations or ()) if spec else []
    if not pending:
        raise NotKnown(f"{package} is not installed")
    while pending:
        directory = pending.pop()
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_dir():
                    if entry.name != "__pycache__":
                        pending.append(entry.path)
                elif entry.name.endswith(".py"):
                    state = entry.stat()
                    found.append((entry.path, state.st_size, state.st_mtime_ns))
    return sorted(found)


def team_packages() -> list[Path]:
    """The directories of the packages with a team's filters and actions. Imports none of them. Raises TeamError."""
    return package_directories(installed=_any_entry_point())


def foreign_modules(before: Collection[str]) -> list[str]:
    """What a team's elements have imported that no key contains: no package of theirs, and no installed distribution.

    `before`: the names of the modules that were imported before the elements. Raises TeamError.
    """
    packages = team_packages()
    if not packages:
        return []
    known = tuple(f"{place}/" for place in (
        *packages, *_import_places(), *sysconfig.get_paths().values(), _GUARDRAILS.parent))
    return [name for name in sorted(sys.modules.keys() - before)
            if (file := getattr(sys.modules[name], "__file__", None)) and not file.startswith(known)]


def _any_entry_point() -> bool:
    """Whether a distribution may have elements: reading its files is much faster than importlib.metadata."""
    for place, name in _distributions():
        try:
            if GROUP.encode() in Path(place, name, "entry_points.txt").read_bytes():
                return True
        except (FileNotFoundError, NotADirectoryError):
            continue
    return False


def _team() -> Iterator[tuple[str, str]]:
    """Every file of the team's packages with its content, not only modules: an element may read data beside it."""
    room = _READ_AT_MOST
    for directory in team_packages():
        yield str(directory), ""
        for file in sorted(directory.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                room -= file.stat().st_size
                if room < 0:
                    raise NotKnown(f"{directory}: more than {_READ_AT_MOST // 1024**2} MB")
                yield str(file), _content(file)


def _exceptions() -> list[str]:
    """The exceptions in force, which are a part of each policy, and the day, on which one may end."""
    file = file_in_force()
    if file is None:
        return []
    try:
        return [str(file), _content(file), datetime.now(UTC).date().isoformat()]
    except FileNotFoundError:
        return [str(file), "missing"]


def _variables() -> dict[str, str]:
    return {name: value for name, value in sorted(os.environ.items())
            if name in _VARIABLES or name.startswith("C7N_")}


def _models() -> list[tuple[str, int, int]]:
    """A user's own models of AWS services, which botocore prefers to those that it ships."""
    places = [Path(os.path.expanduser("~/.aws/models")),
              *(Path(place) for place in os.environ.get("AWS_DATA_PATH", "").split(os.pathsep) if place)]
    return sorted((str(file), state.st_size, state.st_mtime_ns) for place in places for file in place.rglob("*")
                  if file.is_file() and (state := file.stat()))
