"""Two heals of one account on one machine exclude each other."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardrails.errors import GuardrailsError
from guardrails.runs.account_lock import lock_holder, locked_accounts

RED, BLUE = "111111111111", "222222222222"
HOLDER = f"""
import sys
from pathlib import Path
from guardrails.runs.account_lock import locked_accounts
with locked_accounts(["{RED}"], Path("/other")):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock of RED."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout and process.stdin
    assert process.stdout.readline() == b"locked\n"
    yield process
    process.stdin.close()
    process.stdout.close()
    process.wait()


def test_the_error_names_the_other_process(other: subprocess.Popen[bytes]) -> None:
    with pytest.raises(GuardrailsError, match=f"account {RED}: process {other.pid}, since 2.*, into /other"), \
            locked_accounts([BLUE, RED], Path("/mine")):
        pass
    # What was locked before the error is free again.
    with locked_accounts([BLUE], Path("/mine")):
        assert lock_holder(BLUE) is not None
    found = lock_holder(RED)
    assert found is not None
    assert (found.pid, found.directory) == (other.pid, "/other")


COPIED = f"""
import os, sys
from pathlib import Path
from guardrails.runs.account_lock import locked_accounts
with locked_accounts(["{RED}"], Path("/other")):
    if not os.fork():
        print(os.getpid(), flush=True)
        sys.stdin.read()
        os._exit(0)
    os.kill(os.getpid(), 9)
"""


def test_a_copy_of_a_killed_process_does_not_block() -> None:
    """As the process of a sweep's workers, which ends a moment after the heal that started it."""
    with subprocess.Popen([sys.executable, "-c", COPIED], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        copy = int(process.stdout.readline())
        process.wait()
        os.kill(copy, 0)
        assert lock_holder(RED) is None
        with locked_accounts([RED], Path("/mine")):
            pass


def test_the_lock_of_a_killed_process_does_not_block(other: subprocess.Popen[bytes]) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert lock_holder(RED) is None
    with locked_accounts([RED], Path("/mine")):
        found = lock_holder(RED)
    assert found is not None
    assert found.pid == os.getpid()
    assert lock_holder(RED) is None


def test_waiting_ends_with_the_other_process(other: subprocess.Popen[bytes]) -> None:
    said: list[str] = []

    def told(problem: str) -> None:
        said.append(problem)
        assert other.stdin
        threading.Timer(0.2, other.stdin.close).start()

    with locked_accounts([RED], Path("/mine"), wait=told):
        assert other.wait() == 0
    assert len(said) == 1


def test_accounts_of_a_local_aws_are_not_those_of_aws(
    other: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with locked_accounts([RED], Path("/mine")):
        pass


def test_a_state_directory_that_is_not_writable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(GuardrailsError, match="heal and rollback lock each account there"), \
            locked_accounts([RED], tmp_path):
        pass
