"""Makes the archive of a policy identical on every machine, and compresses the code in it once in a process.

c7n compares the checksum of a function's archive with Lambda's, and updates the function if they differ. It adds files
in the order of the file system, which differs between checkouts of the same commit, so every CI machine would deploy
everything again. Here the files are sorted by name. c7n already sets constant dates and permissions.

c7n also reads and compresses the same 500 files for each policy. Here that is done once for the same packages, and each
policy adds its own file to a copy.
"""
from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterable
from typing import Any

from c7n.policy import LambdaMode

from .seam import ARCHIVE

log = logging.getLogger("custodian.guardrails.patches")
Ignore = Callable[[str], bool] | None


def install() -> None:
    """Have c7n build archives like this when it deploys. Calling it again has no effect. No cost in a function."""
    original = LambdaMode.provision
    if hasattr(original, "without_order"):
        return

    @functools.wraps(original)
    def provision(self: Any) -> Any:
        in_order()
        return original(self)

    provision.without_order = original  # type: ignore[attr-defined]
    LambdaMode.provision = provision


def in_order() -> None:
    """Have c7n build archives like this in this process, if c7n's code still fits."""
    from c7n import mu

    if problems := [problem for target in ARCHIVE if (problem := target.problem())]:
        log.warning("archives are not sorted, so functions may be deployed again: %s", "; ".join(problems))
        return
    mu.PythonPackageArchive.add_directory = add_directory
    mu.custodian_archive = custodian_archive


def custodian_archive(packages: Iterable[str] | None = None) -> Any:
    """c7n's `custodian_archive`: a new archive with c7n and `packages`."""
    from c7n import mu

    return mu.PythonPackageArchive(cache_file=_code(tuple(sorted({"c7n", *filter(None, packages or ())}))).path)


@functools.cache
def _code(packages: tuple[str, ...]) -> Any:
    from c7n import mu

    return mu.PythonPackageArchive(packages).close()


def add_directory(self: Any, path: str, ignore: Ignore = None) -> None:
    """c7n's `add_directory`, sorted by name: every file below `path` except compiled and C files."""
    for root, directories, files in os.walk(path):
        directories[:] = sorted(name for name in directories if name != "__pycache__")
        prefix = os.path.relpath(root, os.path.dirname(path))
        for name in sorted(files):
            place = os.path.join(prefix, name)
            if not (name.endswith((".pyc", ".c")) or (ignore and ignore(place))):
                self.add_file(os.path.join(root, name), place)
