"""The journal of a rollback: only one rollback uses it at a time, and nothing is lost after an interruption."""
from __future__ import annotations

from pathlib import Path

import pytest

from guardrails.errors import GuardrailsError
from guardrails.runs.rollback_journal import CallKey, RollbackJournal, UndoState


def test_a_journal_is_used_by_one_rollback_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "account.jsonl"
    with RollbackJournal(file), pytest.raises(GuardrailsError, match="another rollback in this account is running"):
        RollbackJournal(file)
    # Nothing was called, so nothing is left.
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_was_not_finished_is_dropped_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    file, key = tmp_path / "account.jsonl", CallKey("a", 0)
    with RollbackJournal(file) as journal:
        journal.write(key, UndoState.STARTED)
        path = journal.path
    with path.open("a") as torn:
        torn.write('{"receipt": "a", "call": 0, "pa')
    with RollbackJournal(file) as journal:
        assert journal.state(key) is UndoState.STARTED
        journal.write(key, UndoState.DONE)
    with RollbackJournal(file) as journal:
        assert journal.state(key) is UndoState.DONE
    path.write_text("nonsense\n" + path.read_text())
    with pytest.raises(GuardrailsError, match=r"account\.jsonl:1: not a valid line"):
        RollbackJournal(file)


def test_a_directory_that_cannot_be_written_ends_it_before_the_first_call(tmp_path: Path) -> None:
    (tmp_path / "none").write_text("")
    with pytest.raises(GuardrailsError, match="a rollback writes its progress to this file"):
        RollbackJournal(tmp_path / "none" / "account.jsonl")
