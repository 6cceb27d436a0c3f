"""Text that others chose (names, descriptions, file names), made safe to print."""
from __future__ import annotations


def escaped(value: object, keep: str = "") -> str:
    r"""`value` as text in which control characters and invisible characters are escaped, for example `\x1b`.

    So it cannot move the cursor of a terminal or, unless "\n" is in `keep`, add a line.

    Args:
        keep: unprintable characters that stay as they are.
    """
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in str(value))
