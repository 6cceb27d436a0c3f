"""Runs in ministack's interpreter, as a script: starts it, and adds what EventBridge lacks there.

Nothing else of this project can be imported there, nor by the functions that run below it.

- An event reaches a bus of another account or region, when that bus' policy lets the account put events. As on AWS it
  keeps its own account and region, and is sent on no further than one hop.
- What a service itself says, with a source that begins with `aws.`, is taken from the gateway. PutEvents refuses it, as
  AWS does.
- What a function has logged is in its log, on a busy machine too.

Source: EventBridge's guide, "Sending and receiving events between AWS accounts" and "between AWS Regions".
"""
from __future__ import annotations

import array
import contextvars
import fcntl
import json
import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Mapping
from typing import Any

from ministack.app import main
from ministack.core import lambda_runtime, responses
from ministack.services import eventbridge


def leave_with_the_gateway() -> None:
    """End this process and its functions when the gateway, which has the other end of the pipe, has ended."""
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


_within_a_bus = eventbridge._dispatch_to_event_bus


def to_event_bus(spec: Any, event: Mapping[str, Any], rule: Mapping[str, Any], *rest: Any) -> None:
    """Replaces ministack's `_dispatch_to_event_bus`, which supports one account and region."""
    here = (responses.get_account_id(), responses.get_region())
    if here == (spec.account_id, spec.region):
        _within_a_bus(spec, event, rule, *rest)
    elif event.get("_Crossed"):
        eventbridge.logger.warning("%s: an event that came from another bus is not sent on to a third", spec)
    else:
        contextvars.copy_context().run(_arrive, spec, dict(event), here[0])


def _arrive(spec: Any, event: dict[str, Any], sender: str) -> None:
    responses.set_request_account_id(spec.account_id)
    responses.set_request_region(spec.region)
    eventbridge._ensure_default_bus()
    bus = spec.resource.partition("/")[2]
    if bus not in eventbridge._event_buses:
        eventbridge.logger.warning("%s: there is no such event bus", spec)
    elif sender != spec.account_id and not _may_put(sender, bus):
        eventbridge.logger.warning("%s: its policy does not let account %s put events", spec, sender)
    else:
        eventbridge._dispatch_event({**event, "EventBusName": bus, "_Crossed": True})


def _may_put(account: str, bus: str) -> bool:
    """Whether the bus's policy admits the account. A policy for an organization admits every account."""
    policy = eventbridge._event_bus_policies.get(bus) or {}
    named = [statement.get("Principal") for statement in policy.get("Statement") or ()]
    named = [each.get("AWS") if isinstance(each, dict) else each for each in named]
    return any(each in ("*", account) or f"::{account}:" in str(each) for each in named)


_log = threading.Lock()
"""Held while a log line moves from a function's output to its queue, so that no line is missed in between."""


def read_log(worker: Any) -> None:
    """Replaces `Worker._read_stderr`: puts each line of the function's log into the worker's queue."""
    pipe, lines = worker._proc.stderr.fileno(), worker._stderr_queue
    ready = select.poll()
    ready.register(pipe, select.POLLIN)
    begun = b""
    while True:
        try:
            ready.poll()
            with _log:
                found = os.read(pipe, 65_536)
                *whole, begun = (begun + found).split(b"\n")
                for line in [*whole, begun] if not found and begun else whole:
                    lines.put(line.decode(errors="replace"))
        except (OSError, ValueError):
            return  # closed, because the function was ended
        if not found:
            return


def all_that_was_logged(worker: Any, *_: Any, **__: Any) -> str:
    """Replaces `Worker._drain_stderr_bounded`, which on a busy machine stops before a function's last lines.

    They are in the pipe when the function answers: when that is empty, they are in the queue.
    """
    end = time.monotonic() + _LOG_SECONDS
    if worker._proc is None:  # the process has ended, and so has its log
        worker._stderr_thread.join(_LOG_SECONDS)
        end = 0
    while time.monotonic() < end:
        with _log:
            if not _unread(worker._proc):
                break
        time.sleep(0.001)
    found: str = worker._drain_stderr()
    return found


_LOG_SECONDS = 5.0


def _unread(process: Any) -> int:
    """How many bytes of the process's log are not read yet; 0 if the log is closed."""
    count = array.array("i", [0])
    try:
        fcntl.ioctl(process.stderr.fileno(), termios.FIONREAD, count)
    except (OSError, ValueError):
        return 0
    return count[0]


EMIT = "AWSEvents.EmitServiceEvents"
# An operation that AWS does not have, so no client has it either: PutEvents for a service's own events.
_of_a_client = eventbridge.handle_request


async def handle_request(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Any:
    """Replaces ministack's function, which drops events of services that it does not have."""
    if headers.get("x-amz-target") != EMIT:
        return await _of_a_client(method, path, headers, body, query)
    eventbridge._ensure_default_bus()
    return eventbridge._put_events(json.loads(body), allow_aws_source=True)


if __name__ == "__main__":
    threading.Thread(target=leave_with_the_gateway, daemon=True).start()
    eventbridge._dispatch_to_event_bus = to_event_bus
    eventbridge.handle_request = handle_request
    lambda_runtime.Worker._read_stderr = read_log
    lambda_runtime.Worker._drain_stderr_bounded = all_that_was_logged
    sys.argv = ["ministack"]
    main()
