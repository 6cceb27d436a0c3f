"""Makes the archive of a policy identical on every machine.

c7n compares the checksum of a function's archive with Lambda's, and updates the function if they differ. It adds files
in the order of the file system, which differs between checkouts of the same commit, so every CI machine would deploy
everything again. Here the files are sorted by name. c7n already sets constant dates and permissions.
"""
from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from typing import Any

from c7n.policy import LambdaMode

from .seam import ARCHIVE

log = logging.getLogger("custodian.guardrails.patches")
Ignore = Callable[[str], bool] | None


def install() -> None:
    """Make c7n sort the files of archives when it deploys. Calling it again has no effect. No cost in a function."""
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
    """Make c7n sort the files of archives in this process, if c7n's code still fits."""
    from c7n import mu

    if problems := [problem for target in ARCHIVE if (problem := target.problem())]:
        log.warning("archives are not sorted, so functions may be deployed again: %s", "; ".join(problems))
        return
    mu.PythonPackageArchive.add_directory = add_directory


def add_directory(self: Any, path: str, ignore: Ignore = None) -> None:
    """c7n's `add_directory`, sorted by name: every file below `path` except compiled and C files."""
    for root, directories, files in os.walk(path):
        directories[:] = sorted(name for name in directories if name != "__pycache__")
        prefix = os.path.relpath(root, os.path.dirname(path))
        for name in sorted(files):
            place = os.path.join(prefix, name)
            if not (name.endswith((".pyc", ".c")) or (ignore and ignore(place))):
                self.add_file(os.path.join(root, name), place)
