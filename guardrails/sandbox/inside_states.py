"""Runs in ministack's interpreter, loaded by inside.py: what Step Functions lacks there for a Distributed Map.

Nothing else of this project can be imported there.

- An ItemReader and a ResultWriter use S3, and S3 is moto, behind the gateway. The gateway says with each request where
  it is. The calls are made as the administrator of the state machine's account.
- ResultWriter: how each child execution ended, in files by status and a manifest; the state's result names it.
- MaxConcurrencyPath and ToleratedFailurePercentagePath.
- A state's `JitterStrategy` and `MaxDelaySeconds` are not applied to its retries.

Source: Step Functions' guide, "ItemReader (Map)" and "ResultWriter (Map)".
"""
from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from ministack.core import responses
from ministack.services import stepfunctions

ENDPOINT = "x-sandbox-endpoint"
"""The header with the gateway's address."""
_SECONDS = 60
_STATUSES = {"SUCCEEDED": "SUCCEEDED", "FAILED": "FAILED", "RUNNING": "PENDING"}
_endpoint = ""
_of_a_client = stepfunctions.handle_request
_within_ministack = stepfunctions._run_distributed_map


def install() -> None:
    """Replace ministack's functions."""
    stepfunctions.handle_request = handle_request
    stepfunctions._s3_object_text = object_text
    stepfunctions._run_distributed_map = run_distributed_map


async def handle_request(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Any:
    """Replaces ministack's function: notes the gateway's address first."""
    global _endpoint
    _endpoint = headers.get(ENDPOINT, _endpoint)
    return await _of_a_client(method, path, headers, body, query)


def object_text(bucket: str, key: str) -> str:
    """Replaces `_s3_object_text`, which reads ministack's own S3."""
    status, content = _ask_s3("GET", bucket, key, b"")
    if status != http.client.OK:
        raise stepfunctions._ExecutionError(
            "States.ItemReaderFailed", f"S3 answered {status} for bucket {bucket}, key {key}")
    return content.decode()


def run_distributed_map(
    state: Mapping[str, Any], raw: Any, effective: Any, iterator: Any, execution: Mapping[str, Any], context: Any
) -> Any:
    """Replaces `_run_distributed_map`, which ignores ResultWriter."""
    state = {**state, **{
        name: stepfunctions._resolve_path_or_ctx(state[f"{name}Path"], effective, context)
        for name in ("MaxConcurrency", "ToleratedFailurePercentage") if f"{name}Path" in state}}
    writer = state.get("ResultWriter")
    if not writer:
        return _within_ministack(state, raw, effective, iterator, execution, context)
    before = set(stepfunctions._map_runs)
    # What follows the result is left out: here it is the place of the results.
    bare = {key: value for key, value in state.items() if key not in ("ResultSelector", "ResultPath", "OutputPath")}
    try:
        _, following = _within_ministack(bare, raw, effective, iterator, execution, context)
    finally:
        # The state machine's own map runs, so that another execution's are not taken for this one's.
        arns = [arn for arn, run in stepfunctions._map_runs.items()
                if arn not in before and run["executionArn"] == execution["executionArn"]]
        result = _write_results(writer, effective, context, arns[0]) if arns else None
    result = stepfunctions._apply_result_selector(state, result)
    output = stepfunctions._apply_result_path(state, raw, result)
    return stepfunctions._apply_output_path(state, output, context), following


def _write_results(writer: Mapping[str, Any], effective: Any, context: Any, arn: str) -> dict[str, Any]:
    place = stepfunctions._resolve_params_obj(
        writer.get("Parameters") or writer.get("Arguments") or {}, effective, context)
    bucket, prefix = place["Bucket"], f"{place.get('Prefix', '').rstrip('/')}/{uuid.uuid4()}"
    by_status: dict[str, list[dict[str, Any]]] = {}
    for child in list(stepfunctions._executions.values()):
        if child.get("mapRunArn") == arn:
            by_status.setdefault(_STATUSES.get(child["status"], "FAILED"), []).append(_shown(child))
    files: dict[str, list[dict[str, Any]]] = {"SUCCEEDED": [], "FAILED": [], "PENDING": []}
    for status, children in by_status.items():
        content = json.dumps(children).encode()
        key = f"{prefix.lstrip('/')}/{status}_0.json"
        _write(bucket, key, content)
        files[status].append({"Key": key, "Size": len(content)})
    manifest = f"{prefix.lstrip('/')}/manifest.json"
    _write(bucket, manifest, json.dumps(
        {"DestinationBucket": bucket, "MapRunArn": arn, "ResultFiles": files}).encode())
    return {"MapRunArn": arn, "ResultWriterDetails": {"Bucket": bucket, "Key": manifest}}


def _shown(child: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "ExecutionArn": "executionArn", "Input": "input", "InputDetails": "inputDetails", "Name": "name",
        "Output": "output", "OutputDetails": "outputDetails", "StartDate": "startDate", "Status": "status",
        "StopDate": "stopDate", "StateMachineArn": "stateMachineArn", "Error": "error", "Cause": "cause"}
    return {name: child[key] for name, key in names.items() if child.get(key) is not None}


def _write(bucket: str, key: str, content: bytes) -> None:
    status, said = _ask_s3("PUT", bucket, key, content)
    if status != http.client.OK:
        raise stepfunctions._ExecutionError(
            "States.ResultWriterFailed", f"S3 answered {status} for bucket {bucket}, key {key}: {said[:200]!r}")


def _ask_s3(method: str, bucket: str, key: str, body: bytes) -> tuple[int, bytes]:
    scope = f"Credential={responses.get_account_id()}/20260101/{responses.get_region()}/s3/aws4_request"
    address = urlsplit(_endpoint)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=_SECONDS)
    try:
        connection.request(method, f"/{bucket}/{quote(key)}", body, {
            "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=none",
            "Content-Length": str(len(body))})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
