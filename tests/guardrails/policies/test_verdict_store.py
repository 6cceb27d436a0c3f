"""Stored verdicts: only what this user alone can have written is read, and damage is as if nothing were stored."""
from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guardrails.policies import verdict_store
from guardrails.policies.verdict_store import VARIABLE, VerdictStore, store_directory

ENVIRONMENT = "e" * 40


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def stored(**verdicts: Any) -> Path:
    store = VerdictStore.open(ENVIRONMENT)
    for key, verdict in verdicts.items():
        store.remember(key, verdict)
    store.save()
    assert store.file
    return store.file


def recalled(key: str = "key") -> Any:
    return VerdictStore.open(ENVIRONMENT).recall(key, lambda value: value)


def test_what_is_stored_is_recalled_in_the_same_environment_only(directory: Path) -> None:
    file = stored(key=[1, "ü\ud800"])
    assert recalled() == [1, "ü\ud800"]
    assert recalled("other") is None
    assert VerdictStore.open("f" * 40).recall("key", lambda value: value) is None
    assert (directory.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    assert list(directory.iterdir()) == [file]


def test_a_verdict_that_cannot_be_read_is_none(directory: Path) -> None:
    stored(key=[1])

    def refuse(value: Any) -> Any:
        raise TypeError(value)

    assert VerdictStore.open(ENVIRONMENT).recall("key", refuse) is None


@pytest.mark.parametrize("damage", [
    lambda content: b"", lambda content: content[:-1], lambda content: content.replace(b"[1]", b"[2]"),
    lambda content: content.partition(b"\n")[2], lambda content: b"\xff" * 100,
    lambda content: content + b" " * 9_000_000,
])
def test_a_damaged_file_is_as_if_it_were_not_there_and_is_written_again(
    directory: Path, damage: Callable[[bytes], bytes]
) -> None:
    file = stored(key=[1])
    file.write_bytes(damage(file.read_bytes()))
    assert recalled() is None
    stored(new=[3])
    assert (recalled(), recalled("new")) == (None, [3])


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o602])
def test_a_file_that_others_may_use_is_not_read_and_is_replaced(directory: Path, mode: int) -> None:
    file = stored(key=[1])
    file.chmod(mode)
    assert recalled() is None
    stored(new=[3])
    assert (recalled(), recalled("new"), file.stat().st_mode & 0o777) == (None, [3], 0o600)


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o777])
def test_a_directory_that_others_may_enter_is_not_used(directory: Path, mode: int) -> None:
    file = stored(key=[1])
    before = file.read_bytes()
    directory.chmod(mode)
    store = VerdictStore.open(ENVIRONMENT)
    assert store.recall("key", lambda value: value) is None
    assert store.file is None and f"chmod 700 {directory}" in store.note
    store.remember("new", [3])
    store.save()
    assert file.read_bytes() == before


def test_a_link_is_not_followed(directory: Path, tmp_path: Path) -> None:
    file = stored(key=[1])
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert recalled() is None
    file.unlink()
    (tmp_path / "elsewhere").rename(file)
    assert recalled() == [1]
    directory.rename(tmp_path / "moved")
    directory.symlink_to(tmp_path / "moved")
    assert VerdictStore.open(ENVIRONMENT).file is None


def test_what_belongs_to_another_user_is_not_used(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(key=[1])
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert "another user" in VerdictStore.open(ENVIRONMENT).note
    real = os.fstat

    def directory_is_mine(handle: int) -> Any:
        found = real(handle)
        return os.stat_result((*found[:4], 54321, *found[5:])) if os.path.isdir(f"/proc/self/fd/{handle}") else found

    monkeypatch.setattr(verdict_store.os, "fstat", directory_is_mine)
    assert VerdictStore.open(ENVIRONMENT).note == ""
    assert recalled() is None


def test_a_directory_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "cache"))
    store = VerdictStore.open(ENVIRONMENT)
    store.remember("key", [1])
    store.save()
    assert "no verdicts are stored" in store.note


def test_two_processes_at_once_keep_the_verdicts_of_both(directory: Path) -> None:
    one, other = VerdictStore.open(ENVIRONMENT), VerdictStore.open(ENVIRONMENT)
    one.remember("one", [1])
    other.remember("other", [2])
    one.save()
    other.save()
    assert (recalled("one"), recalled("other")) == ([1], [2])


def test_the_store_is_bounded_and_keeps_what_was_used_last(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict_store, "VERDICTS_AT_MOST", 3)
    stored(a=[1], b=[2], c=[3])
    store = VerdictStore.open(ENVIRONMENT)
    assert store.recall("a", lambda value: value) == [1]
    store.remember("d", [4])
    store.save()
    assert [recalled(key) for key in "abcd"] == [[1], None, [3], [4]]
    monkeypatch.setattr(verdict_store, "BYTES_AT_MOST", 400)
    file = stored(e=["x" * 150], f=["y" * 150])
    assert file.stat().st_size <= 400
    assert (recalled("e"), recalled("f")) == (None, ["y" * 150])
    store.remember("huge", "z" * 70_000)
    assert store.recall("huge", lambda value: value) is None


def test_the_files_of_old_environments_go(directory: Path) -> None:
    for number in range(verdict_store.FILES_AT_MOST + 2):
        store = VerdictStore.open(f"{number:040}")
        store.remember("key", [number])
        store.save()
        assert store.file
        os.utime(store.file, ns=(number, number))
    assert sorted(int(file.stem) for file in directory.iterdir()) == list(range(2, verdict_store.FILES_AT_MOST + 2))


def test_where_the_store_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    for variable, cache, expected in (
        ("none", "/x", None), ("/own", "/x", Path("/own")), ("", "/x", Path("/x/aws-guardrails/verdicts")),
        ("", "relative", Path("/home/me/.cache/aws-guardrails/verdicts")),
    ):
        monkeypatch.setenv(VARIABLE, variable)
        monkeypatch.setenv("XDG_CACHE_HOME", cache)
        assert store_directory() == expected
    monkeypatch.setenv(VARIABLE, "none")
    store = VerdictStore.open(ENVIRONMENT)
    store.remember("key", [1])
    store.save()
    assert store.recall("key", json.dumps) is None
