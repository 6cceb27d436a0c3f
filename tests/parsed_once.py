"""Lets a process of the tests parse each large YAML file once: the shipped policies take more than a second to parse.

Hundreds of tests run commands in this process that read them. A user's command reads them once.
"""
from __future__ import annotations

import pickle
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from guardrails import yamlfile

_parsed = yamlfile.parsed
LARGE = 4_000
"""Bytes from which a file is kept: what a test writes itself is smaller, and quickly parsed."""


def install() -> None:
    """Put this in place of `yamlfile.parsed`, which `yamlfile.read` calls."""
    yamlfile.parsed = parsed


def parsed(path: Path, content: bytes) -> yamlfile.YamlFile:
    """As `yamlfile.parsed`: equal content gives equal data, and each caller a copy of its own."""
    if len(content) < LARGE:
        return _parsed(path, content)
    file, data = _kept(path.suffix, content)
    return replace(file, path=path, data=pickle.loads(data))  # noqa: S301


@lru_cache(maxsize=300)
def _kept(suffix: str, content: bytes) -> tuple[yamlfile.YamlFile, bytes]:
    # The suffix decides whether what is no YAML may be JSON.
    file = _parsed(Path(f"file{suffix}"), content)
    return replace(file, data=None), pickle.dumps(file.data, pickle.HIGHEST_PROTOCOL)
