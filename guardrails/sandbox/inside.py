"""Runs in ministack's interpreter, as a script: starts it, and adds what EventBridge lacks there.

Nothing else of this project can be imported there, nor by the functions that run below it.

- An event reaches a bus of another account or region, when that bus' policy lets the rule's role put events. As on AWS
  it keeps its own account and region, and is sent on no further than one hop. What a bus' policy denies is denied in
  its own account too.
- PutPermission takes a whole policy.
- What a service itself says, with a source that begins with `aws.`, is taken from the gateway. PutEvents refuses it, as
  AWS does.
- A schedule that is due runs within a second.
- A function that was created or changed is ready at once.
- An event of EventBridge is delivered to a function as AWS does it: asynchronously, so a function that fails gets it
  twice more, and then its dead-letter queue has it.
- A message in a function's dead-letter queue is the event itself, with attributes that say what failed.
- What a function has logged is in its log, on a busy machine too, and FilterLogEvents gives all of it, page by page.
- Step Functions reads and writes S3 where it is: see inside_states.py.
- Files that several functions have in common are extracted once, and compiled once; archives hold no compiled code.

Source: EventBridge's guide, "Sending and receiving events between AWS accounts" and "between AWS Regions"; Lambda's
guide, "Adding a dead-letter queue".
"""
from __future__ import annotations

import array
import contextlib
import contextvars
import fcntl
import fnmatch
import importlib.util
import json
import os
import select
import signal
import sys
import tempfile
import termios
import threading
import time
import types
import uuid
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

from ministack.app import main
from ministack.core import lambda_runtime, responses
from ministack.services import cloudwatch_logs, eventbridge, lambda_svc, scheduler, sqs


def leave_with_the_gateway() -> None:
    """End this process and its functions when the gateway, which has the other end of the pipe, has ended."""
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


_within_a_bus = eventbridge._dispatch_to_event_bus


def to_event_bus(spec: Any, event: Mapping[str, Any], rule: Mapping[str, Any], *rest: Any) -> None:
    """Replaces ministack's `_dispatch_to_event_bus`, which supports one account and region."""
    here = (responses.get_account_id(), responses.get_region())
    bus = spec.resource.partition("/")[2]
    if here == (spec.account_id, spec.region):
        policy = eventbridge._event_bus_policies.get(bus)
        if "Deny" in _effects(policy, _facts(event, here[0], _role_of(rule, spec), forwarded=True)):
            eventbridge.logger.warning("%s: its policy denies what a rule of its own account forwards", spec)
        else:
            _within_a_bus(spec, event, rule, *rest)
    elif event.get("_Crossed"):
        eventbridge.logger.warning("%s: an event that came from another bus is not sent on to a third", spec)
    else:
        contextvars.copy_context().run(_arrive, spec, dict(event), here[0], _role_of(rule, spec))


def _role_of(rule: Mapping[str, Any], spec: Any) -> str:
    """The role with which the rule sends to the bus; empty when its target has none."""
    key = eventbridge._rule_key(rule.get("Name"), rule.get("EventBusName", "default"))
    ends = f":{spec.region}:{spec.account_id}:{spec.resource}"
    return next((str(target.get("RoleArn") or "") for target in eventbridge._targets.get(key) or ()
                 if str(target.get("Arn")).endswith(ends)), "")


def _arrive(spec: Any, event: dict[str, Any], sender: str, role: str) -> None:
    responses.set_request_account_id(spec.account_id)
    responses.set_request_region(spec.region)
    eventbridge._ensure_default_bus()
    bus = spec.resource.partition("/")[2]
    if bus not in eventbridge._event_buses:
        eventbridge.logger.warning("%s: there is no such event bus", spec)
    elif not _may_arrive(spec, bus, _facts(event, sender, role, forwarded=True)):
        eventbridge.logger.warning("%s: its policy does not let account %s put events", spec, sender)
    else:
        eventbridge._dispatch_event({**event, "EventBusName": bus, "_Crossed": True})


def _may_arrive(spec: Any, bus: str, facts: Mapping[str, str]) -> bool:
    effects = _effects(eventbridge._event_bus_policies.get(bus), facts)
    # What a role of the bus' own account may send, IAM decides, which is not enforced here.
    return "Deny" not in effects and (facts["aws:principalaccount"] == spec.account_id or "Allow" in effects)


def _facts(event: Mapping[str, Any], sender: str, role: str, *, forwarded: bool) -> dict[str, str]:
    """The values of the condition keys of PutEvents. Every account is taken for a member of every organization."""
    return {
        "aws:principalaccount": sender, "aws:principalarn": role, "events:source": str(event.get("Source", "")),
        "events:eventbusinvocation": str(forwarded).lower(),
    }


def _effects(policy: Any, facts: Mapping[str, str]) -> set[str]:
    """The effects of the policy's statements that match; they are all about putting events on the bus."""
    return {
        str(statement.get("Effect")) for statement in (policy or {}).get("Statement") or ()
        if _is_about(statement.get("Principal"), facts["aws:principalaccount"])
        and all(_holds(operator, key.lower(), values, facts)
                for operator, block in _conditions(statement) for key, values in block.items())
    }


