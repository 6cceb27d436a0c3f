"""How Config reads the accounts: boto3 clients whose requests go straight into the gateway, over no network."""
from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.config import Config as ClientConfig
from werkzeug.test import create_environ, run_wsgi_app

Application = Callable[..., Iterable[bytes]]


class Clients:
    """Clients of accounts' administrators at the gateway `application`, whose address is `endpoint`."""

    def __init__(self, application: Application, endpoint: str) -> None:
        self._application = application
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._made: dict[tuple[str, str, str], Any] = {}
        self._session: Any = None

    def of(self, account: str, region: str) -> Callable[[str], Any]:
        """A function that gives the client of a service for one account and region."""
        return lambda service: self._client(service, account, region)

    def _client(self, service: str, account: str, region: str) -> Any:
        with self._lock:
            key = (service, account, region)
            if key not in self._made:
                self._made[key] = self._make(*key)
            return self._made[key]

    def _make(self, service: str, account: str, region: str) -> Any:
        if self._session is None:
            self._session = botocore.session.Session()
            for name in ("config_file", "credentials_file"):  # what the user has configured is not read
                self._session.set_config_variable(name, os.devnull)
        client = self._session.create_client(
            service, region_name=region, endpoint_url=self._endpoint,
            aws_access_key_id=account, aws_secret_access_key="sandbox",  # noqa: S106 - no secret
            config=ClientConfig(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
        )
        client.meta.events.register("before-send", self._send)
        return client

    def _send(self, request: Any, **_: Any) -> AWSResponse:
        body = request.body or b""
        address, _, query = request.url.partition("?")
        environ = create_environ(
            path=address.removeprefix(self._endpoint) or "/", base_url=self._endpoint, query_string=query,
            method=request.method, data=body.encode() if isinstance(body, str) else body,
            headers=[(name, _text(value)) for name, value in request.headers.items() if name != "Content-Length"],
        )
        chunks, status, headers = run_wsgi_app(self._application, environ, buffered=True)
        return AWSResponse(request.url, int(status.split()[0]), headers, _Raw(b"".join(chunks)))


class _Raw(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
