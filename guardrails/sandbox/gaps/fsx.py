"""FSx: the settings of a file system of OpenZFS can be changed.

Source: FSx's UpdateFileSystem.
"""
from __future__ import annotations

import json
from typing import Any

from moto.fsx.exceptions import FileSystemNotFound
from moto.fsx.responses import FSxResponse


def apply() -> None:
    """Add the API. Once in a process."""
    setattr(FSxResponse, update_file_system.__name__, update_file_system)


def update_file_system(request: Any) -> str:
    """Change settings of a file system; those that are not in the request stay."""
    given = json.loads(request.body)
    system = request.fsx_backend.file_systems.get(given["FileSystemId"])
    if system is None:
        raise FileSystemNotFound(given["FileSystemId"])
    system.open_zfs_configuration = {
        **(system.open_zfs_configuration or {}), **(given.get("OpenZFSConfiguration") or {})} or None
    return json.dumps({"FileSystem": system.to_dict()})