def _is_about(principal: Any, account: str) -> bool:
    named = principal.get("AWS") if isinstance(principal, dict) else principal
    named = named if isinstance(named, list) else [named]
    return any(each in ("*", account) or f"::{account}:" in str(each) for each in named)


def _conditions(statement: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    given = statement.get("Condition") or {}
    if set(given) == {"Type", "Key", "Value"}:  # PutPermission's own form
        return [(given["Type"], {given["Key"]: given["Value"]})]
    return list(given.items())


def _holds(operator: str, key: str, values: Any, facts: Mapping[str, str]) -> bool:
    if key == "aws:principalorgid":
        return operator == "StringEquals"
    wanted = [str(each) for each in (values if isinstance(values, list) else [values])]
    found = facts.get(key)
    if found is None or operator not in _OPERATORS:
        raise ValueError(f"the sandbox does not know the condition {operator} {key} of a bus' policy")
    matches, negated = _OPERATORS[operator]
    return any(matches(found, each) for each in wanted) is not negated


_OPERATORS: Mapping[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (str.__eq__, False), "StringNotEquals": (str.__eq__, True), "Bool": (str.__eq__, False),
    "StringLike": (fnmatch.fnmatchcase, False), "StringNotLike": (fnmatch.fnmatchcase, True),
    "ArnLike": (fnmatch.fnmatchcase, False), "ArnNotLike": (fnmatch.fnmatchcase, True),
    "ArnEquals": (fnmatch.fnmatchcase, False), "ArnNotEquals": (fnmatch.fnmatchcase, True),
}


def to_function(arn: str, payload: str) -> None:
    """Replaces ministack's `_dispatch_to_lambda`, which delivers an event once, whatever becomes of it."""
    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        eventbridge.logger.warning("the function %s, the target of a rule, does not exist", name)
        return
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), json.loads(payload))


_to_destination = lambda_svc._route_async_failure


