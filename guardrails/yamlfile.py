"""Reads YAML files as c7n does, with the line of every value."""
from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from custom_actions.yaml_limits import BYTES, events_too_large, nodes_too_large

from .inputfile import CannotRead, TooLarge, read_bytes

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class YamlError(Exception):
    """The file cannot be read. `line` is the line of the error, counted from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True)
class YamlFile:
    """The content of a file. Anchors and merge keys are resolved; braces such as `{account_id}` are left for c7n."""

    path: Path
    data: Any
    _root: Any
    text: str = ""

    def line(self, path: Sequence[str | int] = ()) -> int:
        """The line, counted from 1, of the value at `path`; of its nearest parent when the value is missing.

        It is the line of the key, so that an empty or folded value points at its name. A value from an anchor has the
        line of the anchor.
        """
        node, line = self._root, 1
        for step in path:
            found = None
            if isinstance(node, yaml.MappingNode):
                # The last one wins, as in the loaded data: merged keys come before the mapping's own.
                for key, value in node.value:
                    if key.value == str(step):
                        found = (value, key.start_mark.line + 1)
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                found = (node.value[step], node.value[step].start_mark.line + 1)
            if found is None:
                break
            node, line = found
        return line


def read(path: Path) -> YamlFile:
    """Read the file.

    Raises YamlError when it is not text, not valid YAML, repeats a key in one mapping, or is too large: itself, or with
    its aliases resolved (`custom_actions.yaml_limits`).
    """
    return parsed(path, content(path))


def content(path: Path) -> bytes:
    """The file's content, for `parsed`. Raises YamlError as `read` does."""
    try:
        return read_bytes(path, BYTES, pipes=False)
    except TooLarge:
        raise YamlError(f"too large: the limit is {BYTES} bytes; divide it into several files", 1) from None
    except CannotRead as error:
        raise YamlError(f"cannot be read: {error}", 1) from None


def parsed(path: Path, content: bytes) -> YamlFile:
    """The file with this content. Raises YamlError as `read` does."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise YamlError(f"cannot be read: {error}", 1) from None
    loader = None
    try:
        if found := events_too_large(yaml.parse(text, Loader=Loader)):
            raise YamlError(*found)
        loader = Loader(text)
        root = loader.get_single_node()
        if root is None:
            return YamlFile(path, None, None, text)
        if found := nodes_too_large(root):
            raise YamlError(*found)
        # Before construction, which merges the merge keys into the mapping.
        for key, line in _repeated_keys(root):
            raise YamlError(f"duplicate key {key!r} in one mapping; only the last one would apply", line)
        return YamlFile(path, loader.construct_document(root), root, text)
    except yaml.MarkedYAMLError as error:
        if path.suffix == ".json" and (found := _json(text)) is not None:
            return YamlFile(path, found, None, text)
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.context, error.problem) if part)
        # PyYAML reports what is missing at the end on the line after it.
        line = min(mark.line + 1, len(text.splitlines())) if mark else 1
        raise YamlError(f"invalid YAML: {what}", max(line, 1)) from None
    # A number that Python cannot convert, in decimal or in base 60, is a ValueError or an OverflowError.
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise YamlError(f"invalid YAML: {error}", 1) from None
    finally:
        if loader is not None:
            loader.dispose()


@contextmanager
def no_collection() -> Iterator[None]:
    """Disable garbage collection, which takes a quarter of the time here and finds little: what is read is kept."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def _json(text: str) -> Any:
    """JSON that is no YAML, such as with tabs; None if it is no JSON. Its values have no lines."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def dump(data: Any) -> str:
    """`data` as YAML without anchors, so that policies share nothing."""

    class Plain(Dumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return str(yaml.dump(data, Dumper=Plain, default_flow_style=False, sort_keys=False, allow_unicode=True))


def flow(data: Any, limit: int = 300) -> str:
    """`data` as YAML on one line, for a message, cut to `limit` characters."""
    shown = str(yaml.dump(data, Dumper=Dumper, default_flow_style=True, sort_keys=False, allow_unicode=True,
                          width=1 << 30))
    shown = " ".join(shown.removesuffix("...\n").split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _repeated_keys(root: Any) -> Iterator[tuple[str, int]]:
    pending, seen_nodes = [root], set()
    while pending:
        node = pending.pop()
        if id(node) in seen_nodes:
            continue
        seen_nodes.add(id(node))
        if isinstance(node, yaml.MappingNode):
            names = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in names and key.tag != "tag:yaml.org,2002:merge":
                        yield key.value, key.start_mark.line + 1
                    names.add(key.value)
                pending.append(value)
        elif isinstance(node, yaml.SequenceNode):
            pending.extend(node.value)
