"""Two checkouts of one commit build one archive, in whatever order their file systems list the files."""
from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from c7n import mu

from custom_actions.patches.archive import in_order

FILES = ("b.py", "a.py", "data.json", "under/z.py", "under/y.py", "__pycache__/a.pyc", "x.pyc", "y.c")


def checksum(directory: Path) -> tuple[str, list[str]]:
    archive = mu.PythonPackageArchive()
    archive.add_directory(str(directory))
    return archive.close().get_checksum(), archive.get_filenames()


def test_the_order_of_a_directory_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_order()
    for name in FILES:
        (tmp_path / "package" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "package" / name).write_text(name)
    one, names = checksum(tmp_path / "package")
    assert sorted(names) == ["package/a.py", "package/b.py", "package/data.json", "package/under/y.py",
                             "package/under/z.py"]
    walk = os.walk

    def backwards(*args: Any, **kwargs: Any) -> Iterator[tuple[str, list[str], list[str]]]:
        for root, directories, files in walk(*args, **kwargs):
            directories.sort(reverse=True)
            yield root, directories, sorted(files, reverse=True)

    monkeypatch.setattr(os, "walk", backwards)
    assert checksum(tmp_path / "package") == (one, names)


def test_an_archive_that_is_copied_is_the_one_that_c7n_would_make() -> None:
    in_order()
    made = mu.PythonPackageArchive(["c7n", "custom_actions"])
    copies = [mu.custodian_archive(packages=["custom_actions"]) for _ in range(2)]
    assert copies[0].path != copies[1].path
    for archive in (made, copies[0]):
        archive.add_contents("config.json", "{}")
    assert made.close().get_bytes() == copies[0].close().get_bytes()
    assert "config.json" not in copies[1].close().get_filenames()
    assert not any(name.startswith("custom_actions/") for name in mu.custodian_archive().close().get_filenames())
