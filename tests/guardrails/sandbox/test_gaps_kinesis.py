"""Kinesis in the local AWS lists streams page by page, as AWS does."""
from __future__ import annotations

from tests.moto_server import Moto


def test_a_list_of_streams_goes_on_until_the_last(moto: Moto) -> None:
    kinesis = moto.client("kinesis")
    names = [f"stream-{number:02}" for number in range(12)]
    for name in reversed(names):
        kinesis.create_stream(StreamName=name, ShardCount=1)
    assert kinesis.list_streams()["StreamNames"] == names
    pages = list(kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["StreamNames"]) for page in pages] == [5, 5, 2]
    assert [name for page in pages for name in page["StreamNames"]] == names
    assert [each["StreamName"] for page in pages for each in page["StreamSummaries"]] == names
    assert [page["HasMoreStreams"] for page in pages] == [True, True, False]
    assert kinesis.list_streams(ExclusiveStartStreamName="stream-10")["StreamNames"] == ["stream-11"]
