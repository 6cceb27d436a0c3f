"""APIs that moto lacks and a policy or its fix needs: one module a service, each with `apply()`.

What is added behaves as AWS documents it, on the state that moto holds. Nothing here answers from a constant.
"""
from __future__ import annotations

import pkgutil
from importlib import import_module


def apply() -> None:
    """Put every service's additions in place. Once in a process."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}").apply()
