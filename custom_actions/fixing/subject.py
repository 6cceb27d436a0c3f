"""The resource that a fix changes, where it is not the policy's resource.

A policy on the account can fix a flow log, a detector or a rule that an event names, and c7n takes the deployment of a
stage for the stage. Both the receipt and the journal must name what is changed: a rollback makes only calls that are
about the named resource.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from .engine import FixResult
from .journal import about


@dataclass(frozen=True)
class Subject:
    """What a fix changes; an empty field is that of the policy's resource.

    Attributes:
        resource: the id or the ARN.
        resource_type: the type, in c7n's names.
        region: the region.
    """

    resource: str = ""
    resource_type: str = ""
    region: str = ""

    def fix(self, run: Callable[[], FixResult]) -> FixResult:
        """Run a fix of this resource: its steps in the journal and its result name this resource."""
        own = {name: value for name, value in asdict(self).items() if value}
        with about(own):
            result = run()
        return replace(result, **own)
