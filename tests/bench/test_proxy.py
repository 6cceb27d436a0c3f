"""The proxy in front of a server: late answers, refused calls, accounts apart; bodies arrive as they are."""
from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from bench.harness.cloud import Cloud, distant


class Answers(BaseHTTPRequestHandler):
    """S3 that echoes, IAM without users, an STS that gives each account a key, and an API that is missing."""

    protocol_version = "HTTP/1.1"

    def _answer(self, code: int, content: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_GET(self) -> None:
        self._answer(200, b"got " + self.path.encode())

    do_HEAD = do_GET  # noqa: N815 - the name is the base class's

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Server)
        self.server.bodies.append(body)
        self._answer(200, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if "AssumeRole" in body:
            key = "ASIA" + body.partition("iam%3A%3A")[2][:12]
            self._answer(200, (
                f"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>"
                "<SecretAccessKey>x</SecretAccessKey><SessionToken>x</SessionToken>"
                "<Expiration>2036-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
            ).encode())
        elif "ListGroups" in body:
            self._answer(500, b"<html>not implemented</html>")
        else:
            self._answer(200, b"<ListUsersResponse><ListUsersResult><Users/></ListUsersResult></ListUsersResponse>")

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    """Keeps the bodies that were put."""

    bodies: list[bytes]


@contextmanager
def served() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Answers)
    server.bodies = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def client(service: str, where: Cloud, key: str = "AKIAIOSFODNN7EXAMPLE") -> Any:
    return boto3.client(
        service, endpoint_url=where.endpoint, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key="x",
        aws_session_token="x", config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}))


def test_answers_are_late_and_bodies_arrive_as_they_are() -> None:
    with served() as server, distant(Cloud(f"http://127.0.0.1:{server.server_port}"), 0.2) as where:
        s3 = client("s3", where)
        began = time.perf_counter()
        assert s3.get_object(Bucket="logs", Key="a b")["Body"].read() == b"got /logs/a%20b"
        assert time.perf_counter() - began >= 0.2
        assert s3.head_object(Bucket="logs", Key="k")["ContentLength"] == 11
        s3.put_object(Bucket="logs", Key="k", Body=b"\r\n0\r\n" * 50_000)
        assert b"\r\n0\r\n" * 50_000 in server.bodies[0]


def test_a_service_of_an_account_is_refused_when_it_is_asked_too_much_and_no_other() -> None:
    with served() as server, distant(Cloud(f"http://127.0.0.1:{server.server_port}"), 0, rate=3) as where:
        assert where.environment()["AWS_MAX_ATTEMPTS"] == "5"
        sts = client("sts", where)
        keys = [sts.assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/x", RoleSessionName="bench")["Credentials"]["AccessKeyId"]
            for account in ("111111111111", "222222222222")]
        one, other = (client("iam", where, key) for key in keys)
        with pytest.raises(ClientError) as refused:
            _call_often(one)
        assert refused.value.response["Error"]["Code"] == "Throttling"
        other.list_users()
        client("s3", where, keys[0]).get_object(Bucket="logs", Key="k")


def _call_often(iam: Any) -> None:
    for _ in range(30):
        iam.list_users()


def test_an_api_that_the_server_lacks_is_no_reason_to_try_again() -> None:
    """botocore tries again after an error 5xx, and not after a 400 that is none of throttling."""
    with served() as server, distant(Cloud(f"http://127.0.0.1:{server.server_port}"), 0) as where:
        with pytest.raises(ClientError) as error:
            client("iam", where).list_groups()
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
