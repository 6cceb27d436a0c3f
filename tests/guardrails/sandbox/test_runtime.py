"""The functions' environment: made when missing or stale, never half-made."""
from __future__ import annotations

from pathlib import Path

import pytest

from guardrails.sandbox import RuntimeNotReady, runtime


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory whose lock names nothing, so that an environment is made without the package index."""
    (tmp_path / "lambda.lock").write_text("# nothing\n")
    return tmp_path


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have been run; each leaves what it would have made."""
    ran: list[list[str]] = []

    def run(command: list[str], complaint: str) -> None:
        ran.append(command)
        if command[1:3] == ["-m", "venv"]:
            python = Path(command[3]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.write_text("")
            python.chmod(0o755)

    monkeypatch.setattr(runtime, "_run", run)
    return ran


def test_it_is_made_once_and_again_when_the_lock_changes(root: Path, commands: list[list[str]]) -> None:
    assert runtime.ensure_runtime(root, root / "lambda.lock") == root / ".venv-lambda" / "bin" / "python"
    assert len(commands) == 2  # venv, pip
    assert "--require-hashes" in commands[1]
    runtime.ensure_runtime(root, root / "lambda.lock")
    assert len(commands) == 2
    (root / "lambda.lock").write_text("# something\n")
    runtime.ensure_runtime(root, root / "lambda.lock")
    assert len(commands) == 4


def test_another_python_makes_it_stale(root: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    runtime.ensure_runtime(root, root / "lambda.lock")
    monkeypatch.setattr(runtime.sys, "version", "9.9.9 (main)")
    runtime.ensure_runtime(root, root / "lambda.lock")
    assert len(commands) == 4


def test_a_half_made_one_is_made_anew(root: Path, commands: list[list[str]]) -> None:
    (root / ".venv-lambda" / "bin").mkdir(parents=True)
    (root / ".venv-lambda" / "left-over").write_text("")
    runtime.ensure_runtime(root, root / "lambda.lock")
    assert not (root / ".venv-lambda" / "left-over").exists()


def test_a_failure_is_explained_and_leaves_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = root / "lambda.lock"
    lock.write_text("no-such-package-of-ours==1 --hash=sha256:" + "0" * 64 + "\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    run = runtime._run

    def with_a_quick_venv(command: list[str], complaint: str) -> None:
        quick = ["--without-pip", "--system-site-packages"] if "venv" in command else []
        run([*command, *quick], complaint)

    monkeypatch.setattr(runtime, "_run", with_a_quick_venv)
    with pytest.raises(RuntimeNotReady, match=r"is the package index reachable(.|\n)*no-such-package-of-ours"):
        runtime.ensure_runtime(root, root / "lambda.lock")
    assert not (root / ".venv-lambda").exists()


def test_without_a_lock_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeNotReady, match="is missing"):
        runtime.ensure_runtime(tmp_path, tmp_path / "lambda.lock")
