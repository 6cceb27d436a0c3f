"""The archive of the workers' functions: this package and what it needs, from this Python environment.

It has the same bytes whenever it is made from the same files. What only the command line needs is left out: the
archive must stay below Lambda's 250 MB. Compiled modules are those of this machine, so make it on Linux, with the
processor and the Python version of the functions; an image needs neither (docs/scale.md).

Source: Lambda's guide, "Working with .zip file archives for Python Lambda functions", and its quotas.
"""
from __future__ import annotations

import re
import zipfile
from collections.abc import Collection, Iterator
from importlib import metadata
from pathlib import Path

from ..errors import GuardrailsError
from ..paths import INSTALLED, ROOT

_PACKAGE = "aws-guardrails"
_LEFT_OUT = frozenset({"cfn-lint", "rich"})
"""Dependencies that only the command line uses."""
_EXAMPLES = "/examples-1.json"
"""botocore's examples for its documentation: hundreds of files that no client reads."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_BORN = (1980, 1, 1, 0, 0, 0)
_PACKAGES = ("custom_actions", "guardrails")
_DATA = ("controls", "policies")
"""What the wheel has in guardrails/_data, as far as a worker reads it."""
LARGEST_UNZIPPED = 250 * 1024 ** 2


def write_archive(path: Path, without: Collection[str] = ()) -> int:
    """Write the archive; returns its unpacked size in bytes. Raises GuardrailsError if it is too large for Lambda.

    `without`: distributions that the functions' environment has anyway.
    """
    files = dict(sorted(_files(without)))
    size = sum(file.stat().st_size for file in files.values())
    if size > LARGEST_UNZIPPED:
        raise GuardrailsError(
            f"the archive would have {size // 1024 ** 2} MB unpacked, and Lambda takes 250",
            "make it in an environment that has only aws-guardrails, or use an image")
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in files.items():
            info = zipfile.ZipInfo(name, _BORN)
            info.external_attr, info.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, file.read_bytes())
    return size


def distributions(without: Collection[str] = ()) -> list[metadata.Distribution]:
    """This package and everything that it needs, as far as workers use it."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [_PACKAGE]
    while waiting:
        name = waiting.pop()
        key = _key(name)
        if key in found or key in _LEFT_OUT or key in without:
            continue
        try:
            found[key] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # needed on another platform or Python version only
        for requirement in found[key].requires or ():
            needed, _, marker = requirement.partition(";")
            if "extra" not in marker and (match := _NAME.match(needed.strip())):
                waiting.append(match[0])
    return list(found.values())


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _files(without: Collection[str]) -> Iterator[tuple[str, Path]]:
    """The name of each file in the archive, and the file."""
    for distribution in distributions(without):
        for file in distribution.files or ():
            path = Path(str(distribution.locate_file(file)))
            if _is_shipped(str(file)) and path.is_file():
                yield str(file), path
    if INSTALLED:
        return
    # An editable install lists only where the checkout is.
    for package in _PACKAGES:
        for path in (ROOT / package).rglob("*"):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and _is_shipped(name):
                yield name, path
    for directory in _DATA:
        for path in (ROOT / directory).rglob("*"):
            if path.is_file():
                yield f"guardrails/_data/{path.relative_to(ROOT).as_posix()}", path


def _is_shipped(name: str) -> bool:
    """Whether a file of an installed package belongs into the archive: no scripts, and no compiled Python."""
    return not (
        name.startswith(("..", "/")) or "__pycache__" in name or name.endswith((".pyc", ".pth")) or _EXAMPLES in name)
