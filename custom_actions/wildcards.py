"""Matches the patterns of IAM policies: `*` matches any characters, `?` any single one.

Why not a regular expression: it can take hours. `*a*a*a*a*b` against a long name tries every way to divide the name,
and an attacker who writes a bucket policy can choose both. Here the time is at most the product of the two lengths.

Source: IAM's user guide, "Using wildcards in paths".
"""
from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=16384)
def matches(pattern: str, text: str, *, never: str = "") -> bool:
    """Whether the pattern matches the whole text. The comparison is case-sensitive.

    Args:
        never: a character that `?` does not match, such as `*` if the text is a pattern itself.
    """
    at = place = 0
    star, resume = -1, 0
    while place < len(text):
        wanted = pattern[at:at + 1]
        if wanted == "*":
            star, resume = at, place
            at += 1
        elif wanted and (wanted == text[place] or (wanted == "?" and text[place] != never)):
            at += 1
            place += 1
        elif star >= 0:
            # Let the last star match one more character. The stars before it never need to match more.
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return not pattern[at:].strip("*")
