"""What runs write is for the user alone: results, receipts, logs, accounts with external ids, and the history."""
from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock

import pytest

from guardrails.errors import GuardrailsError
from guardrails.paths import create_private, make_private, output_directory, write_json, write_text
from guardrails.results.history import History
from guardrails.results.store import RunStore

from ..conftest import HOME, POLICIES, Cloud, guardrails

REPORTS = ("report.html", "report.md", "report.json", "findings.csv", "not-seen.csv")
"""What people publish: as any other file of the user, in a directory that only the user may enter."""


@pytest.fixture(params=[0o022, 0o000], ids=["umask 022", "umask 000"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def check(directory: Path, umask: int) -> set[str]:
    """Check the directory and all in it; returns the names of the files."""
    assert mode(directory) == 0o700
    names = set()
    for path in directory.rglob("*"):
        wanted = 0o700 if path.is_dir() else 0o666 & ~umask if path.name in REPORTS else 0o600
        # c7n's own files below output/ may be narrower, never wider.
        assert mode(path) & ~wanted == 0, f"{path}: {mode(path):o}"
        names.add(path.name)
    return names


def test_an_audit_and_a_heal(cloud: Cloud, umask: int, tmp_path: Path) -> None:
    cloud.open_group(HOME, "us-east-1")
    accounts = tmp_path / "accounts.yml"
    accounts.write_text(f"accounts: [{{name: home, account_id: '{HOME}', regions: [us-east-1], external_id: made-up, "
                        f"role: 'arn:aws:iam::{HOME}:role/sweep'}}]\n", encoding="utf-8")
    chosen = ("-c", accounts, "--policies", POLICIES, "--policy", "open-ssh")
    result = guardrails("audit", *chosen, "-o", tmp_path / "audit")
    assert result.exit_code == 0, result.output
    assert check(tmp_path / "audit", umask) >= {"run.db", "accounts-1-1.yml", "policies-1-1.yml", "log-1-1.txt",
                                                "resources.json", "report.html"}
    [given] = (tmp_path / "audit").rglob("accounts-1-1.yml")
    assert "made-up" in given.read_text(encoding="utf-8")
    result = guardrails("heal", *chosen, "-o", tmp_path / "heal", "--yes")
    assert result.exit_code == 0, result.output
    assert check(tmp_path / "heal", umask) >= {"receipts.json", "run.db", "resources.json"}
    [history] = (tmp_path / "output").glob("history.db")
    assert mode(history) == 0o600


def test_a_run_that_is_resumed_becomes_private(umask: int, tmp_path: Path) -> None:
    """Its directory was created by an older version, or by hand."""
    place = tmp_path / "run"
    place.mkdir()
    assert mode(place) != 0o700
    make_private(place)
    assert mode(place) == 0o700


def test_an_output_directory(umask: int, tmp_path: Path) -> None:
    assert mode(output_directory(str(tmp_path / "a" / "b"), "audit")) == 0o700
    assert mode(output_directory(None, "audit")) == 0o700
    (tmp_path / "a" / "b" / "x").touch()
    with pytest.raises(GuardrailsError, match="not empty"):
        output_directory(str(tmp_path / "a" / "b"), "audit")


def test_a_file(umask: int, tmp_path: Path) -> None:
    assert mode(write_json(tmp_path / "receipts.json", [])) == 0o600
    assert mode(write_text(tmp_path / "rules.md", "", shared=True)) == 0o666 & ~umask
    (tmp_path / "old").write_text("kept")
    create_private(tmp_path / "old")
    assert (tmp_path / "old").read_text() == "kept"


def test_databases(umask: int, tmp_path: Path) -> None:
    with RunStore.create(tmp_path / "run.db"):
        pass
    History(tmp_path / "deep" / "history.db")
    assert {mode(tmp_path / "run.db"), mode(tmp_path / "deep" / "history.db")} == {0o600}
    # A history that a team shares keeps its mode.
    (tmp_path / "deep" / "history.db").chmod(0o660)
    History(tmp_path / "deep" / "history.db")
    assert mode(tmp_path / "deep" / "history.db") == 0o660
    # SQLite's own files beside a database copy its mode.
    db = sqlite3.connect(tmp_path / "run.db")
    db.execute("begin immediate")
    db.execute("create table t (x)")
    assert all(mode(file) == 0o600 for file in tmp_path.glob("run.db*"))
    db.close()


def test_two_runs_of_one_second_never_share_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("guardrails.paths.datetime", Mock(now=lambda zone: datetime(2026, 1, 2, tzinfo=UTC)))
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: output_directory(None, "audit"), range(40)))
    assert len(set(made)) == 40
    with pytest.raises(GuardrailsError, match="another run began in the same second"):
        output_directory(str(made[0]), "audit", new=True)
