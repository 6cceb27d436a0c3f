"""moto's server with a count of what it is asked: `python -m bench.harness.server` prints its address.

It serves until its standard input is closed. GET /bench/calls tells what was asked, as JSON, and forgets it; POST
/bench/groups?number=N&rules=N&account=ID&region=NAME makes security groups.
"""
from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

from .wire import Asked, read_request

COUNTED, GROUPS = "/bench/calls", "/bench/groups"


class Counting:
    """A WSGI application around moto's that keeps what was asked: (`service Operation`, a hash of the request)."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self._asked: list[tuple[str, int]] = []
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == COUNTED:
            with self._lock:
                asked, self._asked = self._asked, []
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(asked).encode()]
        if environ["PATH_INFO"] == GROUPS:
            make_groups({name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()})
            start_response("200 OK", [])
            return []
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if request := _request(environ, body):
            # Not the key: every assumed role has one of its own.
            whole = (request.name, environ["PATH_INFO"], environ.get("QUERY_STRING", ""), body, request.region)
            with self._lock:
                self._asked.append((request.name, hash(whole)))
        return self._application(environ, start_response)


def operation(environ: Mapping[str, Any], body: bytes) -> str:
    """`service Operation` of a signed request, from its WSGI environment."""
    request = _request(environ, body)
    return request.name if request else "?"


def _request(environ: Mapping[str, Any], body: bytes) -> Asked | None:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value for name, value in environ.items()
        if name.startswith("HTTP_") or name == "CONTENT_TYPE"}
    return read_request(
        environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", ""), headers, body)


def make_groups(asked: Mapping[str, str]) -> None:
    """Put security groups into an account past the API, which would take minutes for thousands.

    `number` groups with `rules` rules each; in every tenth, one rule opens port 22 to everybody.
    """
    from moto.ec2.models import ec2_backends

    backend = ec2_backends[asked["account"]][asked["region"]]
    inside = [{"CidrIp": f"10.{n // 250}.{n % 250}.0/24"} for n in range(int(asked["rules"]) - 1)]
    for n in range(int(asked["number"])):
        made = backend.create_security_group(f"g-{n}", "bench", force=True)
        if inside:
            backend.authorize_security_group_ingress(made.id, "tcp", "443", "443", list(inside))
        source = "10.0.0.0/8" if n % 10 else "0.0.0.0/0"
        backend.authorize_security_group_ingress(made.id, "tcp", "22", "22", [{"CidrIp": source}])


def serve(counting: type[Counting] = Counting) -> None:
    """Print the endpoint and serve until standard input is closed."""
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import ThreadedWSGIServer

    from guardrails.sandbox import moto_fixes

    class Handler(MotoRequestHandler):
        disable_nagle_algorithm = True

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Log nothing."""

    class Server(ThreadedWSGIServer):
        request_queue_size = 512

        def log(self, kind: str, message: str, *args: Any) -> None:
            """Log nothing: an API that moto lacks is an error 500 of that call, and no news."""

    moto_fixes.apply()
    server = Server("127.0.0.1", 0, counting(DomainDispatcherApplication(create_backend_app)), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    serve()
