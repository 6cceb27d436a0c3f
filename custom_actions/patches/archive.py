"""One archive for one policy, wherever it is built.

c7n compares the checksum of a function's archive with the one that Lambda holds, and updates the function when they
differ. It adds files in the order in which the file system lists them, which another checkout of the same commit does
not share: each machine of a CI would deploy everything anew. So the files go in by name. Dates and permissions are
c7n's own constants already.
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
    """Have c7n build archives in order when it deploys; doing it again changes nothing. Costs a function nothing."""
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
    """Have c7n's archives of this process hold their files by name, where c7n still adds them as it did."""
    from c7n import mu

    if problems := [problem for target in ARCHIVE if (problem := target.problem())]:
        log.warning("archives are built in the file system's order: %s", "; ".join(problems))
        return
    mu.PythonPackageArchive.add_directory = add_directory


def add_directory(self: Any, path: str, ignore: Ignore = None) -> None:
    """c7n's `add_directory`, but by name: every file below `path` that is neither compiled nor C."""
    for root, directories, files in os.walk(path):
        directories[:] = sorted(name for name in directories if name != "__pycache__")
        prefix = os.path.relpath(root, os.path.dirname(path))
        for name in sorted(files):
            place = os.path.join(prefix, name)
            if not (name.endswith((".pyc", ".c")) or (ignore and ignore(place))):
                self.add_file(os.path.join(root, name), place)
