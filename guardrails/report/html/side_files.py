"""The files beside a large page: what is needed only of the findings that are on the screen.

A page that was opened from a disk cannot fetch files, but it can load scripts. So each file is a script with one call
and one string, which the page parses as JSON: nothing in it is read as code. The page names the digest of each file and
takes no other, such as one that an earlier report has left.
"""
from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from ...errors import GuardrailsError
from ..formats.files import not_written

_NAME = re.compile(r"findings-\d{4,}\.js")
_DIGITS = 32


def directory_of(page: Path) -> Path:
    """The directory beside a page: `report_files` of `report.html`."""
    return page.with_name(f"{page.stem}_files")


def side_files(page: Path) -> list[Path]:
    """The files beside a page that a report has written, in their order."""
    directory = directory_of(page)
    if directory.is_symlink() or not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if _NAME.fullmatch(path.name) and path.is_file())


class SideFiles:
    """The files of one page, while they are written."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self.name = name
        """The directory's name, as the page refers to it."""
        self.digests: list[str] = []
        """The digest of each file."""

    def add(self, value: Any) -> None:
        """Write the next file. Raises GuardrailsError when it cannot be written."""
        number = len(self.digests)
        # ASCII without < > &, so neither a script nor a page can be ended by it.
        text = json.dumps(value, default=str, separators=(",", ":"))
        digest = sha256(text.encode()).hexdigest()[:_DIGITS]
        path = self._directory / f"findings-{number:04}.js"
        try:
            path.write_text(f'guardrailsFindings({number},"{digest}",{json.dumps(text)});\n', encoding="ascii")
        except OSError as error:
            raise not_written(path, error) from None
        self.digests.append(digest)


@contextmanager
def writing(page: Path, *, wanted: bool) -> Iterator[SideFiles | None]:
    """The files beside `page`, in a directory that gets its name when the block ends without error.

    Those of an earlier report are replaced; without `wanted`, they are removed. Other files there are left alone.
    Raises GuardrailsError when the directory cannot be written, or holds other files.
    """
    final = directory_of(page)
    if not wanted:
        yield None
        _remove(page)
        return
    try:
        new = Path(tempfile.mkdtemp(dir=page.parent, prefix=f".{final.name}."))
    except OSError as error:
        raise not_written(final, error) from None
    try:
        yield SideFiles(new, final.name)
        _remove(page)
        try:
            umask = os.umask(0)
            os.umask(umask)
            new.chmod(0o777 & ~umask)
            new.rename(final)
        except OSError as error:
            raise GuardrailsError(
                f"{final}: {error.strerror or error}", "the report needs this name for its own directory") from None
    except BaseException:
        for path in new.glob("findings-*.js"):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            new.rmdir()
        raise


def _remove(page: Path) -> None:
    for path in side_files(page):
        path.unlink(missing_ok=True)
    with suppress(OSError):  # there is none, or it holds files of others
        directory_of(page).rmdir()
