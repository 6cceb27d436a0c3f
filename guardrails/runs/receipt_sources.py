"""Where receipts are: run directories, files, standard input, S3, the logs of functions, and text of the user's own.

Each receipt keeps the name of its source. Receipts of one fix that are in several files of a run are one receipt.
"""
from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from custom_actions.fixing import JOURNAL, Outcome, in_other_regions, order_of, printable, problem

from ..accounts import AWS_ERRORS, S3_SCHEME, Account, S3Url, reason_of
from ..errors import GuardrailsError
from ..inputfile import CannotRead, read_bytes
from ..paths import output_root
from .outputs import LARGEST_FILE, Bucket, Directory, Unreadable
from .receipt_logs import GROUP, LOG_GROUP, read_logs
from .receipt_text import TextReceipts, is_receipt_text, parse_content, parse_text
from .rollback_journal import receipt_id

STDIN, LOGS = "-", "logs"
LOG_DAYS = 7
"""How many days of logs are read, unless the user says since when."""
HINT = ("receipts are what our actions write: action-revert-... and fixes.jsonl next to resources.json, the "
        "receipts.json of heal and rollback, and log lines with `receipt {...}`")
_RUNS = re.compile(r"(?:heal|rollback)-(\d{8}T\d{6}Z)(?:-(\d+))?")
"""The directories of runs: the time, and a number if several began in one second (paths.output_path)."""
_REPORT = "receipts.json"
_FILE = re.compile(r"(?:receipts\.json|" + re.escape(JOURNAL) + r"|action-[^/]+?)(?:\.gz)?")
_PLACE = re.compile(r"(?:^|/)(\d{12})/([a-z]{2,4}(?:-[a-z]+)+-\d)/")


@dataclass(frozen=True)
class SourcedReceipt:
    """A receipt, and where it is from."""

    receipt: Mapping[str, Any]
    where: str
    """The file, the object in S3 or the log group."""
    number: int
    """Its position there, counted from 1."""
    doubts: tuple[str, ...] = ()
    """Why it may be forged: it does not agree with its source, or another receipt has its id."""

    @cached_property
    def key(self) -> str:
        """Identifies its content; its key in the journal of rollbacks."""
        return receipt_id(self.receipt)

    @property
    def id(self) -> str:
        """The id in the receipt; for a receipt of an earlier version, made from its content."""
        given = self.receipt.get("id") if isinstance(self.receipt, Mapping) else None
        return given if isinstance(given, str) and given else f"old-{self.key[:16]}"

    @property
    def name(self) -> str:
        """Its name in messages: source, position and resource."""
        resource = self.receipt.get("resource") if isinstance(self.receipt, Mapping) else None
        return printable(f"{self.where}: receipt {self.number}" + (f" ({resource})" if resource else ""))

    @property
    def in_log(self) -> bool:
        """Whether it is from the log of a function."""
        return self.where.startswith(LOG_GROUP)

    @property
    def target(self) -> tuple[str, ...]:
        """The resource that the fix changed; receipts of the same resource depend on each other."""
        return tuple(self.receipt[name] for name in ("account", "region", "resource_type", "resource"))

    @cached_property
    def problem(self) -> str:
        """Why it cannot be rolled back; empty if it can."""
        return problem(self.receipt)


@dataclass(frozen=True)
class ReceiptFilter:
    """Which receipts are selected. Empty fields select all; texts are globs."""

    accounts: Sequence[str] = ()
    regions: Sequence[str] = ()
    policies: Sequence[str] = ()
    resources: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    since: datetime | None = None

    def takes(self, source: SourcedReceipt) -> bool:
        """Whether the receipt is selected. One that is invalid is selected if nothing in it says otherwise."""
        receipt = source.receipt
        wanted = {"account": self.accounts, "region": self.regions, "policy": self.policies,
                  "resource": self.resources, "outcome": self.outcomes}
        for name, globs in wanted.items():
            if globs and not any(fnmatchcase(str(receipt.get(name, "")), each) for each in globs):
                return False
        return self.since is None or bool(source.problem) or order_of(receipt) >= self.since.timestamp() * 1_000_000


@dataclass(frozen=True)
class FoundReceipts:
    """The receipts of some sources, in the order of their fixes."""

    receipts: tuple[SourcedReceipt, ...] = ()
    sources: tuple[str, ...] = ()
    """What was read."""
    unread: tuple[str, ...] = ()
    """What could not be read, and why."""

    def only(self, chosen: ReceiptFilter) -> FoundReceipts:
        """Those that the filter selects."""
        return replace(self, receipts=tuple(each for each in self.receipts if chosen.takes(each)))


