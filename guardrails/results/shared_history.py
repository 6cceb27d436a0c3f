"""Where the history is: in a file, or in an object in S3 that the machines of a team or of CI share.

An object is downloaded, changed, and uploaded again on the condition that it has not changed since (S3's conditional
writes). If another run was faster, the same change is made to the new version. So no run is lost, without a lock.

Source: S3's guide, "Conditional requests": `If-Match` and `If-None-Match` of PutObject, answers 409, 412 and 404.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from botocore.exceptions import ClientError

from ..accounts import AWS_ERRORS, S3_SCHEME, S3Url, reason_of
from ..command import command
from ..errors import GuardrailsError
from .database import DatabaseLocked
from .history import History

_Result = TypeVar("_Result")
_ATTEMPTS = 10
_NAME = "history.db"
_MISSING = ("NoSuchKey", "404")
_CHANGED = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "409", "412", "404")
"""The codes with which S3 refuses a conditional write; NoSuchKey if the object was deleted meanwhile."""


@dataclass(frozen=True)
class HistoryFile:
    """A history in a local file."""

    path: Path

    def check(self) -> None:
        """Find out whether it can be used, and create nothing. Raises GuardrailsError.

        A file that another process still uses after a while is tried again after the work.
        """
        with suppress(DatabaseLocked):
            History.check(self.path)

    def update(self, change: Callable[[History], _Result]) -> _Result:
        """Make a change, and return its result. Raises GuardrailsError."""
        return change(History(self.path))

    @contextmanager
    def reading(self) -> Iterator[History]:
        """The history, which must exist, for reading. Raises GuardrailsError."""
        if not self.path.exists():
            raise _absent(self.path)
        yield History(self.path, write=False)


@dataclass(frozen=True)
class HistoryObject:
    """A history in S3: `s3://BUCKET/KEY`, with `?region=…` if the bucket is in another region."""

    url: S3Url

    @classmethod
    def parse(cls, text: str) -> HistoryObject:
        """Parse the URL. Raises GuardrailsError if it has no key, or settings other than the region."""
        url = S3Url.parse(text)
        if not url.prefix or {name for name, _ in url.query} - {"region"}:
            raise GuardrailsError(
                f"{text}: not an object in S3", f"use {S3_SCHEME}BUCKET/{_NAME}, or add ?region=REGION")
        return cls(url)

    def check(self) -> None:
        """Find out whether it can be read. Whether it can be written shows only when it is. Raises GuardrailsError."""
        with self._downloaded() as (file, version):
            if version:
                History(file)

    def update(self, change: Callable[[History], _Result]) -> _Result:
        """Make a change, and return its result.

        The change is made again when another run was faster, so it must allow that. Raises GuardrailsError; the history
        is then as it was.
        """
        for _ in range(_ATTEMPTS):
            with self._downloaded() as (file, version):
                result = change(History(file))
                if self._upload(file, version):
                    return result
        raise GuardrailsError(
            f"{self.url}: other runs changed it {_ATTEMPTS} times meanwhile", "add the run later: audit --resume")

    @contextmanager
    def reading(self) -> Iterator[History]:
        """The history, which must exist, for reading. Raises GuardrailsError."""
        with self._downloaded() as (file, version):
            if not version:
                raise _absent(self.url)
            yield History(file)

    @contextmanager
    def _downloaded(self) -> Iterator[tuple[Path, str]]:
        """The object as a private file, and its ETag; no file and an empty ETag if there is no object yet."""
        with TemporaryDirectory(prefix="guardrails-") as directory:
            file = Path(directory) / _NAME
            try:
                yield file, self._download(file)
            except GuardrailsError as error:
                # It names the copy, which nobody knows.
                raise GuardrailsError(error.problem.replace(str(file), str(self.url)), error.fix) from None

    def _download(self, file: Path) -> str:
        try:
            answer = self.url.client().get_object(Bucket=self.url.bucket, Key=self.url.prefix)
            with closing(answer["Body"]) as body, open(file, "wb") as copy:
                for part in body.iter_chunks(1 << 20):
                    copy.write(part)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return ""
            raise self._refused(error) from None
        except (*AWS_ERRORS, OSError) as error:
            raise self._refused(error) from None
        return str(answer["ETag"])

    def _upload(self, file: Path, version: str) -> bool:
        """Replace the version from which the file was made; False if it is no longer the current one."""
        condition = {"IfMatch": version} if version else {"IfNoneMatch": "*"}
        try:
            with open(file, "rb") as content:
                self.url.client().put_object(
                    Bucket=self.url.bucket, Key=self.url.prefix, Body=content, **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] in _CHANGED:
                return False
            raise self._refused(error) from None
        except (*AWS_ERRORS, OSError) as error:
            raise self._refused(error) from None
        return True

    def _refused(self, error: Exception) -> GuardrailsError:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else reason_of(error)
        return GuardrailsError(
            f"{self.url}: {why}", "the credentials need s3:GetObject and s3:PutObject on the object, and s3:ListBucket "
            "on the bucket, without which S3 does not tell a new history from a refusal")


def history_place(text: str | Path) -> HistoryFile | HistoryObject:
    """The place that --history names: a file, or `s3://BUCKET/KEY`. Raises GuardrailsError for an invalid URL."""
    if isinstance(text, str) and text.startswith(S3_SCHEME):
        return HistoryObject.parse(text)
    return HistoryFile(Path(text))


def absolute_history(text: str | Path) -> str:
    """The place with an absolute path, for a command that goes on in another directory."""
    place = history_place(text)
    return str(place.url) if isinstance(place, HistoryObject) else os.path.abspath(place.path)


def _absent(place: object) -> GuardrailsError:
    return GuardrailsError(
        f"{place}: the history file does not exist",
        f"run {command('audit')} to create one, or name another one with --history")
