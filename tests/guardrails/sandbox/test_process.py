"""Starting, finding, stopping: no process is left, whoever dies first."""
from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from click.testing import CliRunner

from guardrails.cli.main import main
from guardrails.sandbox import Sandbox, SandboxError, SandboxNotRunning
from guardrails.sandbox.ministack import group_members
from guardrails.sandbox.state import State, StateDirectory

from .conftest import deploy, eventually

SOURCE = "def run(event, context): return 1\n"


def alive(pid: int) -> bool:
    """Whether `pid` runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_importing_the_package_loads_neither_moto_nor_boto3() -> None:
    code = "import sys, guardrails.sandbox; print([name for name in ('moto', 'boto3', 'c7n') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_stopping_ends_every_process_with_the_function_workers(tmp_path: Path) -> None:
    with Sandbox.start(directory=tmp_path) as sandbox:
        deploy(sandbox, "111111111111", SOURCE)
        sandbox.client("lambda", "111111111111").invoke(FunctionName="guard")
        state = sandbox.state
        processes = [state.pid, *group_members(state.ministack_pid)]
        assert len(processes) == 3  # the gateway, ministack, one worker
        assert all(map(alive, processes))

        same = Sandbox.attach(tmp_path)
        assert same.endpoint == sandbox.endpoint
        with Sandbox.start(directory=tmp_path) as again:  # reused, and not stopped by the one that reused it
            assert again.endpoint == sandbox.endpoint
        assert Sandbox.attach(tmp_path).endpoint == sandbox.endpoint

        # ministack alone is gone: a clear error at once, and moto's side goes on
        os.killpg(state.ministack_pid, signal.SIGKILL)
        once = sandbox.session("111111111111").client("sqs", config=Config(retries={"max_attempts": 0}))
        with pytest.raises(ClientError, match="ministack, which holds sqs, does not answer"):
            once.list_queues()
        assert sandbox.client("ec2", "111111111111").describe_vpcs()["Vpcs"]
        with pytest.raises(SandboxError, match="ministack could not be reset"):
            sandbox.reset()
    eventually(lambda: not any(map(alive, processes)))
    with pytest.raises(SandboxNotRunning):
        Sandbox.attach(tmp_path)
    with pytest.raises(SandboxError, match="does not answer"):
        same.events()


def test_a_sandbox_whose_directory_was_deleted_is_stopped_all_the_same(tmp_path: Path) -> None:
    with Sandbox.start(directory=tmp_path / "sandbox") as sandbox:
        processes = [sandbox.state.pid, *group_members(sandbox.state.ministack_pid)]
        shutil.rmtree(tmp_path / "sandbox")
    assert not any(map(alive, processes))


def test_a_sandbox_that_has_ended_by_itself_is_an_error_that_names_its_log(tmp_path: Path) -> None:
    sandbox = Sandbox.start(directory=tmp_path / "sandbox")
    os.kill(sandbox.state.pid, signal.SIGTERM)
    eventually(lambda: not group_members(sandbox.state.pid))
    with pytest.raises(SandboxNotRunning, match=r"ended by itself; its log: .*sandbox\.log"):
        sandbox.stop()


@pytest.mark.parametrize("killed", ["starter", "gateway"])
def test_nothing_outlives_the_starter_or_the_gateway(tmp_path: Path, killed: str) -> None:
    code = (
        "import sys, time\n"
        "from guardrails.sandbox import Sandbox\n"
        "sandbox = Sandbox.start(sys.argv[1])\n"
        "sys.path.insert(0, '.')\n"
        "from tests.guardrails.sandbox.conftest import deploy\n"
        f"deploy(sandbox, '111111111111', {SOURCE!r})\n"
        "sandbox.client('lambda', '111111111111').invoke(FunctionName='guard')\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert starter.stdout
        assert starter.stdout.readline() == "ready\n"
        state = Sandbox.attach(tmp_path).state
        processes = [state.pid, *group_members(state.ministack_pid)]
        assert len(processes) == 3
        os.kill(starter.pid if killed == "starter" else state.pid, signal.SIGKILL)
        eventually(lambda: not any(map(alive, processes)))
        with pytest.raises(SandboxNotRunning):
            Sandbox.attach(tmp_path)
    finally:
        starter.kill()
        starter.wait()
        assert starter.stdout
        starter.stdout.close()


def write_state(directory: Path, pid: int) -> None:
    StateDirectory(directory).make()
    StateDirectory(directory).write(State(pid, "http://127.0.0.1:1", "2026-01-01T00:00:00+00:00", "log", pid, 2))


def test_a_stale_state_file_is_not_believed(tmp_path: Path) -> None:
    write_state(tmp_path, os.getpid())  # a living process, but not a sandbox: the id was given out again
    assert json.loads((tmp_path / "state.json").read_text())["pid"] == os.getpid()
    with pytest.raises(SandboxNotRunning):
        Sandbox.attach(tmp_path)
    result = CliRunner().invoke(main, ["sandbox", "stop", "--directory", str(tmp_path)])
    assert (result.exit_code, result.output) == (0, "The sandbox is not running.\n")


def test_only_one_holds_a_directory(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path)
    write_state(tmp_path, 1)
    with directory.hold():
        assert directory.is_held()
        assert directory.read() is None  # the old file went when the directory was taken
        with (tmp_path / "lock").open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not directory.is_held()


def test_a_start_that_fails_says_why_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from guardrails.sandbox import process

    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho this interpreter is broken >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(process, "ensure_runtime", lambda: broken)
    with pytest.raises(SandboxError, match="this interpreter is broken"):
        Sandbox.start(tmp_path / "sandbox")
    assert not StateDirectory(tmp_path / "sandbox").is_held()


def test_the_command_line(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(main, ["sandbox", *arguments, "--directory", str(tmp_path)])
        assert result.exit_code == 0, result.output
        return result.output

    def fails(*arguments: str) -> str:
        result = CliRunner().invoke(main, ["sandbox", *arguments, "--directory", str(tmp_path)])
        assert result.exit_code != 0
        return result.output

    assert "The sandbox is not running" in fails("status")
    assert "no sandbox runs" in fails("env")
    assert "no sandbox runs" in fails("reset")
    try:
        assert "started at http://127.0.0.1:" in run("start")
        assert "already runs" in run("start")
        state = Sandbox.attach(tmp_path).state
        assert state.endpoint in run("status")
        exports = run("env", "--account", "222222222222", "--region", "eu-west-1")
        assert f"export AWS_ENDPOINT_URL={state.endpoint}\n" in exports
        shown = subprocess.run(
            ["sh", "-c", f"{exports}\necho $AWS_ACCESS_KEY_ID $AWS_REGION $AWS_PROFILE"],
            capture_output=True, text=True, check=True,
        ).stdout
        assert shown == "222222222222 eu-west-1 default\n"
        assert "12 digits" in fails("env", "--account", "prod")
        assert run("reset") == "Every account is empty.\n"
        assert "2 processes ended" in run("stop")
        assert not alive(state.pid)
        assert not alive(state.ministack_pid)
    finally:
        CliRunner().invoke(main, ["sandbox", "stop", "--directory", str(tmp_path)])


@pytest.mark.parametrize("command", ["", "start", "stop", "status", "env", "reset"])
def test_every_command_has_help(command: str) -> None:
    result = CliRunner().invoke(main, ["sandbox", *filter(None, [command]), "--help"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 4
