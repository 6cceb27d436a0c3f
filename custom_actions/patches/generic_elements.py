"""In a function, loads c7n's generic filters and actions only if a policy of the archive uses them.

With the first resource type, c7n imports three modules because they add an element to every type. One of them imports
EC2 and IAM, so a function for security groups would compile 10,000 lines that it never uses, at each cold start.
"""
from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import c7n.resources

MODULES = {
    "c7n.resources.securityhub": ("post-finding", "finding"),
    "c7n.resources.sfn": ("invoke-sfn",),
    "c7n.resources.ssm": ("ops-item", "post-item"),
}
"""The modules, and the elements that each of them adds to every resource type."""
# A hub's policies are encoded (functions/central.py), so what they use does not show in the text.
_UNREADABLE = '"central"'


def install() -> None:
    """Load what the archive's policies use, and let c7n take all of it for loaded. No effect outside of a function."""
    if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ or "aws" in c7n.resources.LOADED:
        return
    try:
        text = Path("config.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    if _UNREADABLE in text:
        return
    for module in needed(text):
        importlib.import_module(module)
    c7n.resources.LOADED.add("aws")


def needed(text: str) -> Iterator[str]:
    """Which of the modules policies need. `text`: their JSON; a name in any other place of it loads a module, too."""
    for module, names in MODULES.items():
        if any(f'"{name}"' in text for name in names):
            yield module
