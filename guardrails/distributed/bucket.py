"""The bucket of sweeps: which object has what, and how it is written once and read with a limit.

    nightly/question.yml, nightly/plan.db.gz          what the nightly sweep asks
    history.db                                        the history of the nightly sweeps
    runs/RUN/question.yml                             policies, accounts and exceptions: what a worker needs
    runs/RUN/plan.db.gz                               the run's file without results
    runs/RUN/shards-ATTEMPT.json                      the shards, which the Distributed Map reads
    runs/RUN/shards/SHARD/ATTEMPT.db.gz               the results of one shard
    runs/RUN/results/ATTEMPT/…                        how each shard's execution ended, written by the Distributed Map
    runs/RUN/ATTEMPT/run.db.gz                        the merged run
    runs/RUN/report/…                                 its reports

S3 shows an object when it is complete, or not at all. What a worker writes is created with `If-None-Match: *`, so a
shard that runs twice has one result, the first.

Source: S3's guide, "Conditional requests" and "Amazon S3 data consistency model".
"""
from __future__ import annotations

import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from gzip import GzipFile
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from ..accounts import AWS_ERRORS, make_session, reason_of
from ..errors import GuardrailsError
from ..limits import OUTPUTS_READ

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{7,79}")
"""What the id of a run may look like: it is part of keys."""
NIGHTLY = "nightly"
HISTORY = "history.db"
LARGEST_TEXT = 64 * 1024 ** 2
"""Bytes of a question or a list of shards: 10,000 accounts with 500 policies need about 6 MB."""
LARGEST_DATABASE = 8 * 1024 ** 3
"""Bytes, unpacked, of a run's file: less than a function's /tmp has at most."""
_CLIENT = Config(
    connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 8},
    max_pool_connections=OUTPUTS_READ)
_MISSING = ("NoSuchKey", "404")
_EXISTS = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
_PART = 1 << 20


class NoSuchObject(GuardrailsError):
    """The object does not exist."""


