"""Files that a person, an editor or an attacker has damaged: one error that names the file, and nothing is written.

Each verb that reads a file gets each kind of damage, in this process. `tried()` is their number.
"""
from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guardrails.accounts import account as accounts
from tests.guardrails.conftest import guardrails


def write(content: bytes) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "binary": write(bytes(range(256)) * 20),
    "zeros": write(bytes(5_000)),
    "UTF-16": write("policies: []\n".encode("utf-16")),
    "half a character": write(b"policies: \xe2\x82"),
    "a list": write(b"[1, 2]"),
    "a number": write(b"7"),
    "a string": write(b'"text"'),
    "a scalar of each kind": write(b"accounts: 7\npolicies: 7\nexceptions: 7\nname: 7\ndetail: 7\nversion: 7\n"),
    "lists of null": write(b"accounts: [null]\npolicies: [null]\nexceptions: [null]\nname: [null]\n"),
    "lists of lists": write(b"accounts: [[]]\npolicies: [[]]\nexceptions: [[]]\nname: [[]]\n"),
    "lists of objects": write(b"accounts: [{}]\npolicies: [{}]\nexceptions: [{}]\nname: [{}]\n"),
    "wrong types": write(b"accounts: [{account_id: [1], name: {}, regions: 5, vars: 7, role: {}}]\n"
                         b"policies: [{name: [], resource: 5, mode: 7, filters: {}, metadata: []}]\n"
                         b"exceptions: [{policy: 5, reason: [], expires: {}, resources: 7}]\n"),
    "NaN": write(b"accounts: .nan\npolicies: .nan\nexceptions: .nan\n"),
    "a huge number": write(b"policies: 1" + b"0" * 5_000 + b"\naccounts: 1e999\nexceptions: 1e999\n"),
    "a duplicate key": write(b"policies: []\npolicies: []\n"),
    "deep YAML": write(b"policies: " + b"[" * 5_000),
    "deep JSON": write(b'{"a":' * 100_000),
    "cut JSON": write(b'{"detail": {"eventName": "x"'),
    "aliases that grow": write(b"a: &a [x, x, x, x, x, x, x, x, x, x]\n" + b"".join(
        f"{n}: &{n} [{', '.join([f'*{p}'] * 10)}]\n".encode() for p, n in zip("abcdefgh", "bcdefghi", strict=True))),
    "an object of Python": write(b"policies: !!python/object/apply:os.system ['true']\n"),
    "a tab": write(b"policies:\n\t- x\n"),
    "larger than any limit": lambda path: (path.touch(), os.truncate(path, 200_000_000)),
    "a disk that fails": lambda path: path.symlink_to("/proc/self/mem"),
    "no permission": lambda path: (path.touch(), path.chmod(0)),
    "a link to nothing": lambda path: path.symlink_to(path.with_name("none-such")),
    "a directory": Path.mkdir,
    "a loop": lambda path: path.symlink_to(path),
    "a pipe": os.mkfifo,
}
"""Damages of any file, whatever it should hold."""

VERBS: dict[str, tuple[str, ...]] = {
    "accounts of audit": ("audit", "-c", "FILE", "-o", "OUT", "--history", "none"),
    "accounts of deploy": ("deploy", "-c", "FILE", "--yes"),
    "exceptions of audit": ("audit", "--exceptions", "FILE", "-o", "OUT", "--history", "none"),
    "exceptions of heal": ("heal", "--exceptions", "FILE", "-o", "OUT", "--yes"),
    "policies of validate": ("validate", "FILE"),
    "policies of a directory": ("audit", "--policies", "DIR", "-o", "OUT", "--history", "none"),
    "frameworks": ("coverage", "--controls", "DIR"),
    "cases": ("validate", "POLICIES", "--cases", "DIR"),
    "plan": ("heal", "--apply", "FILE", "-o", "OUT"),
    "receipts": ("rollback", "FILE", "-o", "OUT", "--yes"),
    "receipts to list": ("receipts", "FILE"),
    "receipts of a run": ("rollback", "DIR", "-o", "OUT", "--yes"),
    "recorded events": ("replay", "FILE", "--offline", "--account", "123456789012", "--region", "us-east-1"),
}
FILE = {
    "policies of a directory": "config-rule/s3.yml", "cases": "config-rule/s3.yml", "plan": "plan.json",
    "receipts": "receipts.json", "receipts to list": "receipts.json", "receipts of a run": "receipts.json",
    "recorded events": "event.json"}


