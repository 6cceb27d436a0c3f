"""Without a socket, and with shared clients, a test sees what it would see with them, and nothing of another test."""
from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from .moto_server import Moto


def answers(moto: Moto) -> dict[str, Any]:
    """Responses of each protocol, a body, metadata, an error, and the status of what moto lacks."""
    moto.reset()
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="a key", Body=b"x" * 100_000, Metadata={"of_mine": "1"})
    s3.put_object(Bucket="bucket", Key="ü/a+b%20c?d&e=f#g", Body=b"")
    read = s3.get_object(Bucket="bucket", Key="a key")
    found = {
        "query": moto.client("iam").list_users(), "ec2": moto.client("ec2").describe_vpcs()["Vpcs"][0]["CidrBlock"],
        "json": moto.client("dynamodb").list_tables(), "rest-json": moto.client("lambda").list_functions(),
        "xml": [each["Key"] for each in s3.list_objects_v2(Bucket="bucket")["Contents"]], "body": read["Body"].read(),
        "metadata": read["Metadata"],
    }
    with pytest.raises(ClientError) as missing:
        s3.get_bucket_policy(Bucket="bucket")
    found["error"] = missing.value.response["Error"]
    with pytest.raises(Exception, match="500 Internal Server Error") as lacks:
        moto.client("cloudtrail").lookup_events()
    found["lacks"] = type(lacks.value)
    return {name: without_metadata(value) for name, value in found.items()}


def without_metadata(answer: Any) -> Any:
    if not isinstance(answer, Mapping) or "ResponseMetadata" not in answer:
        return answer
    return {**answer, "ResponseMetadata": answer["ResponseMetadata"]["HTTPStatusCode"]}


def test_an_answer_without_a_socket_is_the_servers(moto_server: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    over_the_port = answers(moto_server)
    moto_server.connect(monkeypatch)
    assert answers(moto_server) == over_the_port


def test_a_key_with_any_character_arrives_as_it_is(moto: Moto) -> None:
    assert answers(moto)["xml"] == ["a key", "ü/a+b%20c?d&e=f#g"]


def test_a_process_that_is_forked_changes_the_same_account(moto: Moto) -> None:
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="ours")
    child = os.fork()
    if not child:
        try:
            s3.create_bucket(Bucket="of-the-child")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["ours", "of-the-child"]


def test_sessions_share_a_client_that_sees_only_what_is_there_now(
    moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    moto.share_clients(monkeypatch)
    first = boto3.Session().client("s3")
    first.create_bucket(Bucket="bucket")
    assert boto3.Session().client("s3") is first
    moto.reset()
    assert first.list_buckets()["Buckets"] == []
    assert boto3.Session(region_name="eu-west-1").client("s3") is not first
    other = boto3.Session("AKIAOTHER", "test").client("s3")
    assert other is not first and other._request_signer._credentials.access_key == "AKIAOTHER"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert boto3.Session().client("s3").meta.endpoint_url == "http://127.0.0.1:1"