@dataclass(frozen=True)
class SweepBucket:
    """A bucket of a stack of sweeps."""

    name: str
    region: str | None = None

    @cached_property
    def _client(self) -> Any:
        return make_session().client("s3", region_name=self.region, config=_CLIENT)

    def read(self, key: str, limit: int = LARGEST_TEXT) -> bytes:
        """The object's content. Raises NoSuchObject, or GuardrailsError if it is larger than `limit` or refused."""
        with closing(self._get(key)["Body"]) as body:
            try:
                content: bytes = body.read(limit + 1)
            except AWS_ERRORS as error:
                raise self._refused(key, "s3:GetObject", error) from None
        if len(content) > limit:
            raise GuardrailsError(f"{self._url(key)}: larger than {limit} bytes", "it was not written by guardrails")
        return content

    def download(self, key: str, path: Path, limit: int = LARGEST_DATABASE) -> None:
        """Unpack a gzipped object into a new file. Raises as `read` does, and for one that is damaged."""
        left, unpacker = limit, zlib.decompressobj(zlib.MAX_WBITS | 16)
        with closing(self._get(key)["Body"]) as body, open(path, "xb") as file:
            try:
                for part in body.iter_chunks(_PART):
                    while part:
                        plain = unpacker.decompress(part, _PART)
                        left -= file.write(plain)
                        part = unpacker.unconsumed_tail
                        if left < 0:
                            raise GuardrailsError(
                                f"{self._url(key)}: larger than {limit} bytes", "it was not written by guardrails")
            except AWS_ERRORS as error:
                raise self._refused(key, "s3:GetObject", error) from None
            except zlib.error as error:
                raise GuardrailsError(f"{self._url(key)}: {error}", "the object is damaged") from None
        if not unpacker.eof:
            raise GuardrailsError(f"{self._url(key)}: the file is truncated", "the object is damaged")

    def write(self, key: str, content: bytes) -> None:
        """Write the object, whether or not it exists. Raises GuardrailsError."""
        self._put(key, content)

    def create(self, key: str, content: bytes) -> bool:
        """Write the object unless it exists; returns whether it was written. Raises GuardrailsError."""
        return self._put(key, content, IfNoneMatch="*")

    def upload(self, path: Path, key: str, *, new: bool = True) -> bool:
        """Write a file, gzipped; with `new` unless the object exists. Returns whether it was written."""
        with tempfile.TemporaryFile() as packed:
            with GzipFile(filename="", mode="wb", fileobj=packed, mtime=0, compresslevel=6) as writer, \
                    open(path, "rb") as file:
                shutil.copyfileobj(file, writer, _PART)
            packed.seek(0)
            return self._put(key, packed, **({"IfNoneMatch": "*"} if new else {}))

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, in their order. Raises GuardrailsError."""
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                yield from (each["Key"] for each in page.get("Contents", ()))
        except AWS_ERRORS as error:
            raise self._refused(prefix, "s3:ListBucket", error) from None

    def exists(self, key: str) -> bool:
        """Whether the object exists. Raises GuardrailsError; also if listing is denied, which would hide the answer."""
        return any(each == key for each in self.keys(key))

    def _get(self, key: str) -> Any:
        try:
            return self._client.get_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise NoSuchObject(f"{self._url(key)}: no such object", "it was not written, or has expired") from None
            raise self._refused(key, "s3:GetObject", error) from None
        except AWS_ERRORS as error:
            raise self._refused(key, "s3:GetObject", error) from None

    def _put(self, key: str, content: Any, **condition: str) -> bool:
        try:
            self._client.put_object(Bucket=self.name, Key=key, Body=content, **condition)
        except ClientError as error:
            if condition and error.response["Error"]["Code"] in _EXISTS:
                return False
            raise self._refused(key, "s3:PutObject", error) from None
        except AWS_ERRORS as error:
            raise self._refused(key, "s3:PutObject", error) from None
        return True

    def _refused(self, key: str, action: str, error: Exception) -> GuardrailsError:
        return GuardrailsError(f"{self._url(key)}: {reason_of(error)}", f"the credentials need {action} there")

    def _url(self, key: str) -> str:
        return f"s3://{self.name}/{key}"


@dataclass(frozen=True)
class RunPlace:
    """Where one run is."""

    bucket: SweepBucket
    run: str

    def __post_init__(self) -> None:
        if not RUN_ID.fullmatch(self.run):
            raise GuardrailsError(f"not the id of a run: {self.run!r}", "an id has 8 to 80 letters, digits and dashes")

    def key(self, name: str) -> str:
        """The key of one of the run's objects."""
        return f"runs/{self.run}/{name}"

    @property
    def question(self) -> str:
        return self.key("question.yml")

    @property
    def plan(self) -> str:
        return self.key("plan.db.gz")

    def shards(self, attempt: int) -> str:
        """The key of an attempt's list of shards."""
        return self.key(f"shards-{attempt}.json")

    def shard(self, shard: str, attempt: int) -> str:
        """The key of a shard's results. It does not depend on who runs the shard, or when."""
        return self.key(f"shards/{shard}/{attempt}.db.gz")

    def results(self, attempt: int) -> str:
        """The prefix under which the Distributed Map writes how each shard's execution ended."""
        return self.key(f"results/{attempt}")

    def merged(self, attempt: int) -> str:
        """The key of the merged run."""
        return self.key(f"{attempt}/run.db.gz")

    def report(self, name: str) -> str:
        """The key of a report's file."""
        return self.key(f"report/{name}")

    def written_shards(self) -> dict[str, int]:
        """Shard id to the last attempt that has results of it. Raises GuardrailsError."""
        found: dict[str, int] = {}
        prefix = self.key("shards/")
        for key in self.bucket.keys(prefix):
            shard, _, name = key.removeprefix(prefix).partition("/")
            number = name.removesuffix(".db.gz")
            if number.isdigit():
                found[shard] = max(found.get(shard, 0), int(number))
        return found