def to_dead_letter_queue(target: str, name: str, event: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Replaces ministack's `_route_async_failure`, which sends the message of an on-failure destination to both."""
    _, config, _ = lambda_svc._get_func_record_for_ref(name)
    queue = sqs._queue_by_arn(target)
    if ((config or {}).get("DeadLetterConfig") or {}).get("TargetArn") != target or queue is None:
        _to_destination(target, name, event, result)
        return
    body = result.get("body")
    said = body.get("errorMessage") if isinstance(body, dict) else body
    url = queue["url"]
    sqs._act_send_message({
        "QueueUrl": url, "MessageBody": json.dumps(event), "MessageAttributes": {
            key: {"DataType": kind, "StringValue": value} for key, kind, value in (
                ("RequestID", "String", str(uuid.uuid4())), ("ErrorCode", "Number", "200"),
                ("ErrorMessage", "String", str(said or "Unhandled")[:1024]))}}, url)


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


_first_log_events = cloudwatch_logs._filter_log_events
_LOG_PAGE = 10_000
"""Log events in one answer, at most, as on AWS."""


def filter_log_events(data: Mapping[str, Any]) -> Any:
    """Replaces ministack's, which gives the first page of the events and leaves the others out without a word."""
    group = cloudwatch_logs._log_groups.get(cloudwatch_logs._resolve_log_group_name(data))
    if group is None:
        return _first_log_events(data)
    streams, matches = group["streams"], cloudwatch_logs._compile_filter_pattern(data.get("filterPattern", ""))
    begin, end = data.get("startTime", 0), data.get("endTime", sys.maxsize)
    with cloudwatch_logs._log_events_lock:
        found = [{**event, "logStreamName": name} for name in data.get("logStreamNames") or streams if name in streams
                 for event in streams[name]["events"]
                 if begin <= event["timestamp"] <= end and matches(event.get("message", ""))]
    found.sort(key=lambda event: (event["timestamp"], event.get("ingestionTime", 0)))
    # The token is the number of events that earlier pages had: new ones come at the end.
    given, limit = int(data.get("nextToken") or 0), min(data.get("limit", _LOG_PAGE), _LOG_PAGE)
    answer = {"events": found[given:given + limit], "searchedLogStreams": []}
    return responses.json_response(
        {**answer, "nextToken": str(given + limit)} if given + limit < len(found) else answer)


COMPILE_ONCE = '''
def _compile_once(directory):
    import _imp, hashlib, importlib.machinery, marshal, os, tempfile
    original = importlib.machinery.SourceFileLoader.source_to_code

    def source_to_code(loader, data, path, **options):
        known = os.path.join(directory, hashlib.sha256(data).hexdigest())
        try:
            with open(known, "rb") as file:
                code = marshal.load(file)
        except OSError:
            code = original(loader, data, path, **options)
            with tempfile.NamedTemporaryFile(dir=directory, delete=False) as file:
                marshal.dump(code, file)
            os.replace(file.name, known)
            return code
        _imp._fix_co_filename(code, path)  # as for a .pyc file that was moved
        return code

    importlib.machinery.SourceFileLoader.source_to_code = source_to_code

_compile_once({directory!r})
del _compile_once
'''
"""Runs in a function's process before anything of the function's own. The same source text has the same code."""


def compile_once(directory: str) -> None:
    """Let functions share what they compile, in this directory, as long as the sandbox runs."""
    os.makedirs(directory)
    lambda_runtime._PYTHON_WORKER_SCRIPT = (
        COMPILE_ONCE.replace("{directory!r}", repr(directory)) + lambda_runtime._PYTHON_WORKER_SCRIPT)


class SharedFiles(zipfile.ZipFile):
    """A function's archive, whose files are extracted once for all functions that have them, and linked.

    As on AWS, a function does not write into the directory of its code.
    """

    store = ""

    def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
        made: set[str] = set()
        for each in self.infolist():
            if each.is_dir() or each.filename.startswith("/") or ".." in each.filename.split("/"):
                self.extract(each, path)
                continue
            target = os.path.join(str(path), each.filename)
            if (directory := os.path.dirname(target)) not in made:
                os.makedirs(directory, exist_ok=True)
                made.add(directory)
            kept = os.path.join(self.store, f"{each.CRC:08x}-{each.file_size}-{each.filename.replace('/', '-')[-100:]}")
            try:
                os.link(kept, target)
            except FileNotFoundError:
                # Functions start side by side: it has its name when it is whole, and no other file takes its place,
                # because a file that is being replaced cannot be linked.
                with tempfile.NamedTemporaryFile(dir=self.store) as file:
                    file.write(self.read(each))
                    file.flush()
                    os.chmod(file.name, 0o644)
                    with contextlib.suppress(FileExistsError):
                        os.link(file.name, kept)
                os.link(kept, target)


def extract_once(directory: str) -> None:
    """Let functions share the files of their archives, in this directory, as long as the sandbox runs."""
    os.makedirs(directory)
    SharedFiles.store = directory
    lambda_runtime.zipfile = types.SimpleNamespace(**{**vars(zipfile), "ZipFile": SharedFiles})


def _denied(request: Mapping[str, Any]) -> str:
    """The bus whose policy denies an entry of PutEvents; empty when none does. Its caller has no role here."""
    for entry in request.get("Entries") or ():
        bus = str(entry.get("EventBusName") or "default").rpartition("/")[2]
        account = responses.get_account_id()
        caller = f"arn:aws:iam::{account}:root"
        facts = _facts(entry, account, caller, forwarded=False)
        if "Deny" in _effects(eventbridge._event_bus_policies.get(bus), facts):
            return bus
    return ""


EMIT = "AWSEvents.EmitServiceEvents"
# An operation that AWS does not have, so no client has it either: PutEvents for a service's own events.
_of_a_client = eventbridge.handle_request


async def handle_request(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Any:
    """Replaces ministack's function, which drops events of services that it does not have.

    ministack's function also ignores a bus's policy, as a whole document and for direct calls of PutEvents.
    """
    target = headers.get("x-amz-target")
    given = json.loads(body) if target in (EMIT, "AWSEvents.PutPermission", "AWSEvents.PutEvents") else {}
    if target == "AWSEvents.PutPermission" and given.get("Policy"):
        eventbridge._event_bus_policies[given.get("EventBusName", "default")] = json.loads(given["Policy"])
        return responses.json_response({})
    if target == "AWSEvents.PutEvents" and (denied := _denied(given)):
        return responses.error_response_json("AccessDeniedException", f"the policy of the bus {denied} denies it", 400)
    if target != EMIT:
        return await _of_a_client(method, path, headers, body, query)
    eventbridge._ensure_default_bus()
    return eventbridge._put_events(given, allow_aws_source=True)


def beside(name: str) -> Any:
    """A module beside this file. It is not on the path: nothing of this project may be found by its name."""
    spec = importlib.util.spec_from_file_location(name, os.path.join(os.path.dirname(__file__), f"{name}.py"))
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    threading.Thread(target=leave_with_the_gateway, daemon=True).start()
    eventbridge._dispatch_to_event_bus = to_event_bus
    eventbridge._dispatch_to_lambda = to_function
    lambda_svc._route_async_failure = to_dead_letter_queue
    eventbridge.handle_request = handle_request
    scheduler._SCHEDULE_TICK_INTERVAL = 1
    lambda_svc._LAMBDA_STATE_TRANSITION_DELAY = 0.01
    beside("inside_states").install()
    cloudwatch_logs._filter_log_events = filter_log_events
    lambda_runtime.Worker._read_stderr = read_log
    lambda_runtime.Worker._drain_stderr_bounded = all_that_was_logged
    extract_once(os.path.join(os.environ["TMPDIR"], "extracted"))
    compile_once(os.path.join(os.environ["TMPDIR"], "compiled"))
    sys.argv = ["ministack"]
    main()
