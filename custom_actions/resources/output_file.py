"""JSON files in the output of a policy, beside those of c7n."""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_output(output: Any, name: str, content: Any) -> None:
    """Write a JSON file into c7n's `output`, whole or not at all, readable by the owner only.

    Args:
        output: c7n's output; nothing is written if it has no directory.
        name: the file's name.
        content: JSON; None removes the file.

    Raises OSError.
    """
    root = getattr(output, "root_dir", None)
    if not root or not Path(root).is_dir():
        return
    path, part = Path(root) / name, Path(root) / f".{name}.part"
    path.unlink(missing_ok=True)
    part.unlink(missing_ok=True)
    if content is None:
        return
    try:
        # c7n's directory belongs to us; a file or link that is there already is an error.
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
