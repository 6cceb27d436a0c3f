"""APIs that policies and their fixes need and moto lacks: one module for each service, with `apply()`.

What is added behaves as AWS documents it, on the state that moto holds. Nothing here returns a constant response.
"""
from __future__ import annotations

import pkgutil
from importlib import import_module


def apply() -> None:
    """Apply the additions of every service, once in a process."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}").apply()
