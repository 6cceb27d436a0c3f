"""moto's server in this process: one account, fast to reset, and its state can be edited (dates, owners).

For what needs an AWS and no functions: the test cases of policies, and most of this project's own tests. Imports moto.
"""
from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Any, cast
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session
from moto.server import ThreadedMotoServer
from werkzeug.datastructures import Headers
from werkzeug.exceptions import InternalServerError
from werkzeug.test import Client

from . import moto_fixes
from .backdate import backdate
from .errors import SandboxError
from .functions import s3_control
from .given_answers import GivenAnswers
from .given_state import set_state
from .local_account import REGION
from .ownership import set_owner

_KEY, _SECRET = "AKIAIOSFODNN7EXAMPLE", "test"


class LocalAws:
    """A moto server on a free port of 127.0.0.1, and boto3 clients that talk to it."""

    backdate = staticmethod(backdate)
    set_owner = staticmethod(set_owner)
    set_state = staticmethod(set_state)

    def __init__(self) -> None:
        moto_fixes.apply()
        # A line for each request would bury what a failed test says.
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.server.start()
        host, port = self.server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        inside = cast(Any, self.server._server)
        self._given = inside.app = GivenAnswers(inside.app)
        self._application = Client(self._given)
        self._clients: dict[str, Any] = {}
        self._shared: dict[tuple[Any, ...], Any] = {}

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to use this server, and nothing of the user's."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint, "AWS_ENDPOINT_URL_S3_CONTROL": s3_control(self.endpoint),
            "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": _KEY, "AWS_SECRET_ACCESS_KEY": _SECRET, "AWS_MAX_ATTEMPTS": "1",
            "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
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
                aws_access_key_id=_KEY, aws_secret_access_key=_SECRET,
            )
        return self._clients[service]

    def without_socket(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """What takes the place of URLLib3Session.send, to hand this process's requests to the server directly.

        A third of the time goes into the socket. Requests are signed and written, and answers read, as ever. Other
        processes use the port, forks of this one too.
        """
        port, process = urlsplit(self.endpoint).port, os.getpid()

        def send(session: Any, request: Any) -> Any:
            url = urlsplit(request.url)
            # What the server does with the name of a header is left to it.
            if (url.port, os.getpid()) != (port, process) or any("_" in name for name in request.headers):
                return original(session, request)
            body = request.body.read() if hasattr(request.body, "read") else request.body or b""
            body = body.encode() if isinstance(body, str) else body
            try:
                return self._ask(request, url, body)
            except Exception:
                # What moto lacks: the server logs it and answers like this.
                logging.getLogger("werkzeug").warning("moto failed on %s", request.url, exc_info=True)
                answer = InternalServerError().get_response()
                return AWSResponse(request.url, answer.status_code, answer.headers, _Body(answer.get_data()))

        return send

    def _ask(self, request: Any, url: SplitResult, body: bytes) -> AWSResponse:
        """The server's answer to a request, which it gets as from its socket."""
        raw = f"{url.path}?{url.query}" if url.query else url.path
        environ = {
            "REQUEST_METHOD": request.method, "SCRIPT_NAME": "", "REQUEST_URI": raw, "RAW_URI": raw,
            "PATH_INFO": unquote_to_bytes(url.path).decode("latin-1"), "QUERY_STRING": url.query,
            "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": url.hostname, "SERVER_PORT": str(url.port),
            "HTTP_HOST": url.netloc, "REMOTE_ADDR": "127.0.0.1", "wsgi.version": (1, 0), "wsgi.url_scheme": url.scheme,
            "wsgi.input": BytesIO(body), "wsgi.errors": sys.stderr, "wsgi.multithread": True,
            "wsgi.multiprocess": False, "wsgi.run_once": False,
        }
        for name, value in request.headers.items():
            key = name.upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            environ[key] = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        environ["CONTENT_LENGTH"] = str(len(body))
        status: list[Any] = []
        parts = self._given(environ, lambda line, headers, _=None: status.extend((int(line.split()[0]), headers)))
        try:
            content = b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        code, headers = status
        return AWSResponse(request.url, code, Headers(headers), _Body(content))

    def sharing_clients(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """What takes the place of boto3.Session.client, to let all sessions share their clients.

        Making one takes longer than most calls. A client knows its endpoint, region and credentials, and nothing of
        what is in the account. For processes whose sessions differ in nothing else.
        """

        def client(session: boto3.Session, service: str, region_name: str | None = None, **more: Any) -> Any:
            key = (service, region_name or session.region_name, session.get_credentials().get_frozen_credentials(),
                   os.environ["AWS_ENDPOINT_URL"], *sorted(map(repr, more.items())))
            if key not in self._shared:
                self._shared[key] = original(session, service, region_name=region_name, **more)
            return self._shared[key]

        return client

    def give_answer(self, call: str, answer: Mapping[str, Any], *, account: str = "") -> None:
        """Answer an operation's calls until the next reset: see GivenAnswers.give. Raises ValueError."""
        # There is one account here, whose number no request has.
        self._given.give(call, answer)

    def take_over(self) -> None:
        """Let all of this process use the server, for as long as it lives: for a process that does nothing else."""
        URLLib3Session.send = self.without_socket(URLLib3Session.send)
        boto3.Session.client = self.sharing_clients(boto3.Session.client)

    def reset(self) -> None:
        """As empty as a new account. Raises SandboxError."""
        self._given.clear()
        if (status := self._application.post("/moto-api/reset", base_url=self.endpoint).status_code) != 200:
            raise SandboxError(f"moto could not be reset: it answered {status}")


class _Body(BytesIO):
    """A response's body, as urllib3 gives it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        while chunk := self.read():
            yield chunk
