"""Runs a program and measures it with all its children: wall time, processor time, and the most memory at one time."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeVar

_SAMPLE_SECONDS = 0.1
_Result = TypeVar("_Result")


class Failed(Exception):
    """What was measured did not do its work, so that a figure would mean nothing."""


@dataclass(frozen=True)
class Usage:
    """What a program and all its children used."""

    wall: float
    """Seconds of the clock."""
    processor: float
    """Seconds of processor time, user and system, of the program and of all its descendants that were waited for."""
    memory: float
    """The most memory of all processes together at one time, in MiB (PSS: shared pages count once, in parts). It is
    sampled ten times a second; 0 where there is no /proc."""
    output: str = field(default="", repr=False)
    """Standard output."""
    errors: str = field(default="", repr=False)
    """Standard error."""
    code: int = 0
    """The exit code."""
    calls: Mapping[str, int] = field(default_factory=dict, repr=False)
    """Calls by `service Operation`, if they were counted (`Cloud.run`)."""
    repeated: Mapping[str, int] = field(default_factory=dict, repr=False)
    """How many of them equal an earlier call of the same run."""

    @property
    def called(self) -> int:
        """How many calls it made."""
        return sum(self.calls.values())


def say(text: str) -> None:
    """Progress, on standard error."""
    print(f"  {text}", file=sys.stderr, flush=True)


def run(
    command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | str | None = None,
    good: Collection[int] = (0,), stdin: str = "", timeout: float = 1800,
) -> Usage:
    """Run a program to its end.

    Args:
        command: the program and its arguments.
        env: its whole environment; that of this process by default.
        good: exit codes with which it did its work.
        stdin: what it reads.
        timeout: seconds after which it and its children are killed.

    Raises Failed with the end of its output when it ends with another code, or not in time.
    """
    words = [str(word) for word in command]
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        began = time.perf_counter()
        process = subprocess.Popen(
            words, env=None if env is None else dict(env), cwd=cwd, stdin=given, stdout=out, stderr=err,
            start_new_session=True)
        with Memory(process.pid) as memory, _killed_at_the_end(process, timeout) as late:
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
        output, errors = _text(out), _text(err)
    if late.is_set():
        raise Failed(f"{_short(words)} did not end within {timeout:.0f} s:\n{_end(errors or output)}")
    if process.returncode not in good:
        raise Failed(f"{_short(words)} ended with {process.returncode}:\n{_end(errors or output)}")
    return Usage(
        wall, usage.ru_utime + usage.ru_stime, memory.peak, output, errors, process.returncode)


def in_turn(
    rounds: int, ways: Mapping[str, Callable[[], _Result]], *, quiet: bool = False,
) -> dict[str, list[_Result]]:
    """Each way once a round, in turn (A B A B …): what slows the machine down for a while, slows all of them down.

    `quiet`: print no line for each run.
    """
    found: dict[str, list[_Result]] = {name: [] for name in ways}
    for round_ in range(rounds):
        for name, way in ways.items():
            result = way()
            found[name].append(result)
            if quiet:
                continue
            took = f": {result.wall:.1f} s, processor {result.processor:.1f} s" if isinstance(result, Usage) else ""
            say(f"round {round_ + 1} of {rounds}, {name}{took}")
    return found


@contextmanager
def _killed_at_the_end(process: subprocess.Popen[bytes], timeout: float) -> Iterator[threading.Event]:
    """Kill the program's process group when it is late, or when we are interrupted; the event is set if it was late."""
    late = threading.Event()

    def kill() -> None:
        late.set()
        _kill_group(process.pid)

    timer = threading.Timer(timeout, kill)
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        _kill_group(process.pid)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # all of it has ended
        return


class Memory:
    """Samples the memory of a process and all its descendants while the `with` block lasts."""

    def __init__(self, pid: int) -> None:
        self.peak = 0.0
        """The largest sum so far, in MiB."""
        self._pid, self._ended = pid, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self.peak = max(self.peak, sum(pss_kib(pid) for pid in tree(self._pid)) / 1024)


def tree(pid: int) -> list[int]:
    """A process and all its descendants; empty if it has ended, or where there is no /proc."""
    try:
        children = [int(each) for task in Path(f"/proc/{pid}/task").iterdir()
                    for each in (task / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(each for child in children for each in tree(child))]


def pss_kib(pid: int) -> int:
    """A process's share of the memory that it uses, in KiB; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _short(words: Sequence[str]) -> str:
    return " ".join([Path(words[0]).name, *words[1:6], *(["…"] if len(words) > 6 else [])])


def _end(text: str) -> str:
    return text[-2000:].strip()
