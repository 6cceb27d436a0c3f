"""Where the Parquet files are: a directory, or a prefix in S3, with Hive's partitions below it.

    findings/run_date=2026-11-29/run=7f3c9a4e/part-0.parquet

`run_date` is the partition for Athena, DuckDB and Spark. Each run has a directory of its own, so a run that is written
again replaces its own files and no others. The file in `runs` is written last: a run that has it is whole.
"""
from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ..accounts import AWS_ERRORS, S3_SCHEME, S3Url, reason_of
from ..errors import GuardrailsError

FILE = "part-0.parquet"
_RUN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEY = re.compile(r"(runs|checks|findings)/run_date=(\d{4}-\d{2}-\d{2})/run=([A-Za-z0-9_-]{1,64})/part-0\.parquet")
_DENIED = "the credentials need s3:ListBucket on the bucket, and s3:GetObject and s3:PutObject below the prefix"
_MAKE = "write runs there: guardrails audit --parquet"


def key_of(table: str, day: date, run: str) -> str:
    """The path of a file below the place. Raises GuardrailsError for a run whose id cannot be part of a path."""
    if not _RUN.fullmatch(run):
        raise GuardrailsError(f"{run!r}: not the id of a run", "run the audit again")
    return f"{table}/run_date={day.isoformat()}/run={run}/{FILE}"


def _wanted(key: str, since: date | None) -> str:
    """The table of a file that a query reads; empty for any other name, and for an earlier day."""
    match = _KEY.fullmatch(key)
    return match[1] if match and (since is None or match[2] >= since.isoformat()) else ""


@dataclass(frozen=True)
class ParquetDirectory:
    """A local directory."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def put(self, files: Mapping[str, Path]) -> None:
        """Copy the files, given by their keys, in their order. Raises GuardrailsError; each file is whole or absent."""
        for key, file in files.items():
            target = self.path / key
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
                os.close(handle)
                try:
                    shutil.copyfile(file, name)
                    os.replace(name, target)
                finally:
                    Path(name).unlink(missing_ok=True)
            except OSError as error:
                raise GuardrailsError(
                    f"{target}: {error.strerror or error}", "is the directory writable, and is the disk full?"
                ) from None

    @contextmanager
    def files(self, since: date | None) -> Iterator[Mapping[str, list[Path]]]:
        """Table to its files from `since` on; None for all. Raises GuardrailsError if there is no such directory."""
        if not self.path.is_dir():
            raise GuardrailsError(f"{self.path}: no such directory", _MAKE)
        found: dict[str, list[Path]] = {}
        for file in sorted(self.path.glob(f"*/run_date=*/run=*/{FILE}")):
            if table := _wanted(file.relative_to(self.path).as_posix(), since):
                found.setdefault(table, []).append(file.absolute())
        yield found


@dataclass(frozen=True)
class ParquetPrefix:
    """`s3://BUCKET/PREFIX`, with `?region=…` if the bucket is in another region."""

    url: S3Url

    def __str__(self) -> str:
        return str(self.url)

    def _key(self, key: str) -> str:
        return "/".join(filter(None, (self.url.prefix, key)))

    def put(self, files: Mapping[str, Path]) -> None:
        """Upload the files, given by their keys, in their order. Raises GuardrailsError if S3 refuses one."""
        client = self.url.client()
        for key, file in files.items():
            try:
                with open(file, "rb") as content:
                    client.put_object(Bucket=self.url.bucket, Key=self._key(key), Body=content)
            except AWS_ERRORS as error:
                raise GuardrailsError(f"{S3_SCHEME}{self.url.bucket}/{self._key(key)}: {reason_of(error)}",
                                      _DENIED) from None

    @contextmanager
    def files(self, since: date | None) -> Iterator[Mapping[str, list[Path]]]:
        """As in a directory: what is wanted is downloaded into a private one, which is removed after use."""
        with tempfile.TemporaryDirectory(prefix="guardrails-") as directory:
            found: dict[str, list[Path]] = {}
            client = self.url.client()
            try:
                for key in self._keys(client):
                    if table := _wanted(key, since):
                        found.setdefault(table, []).append(self._download(client, key, Path(directory)))
            except AWS_ERRORS as error:
                raise GuardrailsError(f"{self.url}: {reason_of(error)}", _DENIED) from None
            yield found

    def _keys(self, client: Any) -> Iterator[str]:
        top = f"{self.url.prefix}/" if self.url.prefix else ""
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=self.url.bucket, Prefix=top):
            yield from (each["Key"][len(top):] for each in page.get("Contents", ()))

    def _download(self, client: Any, key: str, directory: Path) -> Path:
        # The key matches the pattern, so it cannot lead out of the directory.
        file = directory / key
        file.parent.mkdir(parents=True)
        answer = client.get_object(Bucket=self.url.bucket, Key=self._key(key))
        with closing(answer["Body"]) as body, open(file, "wb") as copy:
            for part in body.iter_chunks(1 << 20):
                copy.write(part)
        return file


ParquetPlace = ParquetDirectory | ParquetPrefix


def parquet_place(text: str | Path) -> ParquetPlace:
    """The place: a directory, or `s3://BUCKET/PREFIX`. Raises GuardrailsError for an invalid URL."""
    if isinstance(text, str) and text.startswith(S3_SCHEME):
        url = S3Url.parse(text)
        if {name for name, _ in url.query} - {"region"}:
            raise GuardrailsError(f"{text}: not a place for Parquet files", "use s3://BUCKET/PREFIX, or add ?region=…")
        return ParquetPrefix(url)
    return ParquetDirectory(Path(text))
