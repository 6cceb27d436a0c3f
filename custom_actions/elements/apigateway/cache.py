"""Encrypts the cache of a stage, method by method: the plan, and carrying it out.

A stage's settings map `{resource}/{method}` to settings. `*/*` is the default and every other entry overrides it, so
encrypting the default does not change the overrides. The keys already write the slashes of a resource as `~1`, as JSON
Pointer requires, so a key can be used in the path of a patch unchanged.

Source: API Gateway's GetStage and UpdateStage.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from c7n.utils import get_partition

from ...aws import call
from ...fixing import Call, FixPlan, FixResult, Step, fix_by_plan, summary


@dataclass(frozen=True)
class StageName:
    """A stage, as API Gateway's calls identify it."""

    api: str
    name: str

    @classmethod
    def of(cls, arn: str) -> StageName:
        """From `arn:aws:apigateway:REGION::/restapis/API/stages/NAME`. Raises ValueError for anything else."""
        match arn.partition("::/")[2].split("/"):
            case ["restapis", api, "stages", name]:
                return cls(api, name)
        raise ValueError(f"{arn!r} is not the ARN of a REST API stage")

    def arn(self, region: str) -> str:
        """The ARN, of a stage in this region."""
        return f"arn:{get_partition(region)}:apigateway:{region}::/restapis/{self.api}/stages/{self.name}"

    def parameters(self) -> dict[str, str]:
        return {"restApiId": self.api, "stageName": self.name}


def unencrypted(stage: Mapping[str, Any]) -> tuple[str, ...]:
    """The method settings that cache without encryption."""
    settings = stage.get("methodSettings") or {}
    return tuple(sorted(
        method for method, setting in settings.items()
        if setting.get("cachingEnabled") and not setting.get("cacheDataEncrypted")
    ))


def encrypt(client: Any, stage: StageName) -> FixResult:
    """Encrypt every cache of the stage, and verify the result."""

    def plan() -> FixPlan:
        methods = unencrypted(call(client.get_stage, **stage.parameters()))
        if not methods:
            return FixPlan()
        # One call: API Gateway applies a patch completely or not at all.
        return FixPlan([Step(
            f"encrypt the cache of {', '.join(methods)}",
            Call("apigateway", "update_stage", _patch(stage, methods, encrypted=True)),
            Call("apigateway", "update_stage", _patch(stage, methods, encrypted=False)),
            removed=dict.fromkeys(methods, False), added=dict.fromkeys(methods, True))])

    return fix_by_plan(lambda service: client, plan, summarise=_summary)


def _summary(made: Sequence[tuple[Step, Mapping[str, Any]]]) -> FixResult:
    """One entry for each method: whether its cache was encrypted before, and whether it is now."""
    result = summary(made)

    def methods(changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [{"method": method, "cacheDataEncrypted": on} for each in changes for method, on in each.items()]

    return replace(result, removed=methods(result.removed), added=methods(result.added))


def _patch(stage: StageName, methods: tuple[str, ...], *, encrypted: bool) -> dict[str, Any]:
    value = str(encrypted).lower()
    return {**stage.parameters(), "patchOperations": [
        {"op": "replace", "path": f"/{method}/caching/dataEncrypted", "value": value} for method in methods
    ]}
