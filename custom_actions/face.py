"""What a package shows to the others: the names of its face, each imported from its module when it is first used.

A package's `__init__` lists the few names that other packages use. Importing the package then costs nothing: `trend`
does not load c7n because it reads results, and a deployed function loads the elements of its policy and no others.

    if TYPE_CHECKING:
        from .account import Account, Accounts

    __getattr__, __all__ = face(__name__, account=("Account", "Accounts"))

The imports under TYPE_CHECKING are for mypy and for editors. A test compares them with the table below.
"""
from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def face(package: str, **modules: tuple[str, ...]) -> tuple[Callable[[str], Any], list[str]]:
    """The `__getattr__` and the `__all__` of a package.

    Args:
        package: its `__name__`.
        modules: the names that each of its modules gives to others; `iam__needs` stands for the module `iam.needs`.
            A module that is among its own names is shown itself.
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def __getattr__(name: str) -> Any:  # noqa: N807 - what Python calls for a name that a package lacks
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{homes[name].replace('__', '.')}")
        return module if name == homes[name] else getattr(module, name)

    return __getattr__, sorted(homes)
