"""moto's server in the test process: one account, fast to reset, and its backends can be edited (dates)."""
from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session
from moto.server import ThreadedMotoServer
from werkzeug.exceptions import InternalServerError
from werkzeug.test import Client

from guardrails.sandbox import moto_fixes
from guardrails.sandbox.functions import s3_control

ACCOUNT, REGION = "123456789012", "us-east-1"


class Moto:
    """A moto server on a free port of 127.0.0.1, and boto3 clients that talk to it."""

    def __init__(self) -> None:
        moto_fixes.apply()
        # A line for each request would bury what a failed test says.
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.server.start()
        host, port = self.server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        self._application = Client(self.server._server.app)
        self._clients: dict[str, Any] = {}
        self._shared: dict[tuple[Any, ...], Any] = {}

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to use this server, and nothing of the user's."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint, "AWS_ENDPOINT_URL_S3_CONTROL": s3_control(self.endpoint),
            "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "test", "AWS_MAX_ATTEMPTS": "1",
            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:
        """A boto3 client; one for each service, for making one takes longer than most calls.

        `service@region` is one of another region.
        """
        if service not in self._clients:
            name, _, region = service.partition("@")
            self._clients[service] = boto3.client(
                name, region_name=region or REGION,
                endpoint_url=s3_control(self.endpoint) if name == "s3control" else self.endpoint,
                aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="test",
            )
        return self._clients[service]

    def connect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Hand this process's requests to the server without a socket: a third of the time goes into these.

        Requests are signed and written, and answers read, as ever. Other processes use the port, forks of this one too.
        """
        original = URLLib3Session.send
        port, process = urlsplit(self.endpoint).port, os.getpid()

        def send(session: Any, request: Any) -> Any:
            url = urlsplit(request.url)
            # What the server does with the name of a header is left to it.
            if (url.port, os.getpid()) != (port, process) or any("_" in name for name in request.headers):
                return original(session, request)
            body = request.body.read() if hasattr(request.body, "read") else request.body or b""
            body = body.encode() if isinstance(body, str) else body
            headers = {
                key: value.decode() if isinstance(value, bytes) else value for key, value in request.headers.items()}
            try:
                answer = self._application.open(
                    path=url.path, query_string=url.query, base_url=f"{url.scheme}://{url.netloc}",
                    method=request.method, headers=headers, input_stream=BytesIO(body), content_length=len(body))
            except Exception:
                # What moto lacks: the server logs it and answers like this.
                logging.getLogger("werkzeug").warning("moto failed on %s", request.url, exc_info=True)
                answer = InternalServerError().get_response()
            return AWSResponse(request.url, answer.status_code, answer.headers, _Body(answer.get_data()))

        monkeypatch.setattr(URLLib3Session, "send", send)

    def share_clients(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let all sessions share their clients, those of earlier tests too: making one takes longer than most calls.

        A client knows its endpoint, region and credentials, and nothing of what is in the account. For tests whose
        sessions differ in nothing else.
        """
        original = boto3.Session.client

        def client(session: boto3.Session, service: str, region_name: str | None = None, **more: Any) -> Any:
            key = (service, region_name or session.region_name, session.get_credentials().get_frozen_credentials(),
                   os.environ["AWS_ENDPOINT_URL"], *sorted(map(repr, more.items())))
            if key not in self._shared:
                self._shared[key] = original(session, service, region_name=region_name, **more)
            return self._shared[key]

        monkeypatch.setattr(boto3.Session, "client", client)

    def reset(self) -> None:
        """As empty as a new account."""
        assert self._application.post("/moto-api/reset", base_url=self.endpoint).status_code == 200


class _Body(BytesIO):
    """A response's body, as urllib3 gives it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        while chunk := self.read():
            yield chunk
