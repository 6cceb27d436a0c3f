"""Reads a file that somebody names: never more than a limit, and without waiting for a pipe that nobody writes to."""
from __future__ import annotations

import os
import stat
from pathlib import Path

_CHUNK = 1 << 20
_MEGABYTE = 1024**2


class CannotRead(Exception):
    """The file cannot be read; the text says why, without the file's name."""


class TooLarge(CannotRead):
    """The file is larger than the limit."""


def read_bytes(path: Path, limit: int, *, pipes: bool = True) -> bytes:
    """The content of a file, of at most `limit` bytes.

    A file is refused by its size before it is read. With `pipes`, it may also be a pipe, such as `<(command)` of a
    shell; then it is read until its writer closes it.

    Raises TooLarge, and CannotRead for anything else: a directory, no permission, a pipe without a writer.
    """
    try:
        # Without O_NONBLOCK, opening a pipe waits for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise CannotRead(error.strerror or str(error)) from None
    except ValueError as error:  # a null character in the name
        raise CannotRead(str(error)) from None
    try:
        return _content(descriptor, limit, pipes=pipes)
    except OSError as error:
        raise CannotRead(error.strerror or str(error)) from None
    finally:
        os.close(descriptor)


def _content(descriptor: int, limit: int, *, pipes: bool) -> bytes:
    found = os.fstat(descriptor)
    regular = stat.S_ISREG(found.st_mode)
    if stat.S_ISDIR(found.st_mode):
        raise CannotRead("a directory, not a file")
    if not regular and not pipes:
        raise CannotRead("not a file")
    if regular and found.st_size > limit:
        raise _too_large(limit)
    content = bytearray()
    while len(content) <= limit:
        try:
            more = os.read(descriptor, _CHUNK)
        except BlockingIOError:  # a pipe has a writer, which has not written yet
            os.set_blocking(descriptor, True)
            continue
        if not more:
            if stat.S_ISFIFO(found.st_mode) and not content:
                raise CannotRead("a pipe that nobody writes to")
            return bytes(content)
        content += more
    raise _too_large(limit)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"larger than {limit // _MEGABYTE} MB")