@pytest.fixture(autouse=True)
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: Any, **__: Any) -> None:
        raise AssertionError("AWS was asked")

    monkeypatch.setattr(accounts, "make_session", asked)


def arguments(verb: str, directory: Path) -> tuple[list[str], Path]:
    path = directory / "in" / FILE.get(verb, "file.yml")
    path.parent.mkdir(parents=True)
    known = {"FILE": str(path), "DIR": str(directory / "in"), "OUT": str(directory / "out"),
             "POLICIES": "policies/config-rule/s3.yml"}
    return [known.get(word, word) for word in VERBS[verb]], path


# A run may have no receipts. A directory is not a file of a run, and root may read everything.
NO_DAMAGE = [("receipts to list", "a directory"), ("receipts of a run", "a directory")]
# Two verbs that read a file with the same code share the damages.
HALVES = (("accounts of audit", "accounts of deploy"), ("exceptions of audit", "exceptions of heal"))
NOT_TRIED = {(both[1 - at % 2], damage) for both in HALVES for at, damage in enumerate(DAMAGES)}
CASES = [(verb, damage) for verb in VERBS for damage in DAMAGES
         if (verb, damage) not in {*NO_DAMAGE, *NOT_TRIED} and (damage != "no permission" or os.getuid())]


@pytest.mark.parametrize(("verb", "damage"), CASES)
def test_a_bad_file(verb: str, damage: str, tmp_path: Path) -> None:
    words, path = arguments(verb, tmp_path)
    DAMAGES[damage](path)
    result = guardrails(*words)
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code != 0, result.output
    assert "Traceback" not in result.output
    assert path.name in result.output
    assert not (tmp_path / "out").exists()


BOM = b"\xef\xbb\xbf"
EVENT = json.dumps({"source": "aws.none", "detail-type": "x", "account": "123456789012", "region": "us-east-1",
                    "detail": {"eventName": "None", "eventSource": "none.amazonaws.com"}}, indent=1).encode()


@pytest.mark.parametrize("verb", ["exceptions of heal", "accounts of audit", "receipts to list", "recorded events"])
def test_a_mark_of_byte_order_and_line_ends_of_windows_change_nothing(verb: str, tmp_path: Path) -> None:
    """The file says the same, and the verb does the same with it."""
    content = {
        "exceptions of heal": b"exceptions:\n- policy: none-such\n  reason: x\n  expires: 7\n",
        "accounts of audit": b"accounts:\n- account_id: 7\n  name: x\n",
        "receipts to list": b"[\n]\n", "recorded events": EVENT}[verb]
    words, path = arguments(verb, tmp_path)
    path.write_bytes(content)
    plain = guardrails(*words)
    assert "Traceback" not in plain.output
    path.write_bytes(BOM + content.replace(b"\n", b"\r\n"))
    assert (guardrails(*words).output, plain.exit_code) == (plain.output, guardrails(*words).exit_code)


def test_a_pipe_with_a_writer_is_read() -> None:
    """As a shell passes it for `<(command)`."""
    reading, writing = os.pipe()
    os.write(writing, b"[]")
    os.close(writing)
    try:
        result = guardrails("receipts", f"/dev/fd/{reading}")
    finally:
        os.close(reading)
    assert result.exit_code == 0, result.output


def tried() -> int:
    """How many bad files this file tries."""
    return len(CASES)
