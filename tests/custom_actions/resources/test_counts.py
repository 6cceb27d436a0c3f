"""The counts of a run, and the file that holds them."""
from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from custom_actions.resources import COUNTS, ResourceCounts


def output(directory: Path) -> SimpleNamespace:
    return SimpleNamespace(root_dir=str(directory))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    counts = ResourceCounts(listed=9, in_scope=7, matched=3, unknown=1)
    counts.write(output(tmp_path))
    assert ResourceCounts.parse((tmp_path / COUNTS).read_bytes()) == counts
    assert counts.passed == 3
    assert [file.name for file in tmp_path.iterdir()] == [COUNTS]


def test_a_file_of_an_earlier_run_does_not_stay(tmp_path: Path) -> None:
    ResourceCounts(1, 1, 0, 0).write(output(tmp_path))
    # A filter that returns more than it was given.
    ResourceCounts(1, 1, 2, 0).write(output(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_link_that_is_there_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("untouched")
    (tmp_path / COUNTS).symlink_to(other)
    (tmp_path / f".{COUNTS}.part").symlink_to(other)
    ResourceCounts(1, 1, 0, 0).write(output(tmp_path))
    assert other.read_text() == "untouched"
    assert json.loads((tmp_path / COUNTS).read_text())["listed"] == 1


GOOD = asdict(ResourceCounts(9, 7, 3, 1))


@pytest.mark.parametrize("content", [
    "", "[]", "null", "{}", "[" * 100_000, json.dumps({**GOOD, "listed": "9"}), json.dumps({**GOOD, "matched": True}),
    json.dumps({**GOOD, "unknown": 1.0}), json.dumps({**GOOD, "matched": -1}), json.dumps({**GOOD, "in_scope": 10}),
    json.dumps({**GOOD, "matched": 7}), json.dumps({**GOOD, "listed": 2**70}), "\xff",
])
def test_other_content_is_an_error(content: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ResourceCounts.parse(content.encode("latin-1"))


def test_a_later_version_may_write_more() -> None:
    assert ResourceCounts.parse(json.dumps({**GOOD, "more": "x"}).encode()).listed == 9
