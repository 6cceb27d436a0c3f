"""Starts, finds and stops the background process."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ..command import reinstall
from ..paths import local_directory
from .errors import RuntimeNotReady, SandboxError, SandboxNotRunning
from .ministack import end_group, group_members
from .runtime import ensure_runtime
from .state import State, StateDirectory

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02
_PARENT = Path(__file__).resolve().parents[2]
"""The directory that holds this package, so that the background process finds the same one."""


@dataclass(frozen=True)
class Started:
    """A running sandbox; `new` tells one started now from one found. `lifeline` keeps it alive when set."""

    state: State
    new: bool
    lifeline: int | None = None


def default_directory() -> Path:
    """Where the command line keeps its sandbox."""
    return local_directory() / ".sandbox"


def start(directory: Path, *, detached: bool) -> Started:
    """Start a sandbox in `directory`, or find the one that runs there.

    A detached one outlives its starter; another stops when the starter closes `lifeline` or dies. Raises
    SandboxError with the end of the log.
    """
    if find_spec("moto") is None:
        raise RuntimeNotReady(f"the local AWS needs moto, which is not installed: {reinstall('sandbox')}")
    place = StateDirectory(directory)
    place.make()
    found = place.read()
    if found:
        return Started(found, new=False)
    python = ensure_runtime()
    ours, theirs = os.pipe()
    command = [
        sys.executable, "-m", "guardrails.sandbox.server", "--directory", str(place.path), "--python", str(python),
    ]
    try:
        with place.log.open("ab") as log:
            process = subprocess.Popen(
                command if detached else [*command, "--lifeline", str(ours)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                cwd=_PARENT, env=_environment(), start_new_session=True,
                pass_fds=() if detached else (ours,),
            )
        state = _wait_for_state(place, process)
    except BaseException:
        os.close(theirs)
        raise
    finally:
        os.close(ours)
    if detached:
        os.close(theirs)
        process.returncode = 0  # it outlives this process on purpose: no warning that it still runs
        return Started(state, new=True)
    return Started(state, new=True, lifeline=theirs)


def _environment() -> dict[str, str]:
    """The user's environment without variables that would affect moto: moto's and AWS's settings, and proxies."""
    dropped = ("AWS_", "MOTO_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1,localhost"}


def _wait_for_state(place: StateDirectory, process: subprocess.Popen[bytes]) -> State:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        state = place.read()
        if state and state.pid == process.pid:
            return state
        if process.poll() is not None:
            raise SandboxError(f"the sandbox ended while starting; its log: {place.log}\n{_tail(place.log)}")
        time.sleep(_POLL_SECONDS)
    process.kill()
    raise SandboxError(f"the sandbox did not start in {_START_SECONDS:.0f} s; its log: {place.log}\n{_tail(place.log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-8:])


def running(directory: Path) -> State:
    """The sandbox that runs in `directory`. Raises SandboxNotRunning."""
    state = StateDirectory(directory).read()
    if state is None:
        raise SandboxNotRunning(f"no sandbox runs in {directory}")
    return state


def stop(directory: Path) -> list[int]:
    """Stop the sandbox in `directory` and return the ids of every process that was ended.

    Raises SandboxNotRunning, and SandboxError if one is left.
    """
    return end(running(directory))


def end(state: State) -> list[int]:
    """Stop a sandbox, also one whose directory somebody has deleted; returns the ids of every process that was ended.

    Raises SandboxNotRunning when it has ended by itself, and SandboxError if a process is left.
    """
    if not group_members(state.pid):
        raise SandboxNotRunning(f"the sandbox has ended by itself; its log: {state.log}")
    processes = [state.pid, *group_members(state.ministack_pid)]
    os.kill(state.pid, signal.SIGTERM)
    if not _ended(state.pid):
        end_group(state.pid)
    end_group(state.ministack_pid)  # ended already, unless the gateway had to be killed
    for group in (state.pid, state.ministack_pid):
        if not _ended(group):
            raise SandboxError(f"processes {group_members(group)} did not end")
    return processes


def _ended(group: int) -> bool:
    """Whether every process of `group` is gone, waited for some seconds. The gateway leads a group of its own."""
    deadline = time.monotonic() + _STOP_SECONDS
    while group_members(group):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
