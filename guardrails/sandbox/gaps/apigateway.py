"""API Gateway: resource policies as AWS shows them, caches without encryption, and the client certificate of a stage.

moto returns a resource policy as it was put. AWS stores whole ARNs in the place of `execute-api:/...`, and its
answer holds the JSON with its quotes escaped. moto also encrypts the cache of every method setting from the start,
which AWS does not. It forgets the client certificate of a stage.
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

    _fix_client_certificates()


def _fix_client_certificates() -> None:
    original_json = Stage.to_json
    original_apply = Stage.apply_operations

    @replaces(Stage, "to_json")
    def to_json(stage: Any) -> dict[str, Any]:
        certificate = getattr(stage, "client_certificate_id", "")
        return {**original_json(stage), **({"clientCertificateId": certificate} if certificate else {})}

    @replaces(Stage, "apply_operations")
    def apply_operations(stage: Any, operations: list[dict[str, Any]]) -> Any:
        for each in operations:
            if each["path"] == "/clientCertificateId":
                stage.client_certificate_id = each.get("value") or ""
        return original_apply(stage, [each for each in operations if each["path"] != "/clientCertificateId"])


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
