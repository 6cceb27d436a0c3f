"""All patches to c7n, boto3 and botocore: one file each, listed in one table (`seam`) and installed in one way."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ..face import face

if TYPE_CHECKING:
    from .archive import in_order
    from .ask_once import forget_responses, share_responses
    from .seam import DoesNotFit, install, prepare_function, prepare_sessions
    from .unknown_resources import isolate

__getattr__, __all__ = face(
    __name__,
    archive=("in_order",),
    ask_once=("forget_responses", "share_responses"),
    seam=("DoesNotFit", "install", "prepare_function", "prepare_sessions"),
    unknown_resources=("isolate",),
)
