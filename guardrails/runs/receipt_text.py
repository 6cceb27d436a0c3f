"""Receipts in text: a JSON list, one JSON object, JSON lines, a journal, lines of a log, and any of them gzipped.

A log line has its receipt after the name of the action: `… revert-ingress receipt {…}`, and a step of a fix in the
same way: `… revert-ingress journal {…}`. Our actions escape these words in all that they log, so a name that somebody
chose cannot begin a receipt in our lines. Lines of others can contain anything.
"""
from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from custom_actions.fixing import receipts_of

from .outputs import Unreadable, unpacked

_GZIP = b"\x1f\x8b"
_MARK = re.compile(r"(?:^|\s)[a-z0-9][a-z0-9-]* (?P<kind>receipt|journal) (?=\{)")
# How a line begins in CloudWatch: as Lambda's runtime writes it, or as custom_actions.lambda_entry does outside Lambda.
_LOGGED = re.compile(
    r"(?:\[[A-Z]+\]\t\S+\t\S*\t|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ custodian\.\S+ )?[a-z0-9][a-z0-9-]*\Z")
_LISTS = ("events", "receipts")
"""Keys of lists: the events in the response of FilterLogEvents, and the receipts in the report of a heal."""


@dataclass(frozen=True)
class TextReceipts:
    """The receipts in a text, and what could not be read."""

    receipts: tuple[dict[str, Any], ...]
    """With one for each fix that was begun and not completed. Not checked; see `custom_actions.fixing.problem`."""
    problems: tuple[str, ...] = ()


def parse_content(content: bytes, name: str) -> TextReceipts:
    """The receipts in the content of a file. It is unzipped if it begins like gzip, whatever its name is.

    `name` is for messages. Raises Unreadable if it is truncated, too large, or not UTF-8.
    """
    packed = content.startswith(_GZIP)
    plain = unpacked(content, f"{name.removesuffix('.gz')}.gz" if packed else name.removesuffix(".gz"))
    try:
        return parse_text(plain.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Unreadable(f"{name}: not UTF-8: {error.reason} at byte {error.start}") from None


def parse_text(text: str) -> TextReceipts:
    """The receipts in a text."""
    problems: list[str] = []
    try:
        entries = list(_entries(json.loads(text), problems))
    except (ValueError, RecursionError):
        entries = [entry for number, line in enumerate(text.split("\n"), 1)
                   for entry in _of_line(line, f"line {number}", problems)]
    return _read(entries, problems)


def parse_messages(messages: Iterable[str]) -> TextReceipts:
    """The receipts in the messages of a log group, where a receipt must follow the beginning of a log line."""
    problems: list[str] = []
    entries = [entry for message in messages for entry in _of_message(message, problems)]
    return _read(entries, problems)


def is_receipt_text(text: str) -> bool:
    """Whether an argument is a receipt or a log line itself, and not the name of something that contains it."""
    return text.lstrip().startswith(("{", "[{")) or _MARK.search(text) is not None


def _read(entries: Iterable[Mapping[str, Any]], problems: Iterable[str]) -> TextReceipts:
    return TextReceipts(tuple(receipts_of(entries)), tuple(problems))


def _entries(found: Any, problems: list[str]) -> Iterator[Mapping[str, Any]]:
    """The lines of a journal that a JSON value stands for; a receipt stands for the line that completes its fix."""
    if isinstance(found, list):
        for each in found:
            yield from _entries(each, problems) if isinstance(each, dict) else ()
    elif isinstance(found, dict):
        if any(name in found for name in ("begins", "refused")) or isinstance(found.get("receipt"), dict):
            yield found
        elif "inverse" in found or ("outcome" in found and "resource" in found):
            yield {"receipt": found}
        elif isinstance(message := found.get("message"), str):
            yield from _of_line(message, "a message", problems)
        else:
            for name in _LISTS:
                yield from _entries(found.get(name), problems)


def _of_line(line: str, where: str, problems: list[str]) -> Iterator[Mapping[str, Any]]:
    """What a line stands for. Other lines are skipped, also the last line of a journal if it was cut off."""
    stripped = line.strip()
    if stripped.startswith("{"):
        try:
            found = json.loads(stripped)
        except (ValueError, RecursionError):
            return
        yield from _entries(found, problems)
    elif (mark := _MARK.search(line)) is not None:
        yield from _marked(line[mark.end():], mark["kind"], where, problems)


def _of_message(message: str, problems: list[str]) -> Iterator[Mapping[str, Any]]:
    """What a message of a log group stands for; nothing if the receipt is not where our actions write it."""
    if message.lstrip().startswith("{"):
        try:
            # Lambda's log format JSON.
            message = json.loads(message)["message"]
        except (ValueError, RecursionError, LookupError, TypeError):
            return
    if isinstance(message, str) and (mark := _MARK.search(message)) is not None \
            and _LOGGED.match(message[:mark.start("kind") - 1]):
        yield from _marked(message[mark.end():], mark["kind"], "a log line", problems)


def _marked(text: str, kind: str, where: str, problems: list[str]) -> Iterator[Mapping[str, Any]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        # CloudWatch cuts a long line; a pasted one may be incomplete, too.
        problems.append(f"{where}: a {kind} that is cut off, or is not JSON")
        return
    yield {"receipt": found} if kind == "receipt" else found
