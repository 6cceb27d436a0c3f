"""Limits for the size of a YAML file after its aliases are resolved.

A few lines of YAML can expand to billions of values, if each anchor lists the previous one ten times. So the nodes of a
file are counted before objects are created from them. Each node is counted once, so this takes no longer than reading
the file. The module works on the events and nodes of PyYAML without importing it, because it is missing in functions.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

BYTES = 8_000_000
"""Maximum size of a file. An accounts.yml with 10,000 accounts has about 2,000,000 bytes."""
SCALAR = 1_000_000
"""Maximum characters in one value. The longest text that AWS accepts in a policy has 20,480."""
DEPTH = 100
"""Maximum nesting of lists and mappings; policies have about 12 levels."""
VALUES = 500_000
"""Maximum number of YAML events in a file: keys, values, and the starts and ends of lists and mappings."""
EXPANDED = 100_000
"""Maximum number of values with all aliases resolved, plus 20 for each value in the file itself."""
EXPANDED_CHARACTERS = 4 * BYTES
"""Maximum characters in all values with all aliases resolved."""


_STEPS = {"SequenceStartEvent": 1, "MappingStartEvent": 1, "SequenceEndEvent": -1, "MappingEndEvent": -1}


def events_too_large(events: Iterable[Any]) -> tuple[str, int] | None:
    """The problem, if a file is nested too deeply or has too many values, and its line; None if there is none.

    Call it before nodes are created: PyYAML creates them recursively, and its fast loader can crash the process.
    """
    depth = 0
    for number, event in enumerate(events):
        depth += _STEPS.get(type(event).__name__, 0)
        if depth > DEPTH:
            return f"lists and mappings are nested deeper than {DEPTH} levels", event.start_mark.line + 1
        if number > VALUES:
            return f"the file has more than {VALUES} values; divide it into several files", event.start_mark.line + 1
    return None


def nodes_too_large(root: Any) -> tuple[str, int] | None:
    """The problem, if the nodes of a file exceed a limit, and its line (counted from 1); None if there is none."""
    sizes: dict[int, tuple[int, int, int]] = {}
    """By node: values, characters and depth, with aliases resolved."""
    open_nodes: set[int] = set()
    pending = [(root, False)]
    while pending:
        node, finished = pending.pop()
        key = id(node)
        if key in sizes:
            continue
        line = node.start_mark.line + 1
        if node.id == "scalar":
            if len(node.value) > SCALAR:
                return f"a value has {len(node.value)} characters; the limit is {SCALAR}", line
            sizes[key] = (1, len(node.value), 0)
            continue
        children = _children(node)
        if not finished:
            if key in open_nodes:
                return "an alias contains itself", line
            open_nodes.add(key)
            pending.append((node, True))
            pending.extend((child, False) for child in reversed(children))
            continue
        open_nodes.discard(key)
        inside = [sizes[id(child)] for child in children]
        values, characters = 1 + sum(size[0] for size in inside), sum(size[1] for size in inside)
        depth = 1 + max((size[2] for size in inside), default=0)
        if depth > DEPTH:
            return f"lists and mappings are nested deeper than {DEPTH} levels when aliases are resolved", line
        sizes[key] = (values, characters, depth)
        if values > EXPANDED + 20 * len(sizes) or characters > EXPANDED_CHARACTERS:
            return ("the aliases of this value expand to too many values: "
                    f"{_shown(values)} values, {_shown(characters)} characters"), line
    return None


def _children(node: Any) -> list[Any]:
    if node.id == "mapping":
        return [each for pair in node.value for each in pair]
    return list(node.value)


def _shown(number: int) -> str:
    return str(number) if number < 10 ** 9 else "more than 1000000000"
