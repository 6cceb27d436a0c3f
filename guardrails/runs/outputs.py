"""The output of policies: where functions write it, and how it is read from a bucket or a directory.

c7n writes the files of a run to `PREFIX/POLICY/YYYY/MM/DD/HH/`. That path has neither the account nor the region, and
two runs in one hour mix: files that the second did not write are left from the first. So each function that we deploy
writes to a path with account, region, policy and time to the second:

    PREFIX/ACCOUNT/REGION/POLICY/YYYY/MM/DD/HHMMSS/{resources.json,metadata.json,custodian-run.log,action-…}.gz

The layout of c7n-org, with or without folders for the hour below the policy, can be read as well.
"""
from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from botocore.config import Config

from ..accounts import S3_SCHEME, S3Url, make_session
from ..errors import GuardrailsError
from ..inputfile import CannotRead, read_bytes
from ..limits import FILE_BYTES, OUTPUTS_READ
from ..policies import Policy, is_scheduled

# c7n holds the resources of a run in memory, so a function with some hundred megabytes writes less than this.
LARGEST_FILE = FILE_BYTES
"""Bytes, unpacked: a file may come from an account that we do not control, and must not fill our memory."""
_PAGE = 1000
_WHEN = "{now:%Y/%m/%d/%H%M%S}"
_RUN = re.compile(r"(\d{4})/(\d\d)/(\d\d)/(\d\d)(\d\d)?(\d\d)?(?:/|$)")


class Unreadable(Exception):
    """A file that exists but cannot be read; the message says why."""


_CLIENT = Config(
    connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 5},
    max_pool_connections=OUTPUTS_READ,
)


def with_output(policy: Policy, url: S3Url) -> Policy:
    """The policy, with an output path below `url` if it evaluates all resources on a schedule.

    Other policies are returned unchanged: the output of a function on one event says nothing about other resources.
    """
    if not is_scheduled(policy):
        return policy
    place = replace(url, prefix="/".join(filter(None, (url.prefix, "{account_id}/{region}", policy.name, _WHEN))))
    options = {**(policy.mode.get("execution-options") or {}), "output_dir": str(place)}
    return replace(policy, data={**policy.data, "mode": {**policy.mode, "execution-options": options}})


@dataclass(frozen=True)
class File:
    """One file of a run."""

    path: str
    """Relative to the top of the source, with slashes."""
    modified: datetime


class Source(Protocol):
    """A place with the output of many accounts."""

    @property
    def dated(self) -> bool:
        """Whether functions write to it on a schedule, so that the newest output may be too old."""

    def folders(self, under: str) -> list[str]:
        """The names of the folders directly under `under`; empty for the top."""

    def files(self, under: str, after: str = "") -> Iterator[File]:
        """Every file anywhere under `under` whose path relative to it sorts after `after`."""

    def read(self, path: str) -> bytes:
        """The unpacked content of a file. Raises Unreadable, or one of AWS_ERRORS."""


@dataclass(frozen=True)
class Bucket:
    """A prefix in an S3 bucket."""

    url: S3Url
    dated: bool = True

    def __str__(self) -> str:
        return str(replace(self.url, query=()))

    @cached_property
    def _client(self) -> Any:
        return make_session().client("s3", region_name=self.url.region, config=_CLIENT)

    def folders(self, under: str) -> list[str]:
        prefix = self._prefix(under)
        pages = self._pages(Prefix=prefix, Delimiter="/")
        return [found["Prefix"][len(prefix):-1] for page in pages for found in page.get("CommonPrefixes", ())]

    def files(self, under: str, after: str = "") -> Iterator[File]:
        prefix = self._prefix(under)
        start = {"StartAfter": prefix + after} if after else {}
        top = len(self._prefix(""))
        for page in self._pages(Prefix=prefix, **start):
            for found in page.get("Contents", ()):
                yield File(found["Key"][top:], found["LastModified"])

    def read(self, path: str) -> bytes:
        answer = self._client.get_object(Bucket=self.url.bucket, Key=self._prefix("") + path)
        with answer["Body"] as body:
            return unpacked(body.read(LARGEST_FILE + 1), path)

    def _pages(self, **query: Any) -> Iterable[dict[str, Any]]:
        pages: Iterable[dict[str, Any]] = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.url.bucket, PaginationConfig={"PageSize": _PAGE}, **query)
        return pages

    def _prefix(self, under: str) -> str:
        return "".join(f"{part}/" for part in (self.url.prefix, under) if part)


