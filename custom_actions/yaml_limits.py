"""How large a YAML file may become once its aliases are resolved.

A few lines of YAML can stand for billions of values: each anchor lists the one before it ten times. The nodes of a file
are counted here before anything is built from them, each node once, so the count takes no longer than reading the file.
Works on the events and nodes of PyYAML without importing it: a function has no PyYAML.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

BYTES = 8_000_000
"""Of one file. The accounts.yml of 10,000 accounts has about 2,000,000."""
SCALAR = 1_000_000
"""Characters of one value: the longest texts that AWS accepts in a policy have 20,480."""
DEPTH = 100
"""Of lists and mappings inside each other; policies have about 12."""
VALUES = 500_000
"""Keys, values, and the beginnings and ends of lists and mappings in one file."""
EXPANDED = 100_000
"""Values, with each alias resolved, beside 20 for each that the file itself has."""
EXPANDED_CHARACTERS = 4 * BYTES
"""Characters in all of them."""


_STEPS = {"SequenceStartEvent": 1, "MappingStartEvent": 1, "SequenceEndEvent": -1, "MappingEndEvent": -1}


def events_too_large(events: Iterable[Any]) -> tuple[str, int] | None:
    """What is nested too deeply in a file's events, or that there are too many, and the line; None when all is well.

    To be asked before nodes are built: PyYAML builds them recursively, and its fast loader crashes the process.
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
    """What is too large in a file's nodes, and its line (counted from 1); None when nothing is."""
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
            return ("the aliases of this value stand for too much: "
                    f"{_shown(values)} values, {_shown(characters)} characters"), line
    return None


def _children(node: Any) -> list[Any]:
    if node.id == "mapping":
        return [each for pair in node.value for each in pair]
    return list(node.value)


def _shown(number: int) -> str:
    return str(number) if number < 10 ** 9 else "more than 1000000000"
