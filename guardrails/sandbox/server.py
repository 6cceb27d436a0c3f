"""The background process: gateway and moto in it, ministack below it. Started by process.py."""
from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ..collector import collect_rarely
from .errors import SandboxError
from .ministack import Ministack
from .state import State, StateDirectory

_log = logging.getLogger("guardrails.sandbox")


def main(arguments: list[str] | None = None) -> int:
    """Run until stopped. Returns the exit status: 1 if it could not start; the log says why."""
    parser = argparse.ArgumentParser(prog="python -m guardrails.sandbox.server", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="takes the state file and the logs")
    parser.add_argument("--python", type=Path, required=True, help="the functions' interpreter")
    parser.add_argument("--lifeline", type=int, help="a file descriptor; when it closes, the sandbox stops")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Set before moto is imported, because moto reads it once. Without it AdministratorAccess does not exist.
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    directory = StateDirectory(options.directory)
    try:
        with directory.hold(), Ministack(options.python, options.directory) as ministack:
            _serve(directory, ministack, options.lifeline)
    except SandboxError as error:
        _log.error("%s", error)
        return 1
    return 0


def _serve(directory: StateDirectory, ministack: Ministack, lifeline: int | None) -> None:
    # Imported here: importing moto takes a second, while ministack starts.
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import ThreadedWSGIServer

    from . import config_fixes, moto_fixes
    from .gateway import Gateway

    class Handler(MotoRequestHandler):
        """Sends responses at once: with Nagle's algorithm each would wait for the client's acknowledgement."""

        disable_nagle_algorithm = True

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Log nothing: the trail records the calls."""

    # An account is many thousand objects that stay; the collector need not look through them while they are made.
    collect_rarely()
    moto_fixes.apply()
    config_fixes.apply()
    # The application must know its port, so the server is created first, without an application.
    server = ThreadedWSGIServer("127.0.0.1", 0, _not_ready, handler=Handler)
    endpoint = f"http://127.0.0.1:{server.server_port}"
    ministack.wait()
    gateway = Gateway(endpoint, ministack.port)
    server.app = gateway

    def stop(*_: object) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if lifeline is not None:
        threading.Thread(target=_stop_when_closed, args=(lifeline, stop), daemon=True).start()
    threading.Thread(target=gateway.warm_up, daemon=True).start()
    directory.write(State(
        pid=os.getpid(), endpoint=endpoint, started=datetime.now(UTC).isoformat(timespec="seconds"),
        log=str(directory.log), ministack_pid=ministack.pid, ministack_port=ministack.port,
    ))
    server.serve_forever(poll_interval=0.05)


def _not_ready(environ: object, start_response: object) -> list[bytes]:
    raise RuntimeError("the server has no application yet")


def _stop_when_closed(lifeline: int, stop: Callable[[], None]) -> None:
    os.read(lifeline, 1)
    stop()


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    os._exit(status)  # everything is closed; freeing moto's objects one by one would take seconds
