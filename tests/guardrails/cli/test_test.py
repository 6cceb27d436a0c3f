"""`test` and `lint` run every step, name those that failed, and leave pytest the last word on standard output."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from guardrails.cli import lint as linting
from guardrails.cli import test as checks
from guardrails.cli.affected_tests import Selection
from guardrails.errors import GuardrailsError

from ..conftest import guardrails


def test_the_steps_and_their_order() -> None:
    steps = checks.steps(("-k", "x"))
    assert list(steps) == ["ruff", "mypy", "pytest"]
    assert steps["pytest"][-2:] == ["-k", "x"]
    assert list(linting.lint_steps()) == ["ruff", "mypy"]


def test_all_steps_run_even_when_one_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def prints(code: int) -> list[str]:
        return [sys.executable, "-c", f"print('exits with {code}'); raise SystemExit({code})"]

    assert linting.run_steps({"a": prints(1), "b": prints(0), "c": prints(3)}, tmp_path) == ["a", "c"]
    assert capfd.readouterr().out.splitlines() == [
        "== a", "exits with 1", "== b", "exits with 0", "== c", "exits with 3",
    ]


@pytest.mark.parametrize(("failed", "code", "said"), [([], 0, ""), (["mypy"], 1, "failed: mypy\n")])
@pytest.mark.parametrize(("module", "arguments"), [(checks, ("test", "-x", "tests/cli")), (linting, ("lint",))])
def test_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, failed: list[str], code: int, said: str,
    module: ModuleType, arguments: tuple[str, ...],
) -> None:
    monkeypatch.setattr(module, "run_steps", lambda commands, directory: failed)
    result = guardrails(*arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", said)


@pytest.mark.parametrize("arguments", [
    ("-x", "tests/a", "-k", "b"), ("-k", "changed", "--base"), ("-n", "1", "--changed"),
])
def test_arguments_reach_pytest_as_they_are(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    seen: list[dict[str, list[str]]] = []
    monkeypatch.setattr(checks, "run_steps", lambda commands, directory: seen.append(commands) or [])
    assert guardrails("test", *arguments).exit_code == 0
    assert tuple(seen[0]["pytest"][3:]) == arguments


def test_changed_runs_files_and_policies_apart() -> None:
    selection = Selection(files={"tests/b.py": "", "tests/a.py": ""}, policies={"p": "", "q": ""})
    commands = checks.changed_steps(selection, ("-x",))
    assert list(commands) == ["ruff", "mypy", "pytest", "pytest of policies"]
    assert commands["pytest"][3:] == ["tests/a.py", "tests/b.py", "-x"]
    assert commands["pytest of policies"][3:] == ["tests/policies", "-k", "p or q", "-x"]


def test_changed_runs_no_pytest_for_nothing_and_all_of_it_for_what_is_not_known() -> None:
    assert list(checks.changed_steps(Selection(untested=["README.md"]), ())) == ["ruff", "mypy"]
    assert checks.changed_steps(Selection(files={"tests/a.py": ""}, everything="why"), ()) == checks.steps(())


def test_the_selection_is_explained() -> None:
    selection = Selection(files={"tests/a.py": "uses m"}, policies={"p": "uses e of m"}, untested=["README.md"])
    assert checks.describe(selection, ["README.md", "m.py"], "main") == [
        "2 changed files since main", "  README.md: no test reads it", "Selected test files: 1", "  tests/a.py: uses m",
        "Selected policies: 1", "  p: uses e of m",
    ]
    assert checks.describe(Selection(everything="x: why"), ["x"], "HEAD") == [
        "1 changed file since HEAD", "All tests are selected. x: why"]
    assert checks.describe(Selection(), [], "HEAD") == ["0 changed files since HEAD", "No tests are selected."]


def test_changed_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, list[str]]] = []
    monkeypatch.setattr(checks, "changed_files", lambda base, directory: ["guardrails/cli/lint.py"])
    monkeypatch.setattr(checks, "run_steps", lambda commands, directory: seen.append(commands) or [])
    result = guardrails("test", "--changed", "-x")
    assert result.exit_code == 0
    assert "tests/guardrails/cli/test_test.py: uses guardrails.cli.lint" in result.stdout
    assert "tests/guardrails/cli/test_test.py" in seen[0]["pytest"]
    assert seen[0]["pytest"][-1] == "-x"


def test_base_needs_changed() -> None:
    result = guardrails("test", "--base", "main")
    assert (result.exit_code, "--base needs --changed" in result.stderr) == (2, True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, "nobody@example.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    _git(tmp_path, "init", "-q", "-b", "main")
    for name in ("gone.py", "kept.py", "moved.py", "committed.py"):
        (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    _commit(tmp_path)
    return tmp_path


def _git(directory: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True)


def _commit(directory: Path) -> None:
    _git(directory, "add", "-A")
    _git(directory, "commit", "-q", "-m", "x")


def test_changed_files_are_all_that_differs_from_the_base(repository: Path) -> None:
    assert checks.changed_files("HEAD", repository) == []
    _git(repository, "switch", "-q", "-c", "branch")
    (repository / "committed.py").write_text("x = 1\n")
    _commit(repository)
    _git(repository, "mv", "moved.py", "renamed.py")
    (repository / "gone.py").unlink()
    (repository / "new and ünknown.py").write_text("")
    (repository / "ignored.py").write_text("")
    uncommitted = ["gone.py", "moved.py", "new and ünknown.py", "renamed.py"]
    assert checks.changed_files("HEAD", repository) == uncommitted
    assert checks.changed_files("main", repository) == ["committed.py", *uncommitted]


def test_what_only_the_base_has_changed_is_no_change_of_ours(repository: Path) -> None:
    _git(repository, "switch", "-q", "-c", "branch")
    _git(repository, "switch", "-q", "main")
    (repository / "kept.py").write_text("x = 1\n")
    _commit(repository)
    _git(repository, "switch", "-q", "branch")
    assert checks.changed_files("main", repository) == []


def test_an_unknown_base_is_an_error(repository: Path) -> None:
    with pytest.raises(GuardrailsError, match="no-such-commit") as error:
        checks.changed_files("no-such-commit", repository)
    assert error.value.fix == "--base takes a commit, a branch or a tag"