@dataclass(frozen=True)
class Directory:
    """A directory that `c7n-org run -s DIR` wrote, or a copy of a bucket."""

    path: Path
    dated: bool = False

    def __str__(self) -> str:
        return str(self.path)

    def folders(self, under: str) -> list[str]:
        try:
            return sorted(entry.name for entry in (self.path / under).iterdir() if entry.is_dir())
        except FileNotFoundError:
            return []

    def files(self, under: str, after: str = "") -> Iterator[File]:
        top = self.path / under
        for file in sorted(top.rglob("*")):
            if file.is_file() and file.relative_to(top).as_posix() > after:
                changed = datetime.fromtimestamp(file.stat().st_mtime, UTC)
                yield File(file.relative_to(self.path).as_posix(), changed)

    def read(self, path: str) -> bytes:
        try:
            return unpacked(read_bytes(self.path / path, LARGEST_FILE, pipes=False), path)
        except CannotRead as error:
            raise Unreadable(f"{path}: {error}") from None


def source_of(text: str) -> Bucket | Directory:
    """The source at an S3 URL or in a directory. Raises GuardrailsError for any other text."""
    if text.startswith(S3_SCHEME):
        return Bucket(S3Url.parse(text))
    path = Path(text)
    if not path.is_dir():
        raise GuardrailsError(
            f"{text}: no such directory", f"specify an output directory of c7n-org, or {S3_SCHEME}BUCKET/PREFIX")
    return Directory(path)


def unpacked(content: bytes, path: str) -> bytes:
    """The content of a file, unpacked if its name ends in .gz. Raises Unreadable if it is truncated or too large."""
    if not path.endswith(".gz"):
        plain, whole = content, True
    else:
        packed = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            plain = packed.decompress(content, LARGEST_FILE + 1)
        except zlib.error as error:
            raise Unreadable(f"{path}: {error}") from None
        whole = packed.eof or len(plain) > LARGEST_FILE
    if len(plain) > LARGEST_FILE:
        raise Unreadable(f"{path}: larger than {LARGEST_FILE // 1024 ** 2} MB")
    if not whole:
        raise Unreadable(f"{path}: the file is truncated")
    return plain


@dataclass(frozen=True)
class PolicyRun:
    """The files of one run of one policy."""

    place: str
    """The folder, relative to the top of the source."""
    when: datetime
    """When it ended, according to the folder's name and the files; never later than it really did."""
    files: dict[str, str]
    """File name without `.gz` to path, such as `resources.json`."""


def policy_runs(files: Iterable[File], under: str) -> list[PolicyRun]:
    """The runs to which the files in the folder `under` of one policy belong, the newest first."""
    found: dict[str, list[File]] = {}
    for file in files:
        found.setdefault(file.path.rpartition("/")[0], []).append(file)
    runs = [
        PolicyRun(place, _when(place[len(under):].strip("/"), max(file.modified for file in those)),
            {file.path.rpartition("/")[2].removesuffix(".gz"): file.path for file in those})
        for place, those in found.items()
    ]
    return sorted(runs, key=lambda run: (run.when, run.place), reverse=True)


def _when(name: str, modified: datetime) -> datetime:
    """The time of a run from the name of its folder, unless its files are older: a function's clock may be wrong."""
    match = _RUN.match(name)
    if match is None:
        return modified
    numbers = [int(number) for number in match.groups() if number is not None]
    try:
        named = datetime(*numbers, tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError:
        return modified
    # c7n's own layout has the hour only.
    return min(named + (timedelta(hours=1) if match[5] is None else timedelta()), modified)


def last_run(source: Source, under: str) -> PolicyRun | None:
    """The last run ever written under a policy's folder; needs a few listings, however many runs there are."""
    place = under
    while names := source.folders(place):
        place = f"{place}/{max(names)}"
    runs = policy_runs(source.files(place), under)
    return runs[0] if runs else None
