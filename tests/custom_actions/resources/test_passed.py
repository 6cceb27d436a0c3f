"""The ids of what passed: what is written is read, and what is not ours is an error."""
from __future__ import annotations

import gzip
import json
import zlib
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.resources import PASSED, PassedResources, ResourceList, ResourceName, keep_passed, list_file
from custom_actions.resources import passed as module

# JSON joins the halves of a surrogate pair.
TEXT = st.text(st.characters(exclude_categories=())).map(lambda text: json.loads(json.dumps(text)))
NAMES = st.builds(ResourceName, TEXT, st.text(max_size=5))


def name(text: str) -> ResourceName:
    return ResourceName(text, f"arn:{text}")


def kept(directory: Path, listed: str, in_scope: str, matched: str, unknown: str = "") -> list[str] | None:
    """What is read again; None if nothing was written. Each letter is a resource."""
    output = directory / "out"
    output.mkdir(exist_ok=True)
    keep_passed(directory, SimpleNamespace(root_dir=str(output)), name, listed=listed, in_scope=in_scope,
                matched=matched, unknown=set(unknown))
    if not (output / PASSED).exists():
        return None
    found = PassedResources.parse((output / PASSED).read_bytes())
    of = ResourceList.parse(list_file(directory, found.list).read_bytes(), found.list)
    return [each.resource for each in found.names(of)]


def test_in_scope_and_neither_matched_nor_unknown(tmp_path: Path) -> None:
    assert kept(tmp_path, "abcde", "abcd", "a", "bx") == ["c", "d"]
    assert kept(tmp_path, "edcba", "", "") == []
    # The same resources are one list, in whatever order c7n has listed them.
    assert len(list(tmp_path.glob("*.gz"))) == 1
    assert kept(tmp_path, "", "", "") == []
    assert len(list(tmp_path.glob("*.gz"))) == 2
    assert not list(tmp_path.glob(".*"))


def test_two_resources_with_one_name_have_not_passed_if_one_matched(tmp_path: Path) -> None:
    assert kept(tmp_path, "aab", "aab", "a") == ["b"]


def test_nothing_is_kept_of_a_filter_that_returns_other_resources(tmp_path: Path) -> None:
    assert kept(tmp_path, "ab", "ab", "") == ["a", "b"]
    # That of an earlier run is removed.
    assert kept(tmp_path, "ab", "ab", "x") is None
    assert kept(tmp_path, "ab", "abx", "") is None


def test_nothing_is_kept_of_a_list_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIST_BYTES", 20)
    assert kept(tmp_path, "abc", "abc", "") is None
    assert kept(tmp_path, "a", "a", "") == ["a"]


@given(st.lists(NAMES, max_size=30), st.integers(0))
def test_any_names_and_any_of_them(names: list[ResourceName], choice: int) -> None:
    chosen = {each for place, each in enumerate(names) if choice >> place & 1}
    listed = ResourceList.of(names)
    assert listed
    assert ResourceList.parse(listed.packed(), listed.digest) == listed
    assert set(PassedResources.of(listed, chosen).names(listed)) == chosen


def packed(value: Any) -> tuple[bytes, str]:
    plain = json.dumps(value).encode()
    return gzip.compress(plain), sha256(plain).hexdigest()


@pytest.mark.parametrize("value", [{}, None, 1, "ab", [1], [["a"]], [["a", "b", "c"]], [["a", 1]], [{"a": "b"}]])
def test_a_list_of_something_else_is_an_error(value: Any) -> None:
    with pytest.raises(ValueError, match="pairs of id and ARN"):
        ResourceList.parse(*packed(value))


def test_a_list_that_is_not_whole_or_too_large_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    content, digest = packed([["a", "b"]])
    for broken in (content[:len(content) // 2], b"", b"{}", packed([["a", "c"]])[0]):
        with pytest.raises(ValueError, match="list of resources"):
            ResourceList.parse(broken, digest)
    plain = b"[" * 300_000
    with pytest.raises(ValueError, match=r".+"):
        ResourceList.parse(gzip.compress(plain), sha256(plain).hexdigest())
    monkeypatch.setattr(module, "LIST_BYTES", 1000)
    with pytest.raises(ValueError, match="larger than"):
        ResourceList.parse(gzip.compress(bytes(10_000_000)), digest)


GOOD = {"list": "0" * 64, "number": 1, "bits": b64encode(zlib.compress(b"\1")).decode()}


@pytest.mark.parametrize("content", [
    "", "[]", "null", "{}", "[" * 100_000, json.dumps({**GOOD, "list": "../../etc/passwd"}),
    json.dumps({**GOOD, "list": "0" * 65}), json.dumps({**GOOD, "list": 7}), json.dumps({**GOOD, "number": "1"}),
    json.dumps({**GOOD, "number": True}), json.dumps({**GOOD, "bits": "é"}), json.dumps({**GOOD, "bits": None}),
    json.dumps({**GOOD, "bits": "a"}),
])
def test_other_content_is_an_error(content: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        PassedResources.parse(content.encode())


@pytest.mark.parametrize(("number", "bits"), [
    (1, b"\2"), (2, b"\1"), (0, b""), (1, b"\1\0"), (1, bytes(1_000_000)),
])
def test_bits_that_do_not_fit_are_an_error(number: int, bits: bytes) -> None:
    listed = ResourceList.of([name("a")])
    assert listed
    assert list(PassedResources(listed.digest, 1, zlib.compress(b"\1")).names(listed)) == [name("a")]
    for compressed in (zlib.compress(bits), bits):
        with pytest.raises(ValueError, match="bits"):
            PassedResources(listed.digest, number, compressed).names(listed)
    with pytest.raises(ValueError, match="do not fit"):
        PassedResources("0" * 64, 1, zlib.compress(b"\1")).names(listed)


def test_a_later_version_may_write_more() -> None:
    assert PassedResources.parse(json.dumps({**GOOD, "more": "x"}).encode()).number == 1
