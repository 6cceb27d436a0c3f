"""Starts and stops ministack, which runs functions, EventBridge, the scheduler, SNS, SQS and logs."""
from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from .errors import SandboxError

_START_SECONDS = 40.0
_POLL_SECONDS = 0.03
_PORT_ATTEMPTS = 3

# Its standard input is a pipe that only the gateway holds: when the gateway dies, however it dies, the pipe closes and
# the whole process group goes, function workers included.
_INSIDE = Path(__file__).with_name("inside.py")


def free_port() -> int:
    """A free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Ministack:
    """A running ministack in a process group of its own.

    `python` is the functions' interpreter (runtime.ensure_runtime), `directory` takes its home, temporary
    files and log. The constructor returns at once; `wait` returns when it answers.
    """

    def __init__(self, python: Path, directory: Path) -> None:
        self._python = python
        self._home = directory / "ministack"
        self.log = directory / "ministack.log"
        for name in ("home", "tmp"):
            (self._home / name).mkdir(parents=True, exist_ok=True)
        self.log.write_bytes(b"")
        self._launch()

    def _launch(self) -> None:
        self.port = free_port()
        with self.log.open("ab") as log:
            # -I: neither the working directory nor PYTHONPATH nor the user's site directory is searched.
            self._process = subprocess.Popen(
                [str(self._python), "-I", str(_INSIDE)],
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
                cwd=self._home, env=self._environment(), start_new_session=True,
            )
        self.pid = self._process.pid

    def _environment(self) -> dict[str, str]:
        # Workers inherit this, so it is made from nothing: whatever the user has set (a profile, a path to
        # our source, a proxy) stays outside.
        return {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "HOME": str(self._home / "home"),
            "TMPDIR": str(self._home / "tmp"),
            "PYTHONNOUSERSITE": "1",
            "PYTHONUNBUFFERED": "1",
            # As where AWS runs it: what is unpacked there cannot be written to. Nor would it be read again here.
            "PYTHONDONTWRITEBYTECODE": "1",
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "LAMBDA_EXECUTOR": "local",
            "LOG_LEVEL": "WARNING",
            # Listeners on fixed ports that nothing here uses.
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def wait(self) -> None:
        """Wait until ministack answers. Raises SandboxError if it does not start."""
        deadline = time.monotonic() + _START_SECONDS
        attempts = 1
        while not self._is_healthy():
            if self._process.poll() is not None:
                # Another program may have taken the port between the choice and the bind.
                if attempts == _PORT_ATTEMPTS:
                    raise SandboxError(f"ministack ended while starting; its log: {self.log}\n{self._tail()}")
                attempts += 1
                self._launch()
            if time.monotonic() > deadline:
                raise SandboxError(f"ministack does not answer; its log: {self.log}\n{self._tail()}")
            time.sleep(_POLL_SECONDS)

    def _is_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End ministack and every function worker, and wait until they have ended."""
        end_group(self._process.pid)
        self._process.wait()
        shutil.rmtree(self._home, ignore_errors=True)  # unpacked archives
        if self._process.stdin:
            self._process.stdin.close()

    def __enter__(self) -> Ministack:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def end_group(group: int) -> None:
    """Kill every process of `group`, which may have ended already. No state is lost."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM when only zombies are left
        os.killpg(group, signal.SIGKILL)


def group_members(group: int) -> list[int]:
    """The processes of `group` that still run, its leader first; zombies do not count."""
    return sorted(pid for pid, of, state in _processes() if of == group and state != "Z")


def still_running(processes: Iterable[int]) -> list[int]:
    """Those of `processes` that still run; zombies, which only their parent can clear away, do not count."""
    wanted = set(processes)
    return sorted(pid for pid, _, state in _processes() if pid in wanted and state != "Z")


def _processes() -> Iterator[tuple[int, int, str]]:
    """Process, group and state of every process; a slim container has /proc but no ps, macOS the reverse."""
    if not Path("/proc/self/stat").exists():
        listing = subprocess.run(["ps", "-A", "-o", "pid=,pgid=,stat="], capture_output=True, text=True, check=True)
        for pid, group, state in (line.split()[:3] for line in listing.stdout.splitlines()):
            yield int(pid), int(group), state[0]
        return
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # "pid (name) state parent group …"; the name may hold blanks and brackets.
            head, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue  # it has ended in the meantime
        state, _, group = rest.split()[:3]
        yield int(head.split()[0]), int(group), state
