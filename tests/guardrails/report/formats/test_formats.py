"""The table of formats, whole files, and streamed JSON."""
from __future__ import annotations

import io
import json
import stat
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from guardrails.assessment.assessment import Assessment
from guardrails.errors import GuardrailsError
from guardrails.report.formats import FORMATS, write
from guardrails.report.formats.files import whole
from guardrails.report.formats.stream import array_pieces, object_pieces


def test_the_table_names_the_formats_and_their_files() -> None:
    assert set(FORMATS) == {"html", "csv", "json", "json-ocsf", "asff", "sarif", "junit", "markdown"}
    files = [file for of in FORMATS.values() for file in of.files]
    assert len(set(files)) == len(files)
    for of in FORMATS.values():
        for writer in of.files.values():
            assert find_spec(writer.partition(":")[0])


def test_each_is_written_where_it_was_asked_for(assessment: Assessment, tmp_path: Path) -> None:
    names = [name for name in FORMATS if name != "html"]
    written = write([*names, "csv"], assessment, tmp_path / "new" / "out")
    assert written == [tmp_path / "new/out" / file for name in names for file in FORMATS[name].files]
    assert sorted(path.name for path in (tmp_path / "new/out").iterdir()) == sorted(path.name for path in written)
    assert all(path.stat().st_size for path in written)


def test_an_unknown_format_writes_nothing(assessment: Assessment, tmp_path: Path) -> None:
    with pytest.raises(GuardrailsError, match="unknown format: jsno") as caught:
        write(["json", "jsno"], assessment, tmp_path / "out")
    assert "json-ocsf" in caught.value.fix
    assert not (tmp_path / "out").exists()


def test_after_an_error_the_old_file_is_untouched_and_nothing_is_left(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")

    def half() -> None:
        with whole(file) as stream:
            stream.write("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert file.read_text() == "old"
    with whole(file) as stream:
        stream.write("new\r\nü")
    assert file.read_bytes() == "new\r\nü".encode()
    assert stat.S_IMODE(file.stat().st_mode) & stat.S_IRUSR


def test_a_directory_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GuardrailsError, match=r"file/report\.md"), whole(tmp_path / "file" / "report.md"):
        pass


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(GuardrailsError, match="No space left"), whole(tmp_path / "a") as stream:
        raise OSError(28, "No space left on device", stream.name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [
    {}, {"a": 1, "b": [1, {"c": None}], "ü": "\u2028"}, {"a": {"b": {"c": [{}]}}},
])
def test_streamed_json_is_json(value: dict[str, Any]) -> None:
    assert json.loads("".join(object_pieces(value))) == value


def test_iterators_at_any_depth_become_lists() -> None:
    text = "".join(object_pieces({"a": iter([1, 2]), "b": [{"c": iter([]), "d": {"e": (n for n in "xy")}}], "f": 1}))
    assert json.loads(text) == {"a": [1, 2], "b": [{"c": [], "d": {"e": ["x", "y"]}}], "f": 1}
    assert json.loads("".join(array_pieces(iter([])))) == []


def test_a_list_is_written_as_it_is_made() -> None:
    stream = io.StringIO()

    def items() -> Any:
        yield {"first": 1}
        assert '{"first": 1}' in stream.getvalue()
        yield {"second": 2}

    for piece in object_pieces({"items": items()}):
        stream.write(piece)
    assert json.loads(stream.getvalue()) == {"items": [{"first": 1}, {"second": 2}]}
