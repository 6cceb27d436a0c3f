"""`test` runs every step, names those that failed, and leaves pytest the last word on standard output."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest

from guardrails.cli import test as checks

from ..conftest import guardrails


def test_the_steps_and_their_order() -> None:
    steps = checks.steps(("-k", "x"))
    assert list(steps) == ["ruff", "mypy", "pytest"]
    assert steps["pytest"][-2:] == ["-k", "x"]


def test_all_steps_run_even_when_one_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def prints(code: int) -> list[str]:
        return [sys.executable, "-c", f"print('exits with {code}'); raise SystemExit({code})"]

    assert checks.run_steps({"a": prints(1), "b": prints(0), "c": prints(3)}, tmp_path) == ["a", "c"]
    assert capfd.readouterr().out.splitlines() == [
        "== a", "exits with 1", "== b", "exits with 0", "== c", "exits with 3",
    ]


@pytest.mark.parametrize(("failed", "code", "said"), [([], 0, ""), (["mypy"], 1, "failed: mypy\n")])
def test_the_exit_code(monkeypatch: pytest.MonkeyPatch, failed: list[str], code: int, said: str) -> None:
    monkeypatch.setattr(checks, "run_steps", lambda commands, directory: failed)
    result = guardrails("test", "-x", "tests/cli")
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", said)
