"""A worker that fails on purpose: `faulty.py` in the archive of the tests. Nothing of it is shipped.

Calls are answered as AWS answers them: a throttled one with HTTP 503 and RequestLimitExceeded, a denied AssumeRole with
403. c7n tries a throttled call again for four minutes; here it does not wait in between.
"""
from __future__ import annotations

import json
import os
import signal
from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

import boto3
from botocore import handlers
from botocore.awsrequest import AWSResponse

from guardrails.distributed import worker

_THROTTLED = b"<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Rate exceeded</Message></Error>" \
    b"</Errors></Response>"
_DENIED = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole" \
    b"</Message></Error></ErrorResponse>"
_now: dict[str, Any] = {"throttled": False, "locked": False}


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Any:
        yield self._content


def _answer(request: Any, **_: Any) -> AWSResponse | None:
    body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
    if _now["throttled"] and b"/ec2/aws4_request" in _authorization(request):
        return AWSResponse(request.url, 503, {"Content-Type": "text/xml"}, _Body(_THROTTLED))
    if _now["locked"] and b"Action=AssumeRole" in body:
        return AWSResponse(request.url, 403, {"Content-Type": "text/xml"}, _Body(_DENIED))
    return None


def _authorization(request: Any) -> bytes:
    found = request.headers.get("Authorization", b"")
    return found if isinstance(found, bytes) else str(found).encode()


handlers.BUILTIN_HANDLERS.append(("before-send", _answer))


def handler(event: Any, context: Any) -> Any:
    """The worker's handler, after the fault."""
    s3 = boto3.client("s3")
    try:
        faults = json.loads(s3.get_object(Bucket=os.environ["BUCKET"], Key="faults.json")["Body"].read())
    except s3.exceptions.NoSuchKey:
        faults = {}
    account = event["shard"]["account"]
    if account in faults.get("killed", ()):
        os.kill(os.getpid(), signal.SIGKILL)
    _now.update({name: account in faults.get(name, ()) for name in _now})
    with patch("time.sleep") if _now["throttled"] else nullcontext():
        return worker.handler(event, context)
