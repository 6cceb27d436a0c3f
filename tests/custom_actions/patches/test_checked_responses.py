"""What a proxy, a login page or another service answers with status 200 is an error, for every protocol of AWS.

A server on this machine answers in place of AWS; botocore, its paginators and c7n read it as they would read AWS.
"""
from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from c7n.utils import reset_session_cache

from custom_actions.aws import AWS_ERRORS
from custom_actions.patches.checked_responses import NotFromAws
from tests import engine
from tests.moto_server import REGION

PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome to the hotel</body></html>"
XHTML = b'<html xmlns="http://www.w3.org/1999/xhtml"><head/><body><p>Sign in</p></body></html>'
XML, JSON, CBOR = "text/xml", "application/x-amz-json-1.1", "application/cbor"
NEVER = {
    "a page": PAGE, "a page in XML": XHTML, "nothing": b"", "a blank": b" \n", "text": b"Internet access is blocked",
    "a JSON list": b"[]", "a JSON string": b'"ok"', "another JSON object": b'{"login": "https://hotel.example"}',
    "JSON that was cut": b'{"Vaults": [{"Name": "a"}', "JSON that ends early": b'{"a": {"b": 1}',
    "deep": b"[" * 100_000,
    "another XML document": b"<feed><entry/></feed>", "XML that was cut": b"<DescribeSecurityGroupsResponse><sec",
    "an answer to another call": b"<ListRolesResponse><ListRolesResult><Roles/></ListRolesResult></ListRolesResponse>",
    "without its result": b"<ListUsersResponse><ResponseMetadata/></ListUsersResponse>", "bytes": bytes(range(256)),
}
READS = {
    "query": ("iam", "list_users", {}, XML,
              b"<ListUsersResponse><ListUsersResult><Users/></ListUsersResult></ListUsersResponse>", "Users"),
    "ec2": ("ec2", "describe_security_groups", {}, XML,
            b"<DescribeSecurityGroupsResponse><securityGroupInfo/></DescribeSecurityGroupsResponse>", "SecurityGroups"),
    "rest-xml": ("route53", "list_hosted_zones", {}, XML,
                 b"<ListHostedZonesResponse><HostedZones/><MaxItems>1</MaxItems><IsTruncated>false</IsTruncated>"
                 b"</ListHostedZonesResponse>", "HostedZones"),
    "s3": ("s3", "list_buckets", {}, XML,
           b"<ListAllMyBucketsResult><Owner/><Buckets/></ListAllMyBucketsResult>", "Buckets"),
    "json": ("logs", "describe_log_groups", {}, JSON, b'{"logGroups": []}', "logGroups"),
    "rest-json": ("apigateway", "get_rest_apis", {}, "application/json", b'{"item": []}', "items"),
    "cbor": ("eventbridgev2", "list_event_buses", {}, CBOR, b"\xbf\xff", None),
}


class Answer:
    body: bytes = b""
    status = 200
    content_type = "text/html"


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answer]:
    """What the server answers to every request."""
    given = Answer()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(given.status)
            self.send_header("content-type", given.content_type)
            self.send_header("content-length", str(len(given.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(given.body)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    for name, value in {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x",
                        "AWS_MAX_ATTEMPTS": "1", "AWS_DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    reset_session_cache()
    yield given
    reset_session_cache()
    server.shutdown()
    server.server_close()
    thread.join()


def client(service: str) -> Any:
    return boto3.Session(region_name=REGION).client(
        service, config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False))


@pytest.mark.parametrize("protocol", [name for name in READS if name != "cbor"])
def test_a_read_is_an_error_and_never_an_empty_list(protocol: str, answer: Answer) -> None:
    service, operation, parameters, content_type, good, key = READS[protocol]
    aws = client(service)
    for what, body in NEVER.items():
        if protocol != "query" and what == "without its result":
            continue
        for answer.content_type in ("text/html", content_type):
            answer.body = body
            with pytest.raises(AWS_ERRORS) as raised:
                getattr(aws, operation)(**parameters)
            # botocore itself refuses XML that was cut; for S3 it takes what is not XML for an error of the server.
            if what != "XML that was cut" and (protocol != "s3" or raised.type is not ClientError):
                assert isinstance(raised.value, NotFromAws), (what, raised.value)
                assert operation.replace("_", "") in str(raised.value).lower()
            pages = aws.get_paginator(operation) if aws.can_paginate(operation) else None
            if pages:
                with pytest.raises(AWS_ERRORS):
                    pages.paginate(**parameters).build_full_result()
    answer.body, answer.content_type = good, content_type
    assert getattr(aws, operation)(**parameters)[key] == []


def test_cbor(answer: Answer) -> None:
    service, operation, parameters, answer.content_type, good, _ = READS["cbor"]
    aws = client(service)
    assert aws.meta.service_model.resolved_protocol == "smithy-rpc-v2-cbor"
    for body in (PAGE, b"", b"\x80", b'{"a": 1}'):
        answer.body = body
        with pytest.raises(NotFromAws):
            getattr(aws, operation)(**parameters)
    answer.body = good
    getattr(aws, operation)(**parameters)


@pytest.mark.parametrize(("service", "operation", "parameters"), [
    ("kms", "enable_key_rotation", {"KeyId": "k"}),
    ("s3", "put_bucket_versioning", {"Bucket": "bucket", "VersioningConfiguration": {"Status": "Enabled"}}),
    ("s3", "head_bucket", {"Bucket": "bucket"}),
    ("s3", "get_bucket_versioning", {"Bucket": "bucket"}),
    ("apigateway", "delete_rest_api", {"restApiId": "a"}),
    ("lambda", "put_function_concurrency", {"FunctionName": "f", "ReservedConcurrentExecutions": 1}),
    ("config", "put_evaluations", {"ResultToken": "t"}),
])
def test_what_aws_answers_with_an_empty_body_stays_fine(
    service: str, operation: str, parameters: dict[str, Any], answer: Answer
) -> None:
    answer.content_type = "binary/octet-stream"
    if operation == "get_bucket_versioning":
        answer.body = b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'
    assert getattr(client(service), operation)(**parameters)
    if operation != "head_bucket":
        answer.body = PAGE
        with pytest.raises(NotFromAws):
            getattr(client(service), operation)(**parameters)


def test_no_content_has_no_body(answer: Answer) -> None:
    answer.status = 204
    assert client("s3").delete_bucket_policy(Bucket="bucket")["ResponseMetadata"]["HTTPStatusCode"] == 204


@pytest.mark.parametrize("body", [PAGE, b"any text", b""])
def test_objects_may_have_any_content(body: bytes, answer: Answer) -> None:
    answer.body = body
    assert client("s3").get_object(Bucket="bucket", Key="key")["Body"].read() == body


def test_an_error_of_s3_with_status_200_is_still_that_error(answer: Answer) -> None:
    answer.body = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate</Message></Error>"
    with pytest.raises(AWS_ERRORS, match="SlowDown"):
        client("s3").list_buckets()


@pytest.mark.parametrize("resource", ["aws.security-group", "aws.s3", "aws.iam-user", "aws.log-group"])
def test_a_policy_fails_and_finds_no_empty_account(resource: str, answer: Answer, tmp_path: Path) -> None:
    answer.body = PAGE
    with pytest.raises(NotFromAws):
        engine.pull({"name": "p", "resource": resource}, tmp_path)
