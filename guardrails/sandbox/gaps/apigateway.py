"""API Gateway: resource policies as AWS shows them, and caches without encryption.

moto returns a resource policy as it was put. AWS stores whole ARNs in the place of `execute-api:/...`, and its
answer holds the JSON with its quotes escaped. moto also encrypts the cache of every method setting from the start,
which AWS does not.
"""
from __future__ import annotations

import json
from typing import Any

from moto.apigateway.models import RestAPI, Stage

from ..moto_fixes import replaces


def apply() -> None:
    """Apply the additions, once in a process."""
    original_dict = RestAPI.to_dict
    original_settings = Stage._get_default_method_settings

    @replaces(RestAPI, "to_dict")
    def to_dict(api: Any) -> dict[str, Any]:
        shown = original_dict(api)
        if shown.get(RestAPI.PROP_POLICY):
            shown[RestAPI.PROP_POLICY] = _as_shown(shown[RestAPI.PROP_POLICY], api)
        return shown

    @replaces(Stage, "_get_default_method_settings")
    def default_settings(stage: Any) -> dict[str, Any]:
        return {**original_settings(stage), "cacheDataEncrypted": False}


def _as_shown(policy: str, api: Any) -> str:
    try:
        document = json.loads(policy)
    except ValueError:
        return policy  # AWS would have rejected it; what moto accepted is shown unchanged
    arn = f"arn:aws:execute-api:{api.region_name}:{api.account_id}:{api.id}"
    text = json.dumps(_whole(document, arn), separators=(",", ":"))
    return json.dumps(text)[1:-1]


def _whole(value: Any, arn: str) -> Any:
    if isinstance(value, dict):
        return {key: _whole(inner, arn) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner, arn) for inner in value]
    if isinstance(value, str) and value.startswith("execute-api:/"):
        return arn + value.removeprefix("execute-api:")
    return value