@dataclass(frozen=True)
class ReceiptRequest:
    """Where to look for receipts.

    Attributes:
        sources: `-`, `logs`, `/aws/lambda/NAME`, `s3://…`, directories, files, and receipts or log lines themselves.
        since: logs and objects in S3 that are older are not read; by default LOG_DAYS days of logs.
        accounts: returns the accounts whose logs are read; called only if logs are a source.
    """

    sources: Sequence[str]
    since: datetime | None = None
    accounts: Callable[[], Iterable[Account]] = field(default=tuple)

    def find(self) -> FoundReceipts:
        """Read the sources. Raises GuardrailsError for one that does not exist or has no receipts to offer."""
        found: list[SourcedReceipt] = []
        unread: list[str] = []
        for source in self.sources:
            for where, read, doubts in self._read(source):
                if isinstance(read, str):
                    unread.append(printable(f"{where}: {read}"))
                    continue
                unread += [printable(f"{where}: {each}") for each in read.problems]
                found += [
                    SourcedReceipt(receipt, where, number, (doubt,) if doubt else ())
                    for number, (receipt, doubt) in enumerate(
                        zip(read.receipts, doubts or [""] * len(read.receipts), strict=True), 1)]
        return FoundReceipts(tuple(_ordered(_unique(found))), tuple(map(_shown, self.sources)), tuple(unread))

    def _read(self, source: str) -> Iterator[tuple[str, TextReceipts | str, list[str]]]:
        """Each file or log of a source: its name, its receipts or why it cannot be read, and doubts about each."""
        if source == LOGS or source.startswith(GROUP):
            since = self.since or datetime.now(UTC) - timedelta(days=LOG_DAYS)
            places = list(read_logs(self.accounts(), "" if source == LOGS else source, since))
            if not places:
                raise GuardrailsError(
                    f"{source}: there is no such log group", "check its name, the region (-r) and the account (-c)")
            yield from places
        elif source.startswith(S3_SCHEME):
            yield from _in_bucket(S3Url.parse(source), self.since)
        elif source == STDIN:
            yield "standard input", _explicit(sys.stdin.buffer.read(LARGEST_FILE + 1), "standard input"), []
        elif is_receipt_text(source):
            read = parse_text(source)
            if not read.receipts:
                raise GuardrailsError(
                    printable(f"a receipt that is cut off, or is not one: {source[:60]}…"),
                    f"paste the whole line, in single quotes. {HINT}")
            yield "the command line", read, []
        elif Path(source).is_dir():
            yield from _in_directory(Path(source))
        else:
            yield source, _explicit(_content(Path(source)), source), []


def is_source(text: str) -> bool:
    """Whether an argument names a source, or is a receipt itself; if not, it can be the id of a receipt."""
    return text in (STDIN, LOGS) or text.startswith((GROUP, S3_SCHEME)) or is_receipt_text(text) or "/" in text \
        or Path(text).exists()


def read_receipts(files: Iterable[Path]) -> list[SourcedReceipt]:
    """The receipts in files and run directories, in the order of their fixes.

    Raises GuardrailsError for a file that does not exist or has no receipts, and if a file cannot be read completely.
    """
    found = ReceiptRequest([str(file) for file in files]).find()
    refuse_unread(found)
    return list(found.receipts)


def refuse_unread(found: FoundReceipts) -> None:
    """Raise GuardrailsError if something could not be read: a receipt that is missed is a change that stays."""
    if found.unread:
        raise GuardrailsError(
            "no call was made: not everything could be read:\n" + "\n".join(found.unread),
            "name the files that can be read, or the receipts by id")


def default_sources(*, every: bool = False) -> list[str]:
    """The newest run of heal or rollback below output/; with `every`, all of them, the newest first."""
    root = output_root()
    runs = sorted(
        ((match[1], int(match[2] or 1), str(path)) for path in (root.iterdir() if root.is_dir() else ())
         if (match := _RUNS.fullmatch(path.name)) and path.is_dir()), reverse=True)
    if not runs:
        raise GuardrailsError(
            f"there is no run of heal or rollback below {output_root()}/",
            "name a source: a run directory, a file, s3://BUCKET/PREFIX, `logs` for the logs of deployed functions, or "
            "- for standard input")
    return [path for _, _, path in runs[:None if every else 1]]


def _shown(source: str) -> str:
    return "the command line" if is_receipt_text(source) else printable(source)


def _content(file: Path) -> bytes:
    try:
        return read_bytes(file, LARGEST_FILE)
    except CannotRead as error:
        raise GuardrailsError(printable(f"{file}: cannot be read: {error}"), HINT) from None


