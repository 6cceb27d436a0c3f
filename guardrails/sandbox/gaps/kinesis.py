"""Corrects a difference between moto's Kinesis and AWS's. Source: Kinesis' ListStreams."""
from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.kinesis.responses import KinesisResponse

from ..moto_fixes import replaces

_PAGE = 100
"""Streams on a page, unless the call says how many."""


def apply() -> None:
    """Apply the change, once in a process."""

    @replaces(KinesisResponse, "list_streams")
    def list_streams(call: Any) -> ActionResult:
        """A page has 100 streams and the token of the next one; moto's has 10 and no token, so the list ends there."""
        streams = sorted(call.kinesis_backend.list_streams(), key=lambda stream: stream.stream_name)
        after = call._get_param("NextToken") or call._get_param("ExclusiveStartStreamName") or ""
        left = [stream for stream in streams if stream.stream_name > after]
        page = left[:call._get_param("Limit") or _PAGE]
        names = [stream.stream_name for stream in page]
        return ActionResult({
            "StreamNames": names, "HasMoreStreams": len(left) > len(page),
            "StreamSummaries": [stream.to_json_summary()["StreamDescriptionSummary"] for stream in page],
            **({"NextToken": names[-1]} if len(left) > len(page) else {}),
        })
