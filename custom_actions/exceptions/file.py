"""Reading exceptions.yml: at its first use, and again when it has changed."""
from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..yaml_limits import BYTES, events_too_large, nodes_too_large
from .entries import ExceptionList, InvalidExceptions, parse


def read(path: Path, today: date) -> ExceptionList:
    """The exceptions in a file.

    Raises InvalidExceptions when it cannot be read, is not YAML, has a duplicate key, or has an invalid exception.
    """
    try:
        stamp = path.stat()
    except OSError as error:
        raise InvalidExceptions((), f"it cannot be read: {error.strerror}") from None
    # A run reads it for each policy, account and region.
    return _read(path, stamp.st_mtime_ns, stamp.st_size, today)


@lru_cache(maxsize=8)
def _read(path: Path, _changed: int, _size: int, today: date) -> ExceptionList:
    # Imported here: a deployed function has no PyYAML, and reads no file.
    import yaml

    class Loader(yaml.SafeLoader):
        """Rejects duplicate keys, of which YAML would silently use the last."""

    def mapping(loader: Loader, node: yaml.MappingNode) -> dict[Any, Any]:
        loader.flatten_mapping(node)
        made: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if key in made:
                raise InvalidExceptions((), f"line {key_node.start_mark.line + 1}: the key {key!r} is given twice")
            made[key] = loader.construct_object(value_node, deep=True)
        return made

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        if path.stat().st_size > BYTES:
            raise InvalidExceptions((), f"it is too large: the limit is {BYTES} bytes")
        text = path.read_text(encoding="utf-8")
        deep = events_too_large(yaml.parse(text, Loader=yaml.SafeLoader))
        loader = Loader("" if deep else text)
        root = loader.get_single_node()
        if found := deep or (root is not None and nodes_too_large(root)) or None:
            raise InvalidExceptions((), f"line {found[1]}: {found[0]}")
        data = None if root is None else loader.construct_document(root)
    except (OSError, UnicodeDecodeError, TypeError) as error:
        raise InvalidExceptions((), f"it cannot be read: {error}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        if isinstance(error, InvalidExceptions):
            raise
        raise InvalidExceptions((), f"it is not YAML: {' '.join(str(error).split())}") from None
    return parse(data, today)
