"""Choosing findings at a prompt: by number, by range, or by policy."""
from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from ..results import Finding

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_SEPARATOR = re.compile(r"[,\s]+")


def chosen(answer: str, findings: Sequence[Finding]) -> list[Finding]:
    """The findings that an answer selects, in their order.

    Args:
        answer: `y` or `yes` for all; `n`, `no` or nothing for none; else numbers (`3`), ranges (`1-5`) and names or
            globs of policies (`s3-*`), separated by commas or spaces.
        findings: the findings, as they are numbered from 1 in the list.

    Raises ValueError, with a message for the user, for a number or name that selects nothing.
    """
    words = [word for word in _SEPARATOR.split(answer.strip()) if word]
    if [word.lower() for word in words] in ([], ["n"], ["no"]):
        return []
    if [word.lower() for word in words] in (["y"], ["yes"]):
        return list(findings)
    picked: set[int] = set()
    for word in words:
        picked |= _picked(word, findings)
    return [finding for number, finding in enumerate(findings, 1) if number in picked]


def _picked(word: str, findings: Sequence[Finding]) -> set[int]:
    if match := _RANGE.fullmatch(word):
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= len(findings):
            raise ValueError(f"{word}: the findings are numbered from 1 to {len(findings)}")
        return set(range(first, last + 1))
    found = {number for number, finding in enumerate(findings, 1) if fnmatchcase(finding.policy, word)}
    if not found:
        raise ValueError(f"{word}: not y, n, a number, a range such as 1-5, or a policy in the list")
    return found
