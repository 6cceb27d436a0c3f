"""c7n's own actions as fixes: each change that they make is recorded, can be undone, and is read again.

`changes` has the changes by AWS operation: how to read the state before, and which calls undo it. `recorder` watches
the calls of an action, `action` is the base class that turns an action of c7n into a fix, and `table` lists these
actions.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from ...face import face

if TYPE_CHECKING:
    from .change import IRREVERSIBLE
    from .settings.databases import DB_INSTANCE
    from .table import NATIVE, NativeAction, as_fix

__getattr__, __all__ = face(
    __name__, change=("IRREVERSIBLE",), settings__databases=("DB_INSTANCE",),
    table=("NATIVE", "NativeAction", "as_fix"))
