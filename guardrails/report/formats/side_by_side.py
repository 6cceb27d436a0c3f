"""Writes the files of a report side by side: one pass over the run's findings in each process, a process for each core.

The work of a large report is to encode text, which one process of Python does on one core. So its files are shared out
among as many processes as there are cores. Each of them reads the findings once, for all of its files. A small report
is written by this process alone, and so is one where a process cannot be forked safely: while other threads run, and
outside Linux.
"""
from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TextIO, TypeAlias

from ...assessment import Assessment
from ...errors import GuardrailsError
from .files import not_written, whole
from .rows import ReportRow, ReportRows, RowReader

Pieces: TypeAlias = Callable[[Assessment, Iterable[ReportRow]], Iterator[str]]
PROCESSES_FROM = 5_000
"""Findings from which a report is written by more than one process."""
_BLOCK = 500
"""Rows that a file takes before the next one goes on."""


@dataclass(frozen=True)
class ReportFile:
    """A file of a report."""

    path: Path
    pieces: Pieces
    """Makes its text."""
    weight: int
    """How much work it is, compared with others: only those with a weight are worth a process of their own."""


def write_files(files: Sequence[ReportFile], assessment: Assessment) -> None:
    """Write the files, each completely or not at all.

    Raises GuardrailsError for a file that cannot be written; files that are not finished then are not written either.
    """
    shares = _shares(files, _processes(assessment))
    if len(shares) < 2:
        _write_share(files, assessment)
        return
    _prepare(assessment)
    fork = multiprocessing.get_context("fork")
    started = []
    for share in shares[1:]:
        ours, theirs = fork.Pipe(duplex=False)
        process = fork.Process(target=_in_process, args=(share, assessment, theirs))
        process.start()
        theirs.close()
        started.append((process, ours))
    try:
        _write_share(shares[0], assessment)
        for process, ours in started:
            _raise_from(ours)
            process.join()
    finally:
        for process, ours in started:
            process.terminate()  # after Ctrl-C, and when another one has failed; it removes what it has begun
            process.join()
            ours.close()


def _processes(assessment: Assessment) -> int:
    """How many processes write this report."""
    if sys.platform != "linux" or threading.active_count() > 1:
        return 1
    [(number,)] = assessment.store.rows("select count(*) from findings")
    return 1 if number < PROCESSES_FROM else len(os.sched_getaffinity(0))


def _shares(files: Sequence[ReportFile], number: int) -> list[list[ReportFile]]:
    """The files in at most `number` shares of about the same work, none of them without a file that has a weight."""
    heavy = [file for file in files if file.weight]
    shares: list[list[ReportFile]] = [[] for _ in range(max(1, min(number, len(heavy))))]
    for file in sorted(files, key=lambda file: -file.weight):
        min(shares, key=lambda share: sum(one.weight for one in share)).append(file)
    return shares


def _prepare(assessment: Assessment) -> None:
    """Compute what several formats show, so that no process does it again."""
    _ = assessment.frameworks, assessment.by_policy, assessment.fixed_and_passed


def _in_process(files: Sequence[ReportFile], assessment: Assessment, result: Connection) -> None:
    """Write the files in a process of their own, on its own connection: SQLite's cannot be used after a fork."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what it has begun is removed
    failed: list[str] = []
    try:
        with assessment.store.again() as store:
            _write_share(files, assessment.reading(store))
    except GuardrailsError as error:
        failed = [error.problem, error.fix]
    except KeyboardInterrupt:  # the process that started this one has it, too, and reports it
        sys.exit(1)
    result.send(failed)


def _raise_from(result: Connection) -> None:
    """Wait until a process has ended. Raises GuardrailsError if it failed."""
    try:
        failed = result.recv()
    except EOFError:
        raise GuardrailsError(
            "a process that wrote report files ended unexpectedly", "write the report again; is there enough memory?",
        ) from None
    if failed:
        raise GuardrailsError(*failed)


@dataclass
class _OpenFile:
    """A file that is being written."""

    path: Path
    stream: TextIO
    reader: RowReader
    pieces: Iterator[str]

    def go_on(self, until: int) -> bool:
        """Write until this many rows are read; returns whether there is more."""
        for piece in self.pieces:
            try:
                self.stream.write(piece)
            except OSError as error:
                raise not_written(self.path, error) from None
            if self.reader.position >= until:
                return True
        return False


def _write_share(files: Sequence[ReportFile], assessment: Assessment) -> None:
    """Write the files from one pass over the findings."""
    with ExitStack() as stack:
        report = ReportRows(assessment)
        stack.callback(report.close)
        # Nothing else refers to the readers: a file that has ended, or reads no rows, keeps none of them in memory.
        going = [
            _OpenFile(file.path, stack.enter_context(whole(file.path)), reader, file.pieces(assessment, reader))
            for file, reader in zip(files, report.readers(len(files)), strict=True)]
        position = 0
        while going:
            position += _BLOCK
            going = [file for file in going if file.go_on(position)]