def _explicit(content: bytes, name: str) -> TextReceipts:
    """The receipts in a file that the user named, so it must have some. An empty list is a heal without fixes."""
    try:
        found = parse_content(content, name)
    except Unreadable as error:
        raise GuardrailsError(printable(str(error)), HINT) from None
    if not found.receipts and not found.problems and content.strip() != b"[]":
        raise GuardrailsError(printable(f"{name}: has no receipts"), HINT)
    return found


def _in_directory(directory: Path) -> Iterator[tuple[str, TextReceipts | str, list[str]]]:
    for file in sorted(directory.rglob("*")):
        if _FILE.fullmatch(file.name) and not file.is_dir():
            path = file.relative_to(directory).as_posix()
            yield str(file), _parsed(partial(Directory(directory).read, path), str(file)), []


def _in_bucket(url: S3Url, since: datetime | None) -> Iterator[tuple[str, TextReceipts | str, list[str]]]:
    """The receipts below a prefix, or in one object. Objects that were written before `since` are not read."""
    bucket = Bucket(url)
    try:
        paths = [file.path for file in bucket.files("") if since is None or file.modified >= since]
        if not paths and _FILE.fullmatch(url.prefix.rpartition("/")[2]):
            bucket = Bucket(replace(url, prefix=url.prefix.rpartition("/")[0]))
            paths = [url.prefix.rpartition("/")[2]]
    except AWS_ERRORS as error:
        raise GuardrailsError(f"{bucket}: {reason_of(error)}", "allow s3:ListBucket and s3:GetObject") from None
    for path in paths:
        if not _FILE.fullmatch(path.rpartition("/")[2]):
            continue
        where = f"{bucket}/{path}"
        read = _parsed(partial(bucket.read, path), where)
        place = _PLACE.search(where.removeprefix(f"{S3_SCHEME}{url.bucket}"))
        doubts = [] if isinstance(read, str) else [_disagreement(each, place) for each in read.receipts]
        yield where, read, doubts


def _disagreement(receipt: Mapping[str, Any], place: re.Match[str] | None) -> str:
    """How a receipt differs from the folder of its account and region; the bucket's policy says who may write there."""
    if place is None:
        return ""
    account, region = place.groups()
    if str(receipt.get("account")) != account:
        return f"it is of account {receipt.get('account')}, but in the folder of account {account}"
    if str(receipt.get("region")) != region and not in_other_regions(receipt):
        return f"it is of the region {receipt.get('region')}, but in the folder of {region}"
    return ""


def _parsed(read: Callable[[], bytes], name: str) -> TextReceipts | str:
    try:
        content = read()
        found = parse_content(content, name)
        return found if found.receipts or found.problems else _damage(content, name) or found
    except Unreadable as error:
        return str(error).removeprefix(f"{name}: ")
    except AWS_ERRORS as error:
        return reason_of(error)


def _damage(content: bytes, name: str) -> str:
    """Why a file of a run without any receipt is damaged; empty if it is whole. Journals may end anywhere."""
    file = name.rpartition("/")[2].removesuffix(".gz")
    if file == JOURNAL:
        return ""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    entries = data if isinstance(data, list) else [data]
    if file == _REPORT and not all(isinstance(each, dict) for each in entries):
        return "its content is not receipts"
    return ""


def _unique(found: Iterable[SourcedReceipt]) -> list[SourcedReceipt]:
    """One receipt for each fix. If a fix was completed, its steps alone are not a receipt."""
    by_id: dict[str, dict[str, SourcedReceipt]] = {}
    for each in found:
        same = by_id.setdefault(each.id, {})
        if each.key not in same or (same[each.key].doubts and not each.doubts):
            same[each.key] = each
    result: list[SourcedReceipt] = []
    for name, same in by_id.items():
        several = list(same.values())
        completed = [each for each in several if each.receipt.get("outcome") != Outcome.INTERRUPTED]
        if not completed:
            # One of them may be of a log that was not read from the fix's first step on.
            result.append(max(several, key=lambda each: len(str(each.receipt.get("inverse")))))
            continue
        doubt = (f"{len(completed)} different receipts have the id {name}",) if len(completed) > 1 else ()
        result += [replace(each, doubts=(*each.doubts, *doubt)) for each in completed]
    return result


def _ordered(found: Iterable[SourcedReceipt]) -> list[SourcedReceipt]:
    """In the order of the fixes; those of earlier versions that have the same second in the order of their file."""
    return sorted(found, key=lambda each: 0 if each.problem else order_of(each.receipt))
