"""Whether an account's recorder runs in a region, and what it records. moto holds the recorder."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from moto.config.models import config_backends


@dataclass(frozen=True)
class Recorder:
    """A running recorder."""

    role_arn: str
    group: dict[str, Any] = field(default_factory=dict)

    def records(self, kind: str, is_global: bool = False) -> bool:
        """Whether resources of the type `kind` are in its recording group."""
        strategy = (self.group.get("recordingStrategy") or {}).get("useOnly")
        if strategy == "EXCLUSION_BY_RESOURCE_TYPES":
            return kind not in self.group["exclusionByResourceTypes"]["resourceTypes"]
        if not self.group.get("allSupported"):
            return kind in (self.group.get("resourceTypes") or ())
        return not is_global or bool(self.group.get("includeGlobalResourceTypes"))


def running_recorder(account: str, region: str) -> Recorder | None:
    """The recorder of an account and region, if it has one that is running."""
    for recorder in config_backends[account][region].recorders.values():
        if recorder.status.recording:
            return Recorder(recorder.role_arn, recorder.recording_group.to_dict())
    return None
