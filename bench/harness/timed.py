"""moto's server that keeps when it answered each call: `python -m bench.harness.timed SECONDS` prints its address.

Each answer takes SECONDS longer, as if the server were far away. GET /bench/calls tells the calls with the times of
their answers, in microseconds since 1970, and forgets them.
"""
from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from .server import COUNTED, Counting, operation, serve

_LATENCY = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0


class Timed(Counting):
    """Keeps when each call was answered, in place of what it asked."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == COUNTED or "HTTP_AUTHORIZATION" not in environ:
            return super().__call__(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        time.sleep(_LATENCY)
        answer = self._application(environ, start_response)
        with self._lock:
            self._asked.append((operation(environ, body), int(time.time() * 1_000_000)))
        return answer


if __name__ == "__main__":
    serve(Timed)
