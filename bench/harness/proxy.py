"""A proxy that makes a local AWS as slow, and as strict, as AWS: `python -m bench.harness.proxy URL` prints its URL.

Each answer takes `--latency` seconds at least (the server's own time is part of it). With `--rate`, each service of
each account answers so many calls a second, after a burst of as many; it refuses more with the error of its protocol
(Throttling, ThrottlingException, SlowDown, TooManyRequestsException). An error 5xx of the server means that it
lacks the API; it is answered as 400, so that nobody retries it. It serves until its standard input is closed.

The account of a key is learned from the AssumeRole calls that pass through.
"""
from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote_plus, urlsplit

from .wire import Asked, read_request

_ROLE = re.compile(r"RoleArn=arn:[\w-]+:iam::(\d{12}):")
_KEY = re.compile(rb"<AccessKeyId>(\w+)</AccessKeyId>")
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "proxy-connection"})
_LARGEST_HEAD = 256 * 1024


class Limit:
    """Tokens for the calls of one service of one account: `rate` a second, and as many at the start."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate, self._tokens, self._at = rate, max(rate, 1.0), now

    def take(self, now: float) -> bool:
        """Whether a call at this time (seconds) is answered."""
        self._tokens = min(max(self._rate, 1.0), self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def throttled(request: Asked) -> tuple[int, dict[str, str], bytes]:
    """The status, headers and body with which AWS refuses a call that is too much."""
    if request.protocol == "json":
        body = b'{"__type":"ThrottlingException","message":"Rate exceeded"}'
        return 400, {"content-type": "application/x-amz-json-1.1"}, body
    if request.protocol == "query":
        code = "RequestLimitExceeded" if request.service == "ec2" else "Throttling"
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>Rate exceeded</Message></Error>"
        if request.service == "ec2":
            text = f"<Response><Errors>{error}</Errors><RequestID>bench</RequestID></Response>"
            return 503, {"content-type": "text/xml"}, text.encode()
        text = f"<ErrorResponse>{error}<RequestId>bench</RequestId></ErrorResponse>"
        return 400, {"content-type": "text/xml"}, text.encode()
    if request.service == "s3":
        text = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
        return 503, {"content-type": "application/xml"}, text.encode()
    return 429, {"content-type": "application/json", "x-amzn-errortype": "TooManyRequestsException"}, (
        b'{"message":"Rate exceeded"}')


@dataclass
class Proxy:
    """Passes requests on, later than they came."""

    host: str
    port: int
    latency: float
    rate: float
    clock: Callable[[], float] = time.monotonic
    accounts: dict[str, str] = field(default_factory=dict)
    limits: dict[tuple[str, str], Limit] = field(default_factory=dict)

    def refused(self, request: Asked) -> bool:
        """Whether the call is one too many for the service and account."""
        if not self.rate:
            return False
        now, of = self.clock(), (self.accounts.get(request.key, "home"), request.service)
        return not self.limits.setdefault(of, Limit(self.rate, now)).take(now)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client has gone
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; returns whether the connection stays open."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        began = self.clock()
        first, headers = _head(head)
        method, target, _ = first.split(" ", 2)
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await _body(reader, headers)
        path, _, query = target.partition("?")
        request = read_request(method, path, query, headers, body)
        if request and self.refused(request):
            status, answer, content = throttled(request)
        else:
            status, answer, content = await self._pass_on(first, headers, body)
            if request and request.operation == "AssumeRole":
                self._learn(body, content)
        if request:
            await asyncio.sleep(max(0.0, began + self.latency - self.clock()))
        if status >= 500 and not (request and status == 503):
            status = 400
        empty = method == "HEAD" or status in (204, 304)
        length = answer.get("content-length", "0") if method == "HEAD" else str(len(content))
        lines = [f"HTTP/1.1 {status} -", *(f"{k}: {v}" for k, v in answer.items() if k not in _HOP)]
        lines += [] if status in (204, 304) else [f"content-length: {length}"]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if empty else content))
        await writer.drain()
        return headers.get("connection", "").lower() != "close"

    async def _pass_on(self, first: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        kept = {k: v for k, v in headers.items() if k not in _HOP | {"expect"}}
        lines = [first, *(f"{k}: {v}" for k, v in kept.items()), f"content-length: {len(body)}", "connection: close"]
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=_LARGEST_HEAD)
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
            await writer.drain()
            status, answer = _head(await reader.readuntil(b"\r\n\r\n"))
            code = int(status.split(" ", 2)[1])
            if answer.get("transfer-encoding", "").lower() == "chunked":
                content = await _chunks(reader)
            else:
                content = b"" if first.startswith("HEAD ") else await reader.read()
        finally:
            writer.close()
        return code, answer, content

    def _learn(self, body: bytes, content: bytes) -> None:
        role, key = _ROLE.search(unquote_plus(body.decode("latin-1"))), _KEY.search(content)
        if role and key:
            self.accounts[key[1].decode()] = role[1]


def _head(text: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = text.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return first, {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _chunks(reader)
    return await reader.readexactly(int(headers.get("content-length") or 0))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while (await reader.readuntil(b"\r\n")) != b"\r\n":
        pass  # trailers
    return b"".join(parts)


async def serve(proxy: Proxy) -> None:
    """Print the address, and serve."""
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=_LARGEST_HEAD, backlog=512)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until standard input is closed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="the server")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds that an answer takes at least [0.05]")
    parser.add_argument("--rate", type=float, default=0, help="calls a second of a service of an account [no limit]")
    options = parser.parse_args()
    server = urlsplit(options.url)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    asyncio.run(serve(Proxy(server.hostname or "", server.port or 80, options.latency, options.rate)))


if __name__ == "__main__":
    main()
