"""Encrypting what a stage caches, method by method: the plan, and carrying it out.

A stage's settings are a map of `{resource}/{method}` to what holds there; `*/*` is the default, and each other entry
overrides it, so encrypting the default leaves the overrides as they were. The resource's slashes stand in the keys as
`~1` already, the way JSON Pointer wants them, so a key goes into the path of a patch as it is.

Source: API Gateway's GetStage and UpdateStage.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ...aws import call, readings, reason_of
from ...fixing import Call, Outcome


@dataclass(frozen=True)
class StageName:
    """A stage, as the calls of API Gateway name it."""

    api: str
    name: str

    @classmethod
    def of(cls, arn: str) -> StageName:
        """From `arn:aws:apigateway:REGION::/restapis/API/stages/NAME`. Raises ValueError for anything else."""
        match arn.partition("::/")[2].split("/"):
            case ["restapis", api, "stages", name]:
                return cls(api, name)
        raise ValueError(f"{arn!r} names no stage of a REST API")

    def parameters(self) -> dict[str, str]:
        return {"restApiId": self.api, "stageName": self.name}


@dataclass(frozen=True)
class Result:
    """What happened to one stage."""

    outcome: Outcome
    reason: str = ""
    methods: tuple[str, ...] = ()
    """The settings that were changed."""
    inverse: tuple[Call, ...] = ()


def unencrypted(stage: Mapping[str, Any]) -> tuple[str, ...]:
    """The method settings that cache and do not encrypt."""
    settings = stage.get("methodSettings") or {}
    return tuple(sorted(
        method for method, setting in settings.items()
        if setting.get("cachingEnabled") and not setting.get("cacheDataEncrypted")
    ))


def encrypt(client: Any, stage: StageName) -> Result:
    """Encrypt every cache of the stage, and read it back. An AWS error is part of the result, never raised."""
    try:
        methods = unencrypted(call(client.get_stage, **stage.parameters()))
        if not methods:
            return Result(Outcome.ALREADY_OK)
        # One call: API Gateway takes all of a patch, or nothing.
        call(client.update_stage, **_patch(stage, methods, encrypted=True))
    except ClientError as error:
        return Result(Outcome.FAILED, reason_of(error))
    inverse = (Call("apigateway", "update_stage", _patch(stage, methods, encrypted=False)),)
    left: tuple[str, ...] = ()
    try:
        for left in readings(lambda: unencrypted(call(client.get_stage, **stage.parameters()))):
            if not left:
                return Result(Outcome.REVERTED, "", methods, inverse)
    except ClientError as error:
        return Result(Outcome.PARTIAL, f"could not read the stage back: {reason_of(error)}", methods, inverse)
    return Result(Outcome.PARTIAL, f"still not encrypted: {', '.join(left)}", methods, inverse)


def _patch(stage: StageName, methods: tuple[str, ...], *, encrypted: bool) -> dict[str, Any]:
    value = str(encrypted).lower()
    return {**stage.parameters(), "patchOperations": [
        {"op": "replace", "path": f"/{method}/caching/dataEncrypted", "value": value} for method in methods
    ]}
