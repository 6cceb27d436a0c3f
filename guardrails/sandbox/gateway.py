"""The one endpoint: a WSGI application that sends each request to moto, to ministack, to the trail or to Config."""
from __future__ import annotations

import http.client
import io
import json
import logging
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote
from xml.sax.saxutils import escape

from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from .backdate import backdate
from .callers import Callers
from .catalogue import recorded_operation
from .config import Config
from .config.changes import Change, changes_of
from .config.errors import ConfigError
from .config.service import Failure
from .events import Call
from .functions import PREFIX, Functions
from .given_answers import GivenAnswers
from .given_state import set_state
from .identity import DEFAULT_ACCOUNT, Caller, Identities, role_session
from .ownership import set_owner
from .partitions import from_ministack, in_region, passed_on, to_ministack
from .stored import bucket, read_object
from .trail import InvalidLookup, Record, Trail, event_bridge_entry
from .wire import read_json, service_model

_log = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

# The services of ministack; moto has all others.
_MINISTACK = {"cloudformation", "lambda", "events", "scheduler", "sns", "sqs", "logs", "states"}
_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/,\s]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
_MINISTACK_SECONDS = 900.0  # a function may run that long, and its caller wait for it
_ENDPOINT = "X-Sandbox-Endpoint"  # for inside_states.py
_ACTIVE_SECONDS = 5.0
_POLL_SECONDS = 0.02
_SETTLE_SECONDS = 300.0
_ENDING_SECONDS = 30.0
_HOP_BY_HOP = {"connection", "content-length", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True)
class Request:
    """A request as the gateway routes it: without the function prefix, its body read."""

    environ: Environ
    caller: Caller
    service: str
    region: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def config_operation(self) -> str:
        """The operation of a request to AWS Config; empty for any other request."""
        service, _, operation = self.headers.get("X-Amz-Target", "").rpartition(".")
        return operation if service == "StarlingDoveService" else ""


@dataclass(frozen=True)
class Answer:
    """A complete response; header names as sent."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Gateway:
    """The application. `endpoint` is its own address, `ministack_port` where ministack listens."""

    def __init__(self, endpoint: str, ministack_port: int) -> None:
        self._endpoint = endpoint
        self._ministack_port = ministack_port
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._given = GivenAnswers(self._moto)
        self._identities = Identities()
        self._functions = Functions(endpoint, read_object)
        self._callers = Callers()
        self.trail = Trail(self._deliver)
        self.config = Config(self, endpoint, self._invoke, self._emit)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        path = environ.get("PATH_INFO", "")
        if path.startswith("/_sandbox/"):
            answer = self._administer(environ, path)
        elif not (request := self._read(environ)):
            answer = _error_answer("", {}, 403, "UnrecognizedClientException", "This function was removed by a reset.")
        elif request.service in _MINISTACK:
            answer = self._to_ministack(request)
        elif request.headers.get("X-Amz-Target", "").endswith("CloudTrail_20131101.LookupEvents"):
            answer = self._lookup(request)
        elif self.config.answers(request.config_operation):
            answer = self._ask_config(request)
        else:
            return self._to_moto(request, start_response)
        return _send(answer, start_response)

    def warm_up(self) -> None:
        """Load the services that are needed first. moto loads the others on their first request."""
        for service in ("sts", "ec2", "iam", "s3", "cloudtrail"):
            authorization = f"AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{service}/aws4_request, "
            self._moto.get_application({"PATH_INFO": "/", "HTTP_HOST": "", "HTTP_AUTHORIZATION": authorization})
        for service in ("ec2", "iam"):
            service_model(service)

    # -- reading ------------------------------------------------------------------------------------------------

    def _read(self, environ: Environ) -> Request | None:
        """The request, or None if it comes from an unknown function."""
        token = ""
        if environ["PATH_INFO"].startswith(PREFIX):
            token = environ["PATH_INFO"][len(PREFIX):].partition("/")[0]
            for name in ("PATH_INFO", "RAW_URI", "REQUEST_URI"):
                if name in environ:
                    rest = environ[name].replace(f"{PREFIX}{token}", "", 1)
                    environ[name] = rest if rest.startswith("/") else f"/{rest}"
            if self._functions.get(token) is None:
                return None
        scope = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", "")) or _CREDENTIAL.search(
            _presigned_credential(environ.get("QUERY_STRING", ""))
        )
        body = environ["wsgi.input"].read() if environ.get("wsgi.input_terminated") else environ["wsgi.input"].read(
            int(environ.get("CONTENT_LENGTH") or 0)
        )
        caller = self._caller(scope["key"] if scope else DEFAULT_ACCOUNT, token)
        request = Request(
            environ=environ,
            caller=replace(caller, arn=in_region(caller.arn, scope["region"])) if scope else caller,
            service=scope["service"] if scope else "",
            region=scope["region"] if scope else "us-east-1",
            method=environ["REQUEST_METHOD"],
            path=environ["PATH_INFO"],
            query=environ.get("QUERY_STRING", ""),
            headers=_headers(environ),
            body=body,
        )
        if role := request.caller.role_arn:
            target = request.headers.get("X-Amz-Target", "")
            self._callers.add(role, request.service, request.method, request.path, target, body)
        return request

    def _caller(self, key: str, token: str) -> Caller:
        function = self._functions.get(token)
        # A function that has assumed another role calls with that role's key, still at its own address.
        if function and key == function.account:
            return self._identities.remember(role_session(function.role_arn, function.name, function.account))
        return self._identities.resolve(key)

    # -- moto ---------------------------------------------------------------------------------------------------

    def _to_moto(self, request: Request, start_response: StartResponse) -> Iterable[bytes]:
        if request.config_operation == "PutConfigRule" and (refusal := self._refuse_rule(request)):
            return _send(refusal, start_response)
        environ = request.environ
        environ["wsgi.input"] = io.BytesIO(request.body)
        environ["CONTENT_LENGTH"] = str(len(request.body))
        environ.pop("wsgi.input_terminated", None)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = request.caller.account
        if "HTTP_AUTHORIZATION" in environ:
            environ["HTTP_AUTHORIZATION"] = _with_key(environ["HTTP_AUTHORIZATION"], request.caller.moto_key)
        operation = recorded_operation(
            request.service, request.method, request.path, request.query, request.headers, request.body
        )
        region = _bucket_region(request) or request.region
        started: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            started[:] = [status, headers]
            return start_response(status, headers, *rest)

        try:
            answer = self._given(environ, start)
            self._tell_config(request, _bucket_region(request) or region, int(started[0].split()[0]))
            if operation is None:
                return answer
            body = b"".join(answer)
        except NotImplementedError as error:
            # 501 is not retried by clients; moto's own 500 would be, five times.
            return _send(_error_answer(request.service, request.headers, 501, "NotImplemented",
                                       f"moto lacks this: {error}"), start_response)
        except Exception as error:  # noqa: BLE001 - any error in moto must become a response and a log entry
            _log.exception("moto failed on %s %s", request.service, operation or request.path)
            return _send(_error_answer(request.service, request.headers, 501, "InternalFailure",
                                       f"moto failed: {type(error).__name__}: {error}"), start_response)
        status, headers = started
        self.trail.add(Call(
            *operation,
            caller=request.caller,
            region=_bucket_region(request) or region,
            time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            method=request.method, path=request.path, query=request.query, headers=request.headers,
            body=request.body,
            status=int(status.split()[0]),
            answer_headers={name.lower(): value for name, value in headers},
            answer=body,
        ))
        return [body]

    # -- ministack ----------------------------------------------------------------------------------------------

    def _to_ministack(self, request: Request) -> Answer:
        account, body = request.caller.account, request.body
        if request.service == "lambda":
            body = self._functions.on_request(request.method, request.path, body, account, request.region)
        apart = passed_on(request.path, request.headers.get("X-Amz-Target", ""))
        if not apart:
            body = to_ministack(body, request.region)
        headers = {**request.headers, "Content-Length": str(len(body)), _ENDPOINT: self._endpoint}
        headers.pop("Transfer-Encoding", None)
        if "Authorization" in headers:
            headers["Authorization"] = _with_key(headers["Authorization"], account)
        target = request.environ.get("RAW_URI") or request.path + (f"?{request.query}" if request.query else "")
        target = to_ministack(target.encode(), request.region).decode()
        try:
            answer = self._ask_ministack(request.method, target, body, headers)
            if request.service == "lambda":
                self._wait_until_active(request, answer, headers.get("Authorization", ""))
        except (OSError, http.client.HTTPException) as error:
            return _error_answer(request.service, request.headers, 502, "ServiceUnavailable",
                                 f"ministack, which holds {request.service}, does not answer: {error}")
        if request.service == "lambda":
            answer = Answer(answer.status, answer.headers, self._functions.on_response(
                request.method, request.path, answer.body, account, request.region))
        elif request.service in {"cloudformation", "sqs", "sns"}:
            # Addresses of queues, in outputs of stacks too, and for unsubscribing must lead back here.
            here = f"http://127.0.0.1:{self._ministack_port}".encode()
            answer = Answer(answer.status, answer.headers, answer.body.replace(here, self._endpoint.encode()))
        return answer if apart else replace(answer, body=from_ministack(answer.body, request.region))

    def _wait_until_active(self, request: Request, answer: Answer, authorization: str) -> None:
        """Keep the answer to a deployment until the function is ready, which takes a moment.

        Clients that deploy ask at once whether it is, and when it is not, wait five seconds before they ask again.
        """
        made = read_json(answer.body) if request.method in {"POST", "PUT"} and answer.status < 300 else {}
        path = f"/2015-03-31/functions/{made.get('FunctionName')}/configuration?Qualifier={made.get('Version')}"
        deadline = time.monotonic() + _ACTIVE_SECONDS
        while "FunctionName" in made and not _is_ready(made) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            made = read_json(self._ask_ministack("GET", path, b"", {"Authorization": authorization}).body)

    def _ask_ministack(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self._ministack_port, timeout=_MINISTACK_SECONDS)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            kept = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP]
            return Answer(response.status, kept, response.read())
        finally:
            connection.close()

    def _deliver(self, account: str, region: str, made: Record) -> None:
        self._put_event(account, region, event_bridge_entry(made), made["eventName"])

    def _emit(self, account: str, region: str, detail_type: str, detail: dict[str, Any]) -> None:
        """Put an event of AWS Config's own on the account's bus."""
        self._put_event(account, region, {
            "Source": "aws.config", "DetailType": detail_type, "Resources": [], "Detail": json.dumps(detail),
        }, detail_type)

    def _put_event(self, account: str, region: str, entry: dict[str, Any], name: str) -> None:
        body = json.dumps({"Entries": [entry]}).encode()
        scope = f"Credential={account}/20260101/{region}/events/aws4_request"
        answer = self._ask_ministack("POST", "/", body, {
            "X-Amz-Target": "AWSEvents.EmitServiceEvents",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=none",
        })
        if answer.status != http.client.OK or json.loads(answer.body).get("FailedEntryCount"):
            _log.error("event %s was not delivered: %s", name, answer.body.decode(errors="replace"))

    # -- AWS Config ---------------------------------------------------------------------------------------------

    def _tell_config(self, request: Request, region: str, status: int) -> None:
        """Tell Config about a successful call: it checks what changed, and notes calls to Config that moto answered."""
        if status >= http.client.BAD_REQUEST:
            return
        account = request.caller.account
        if request.config_operation:
            self.config.called(account, region, request.config_operation, read_json(request.body))
        elif changes := changes_of(
            request.service, request.method, request.path, request.query, request.headers, request.body
        ):
            self.config.changed(account, region, changes)

    def _ask_config(self, request: Request) -> Answer:
        try:
            return _json_answer(200, self.config.answer(
                request.caller.account, request.region, request.config_operation, read_json(request.body)))
        except ConfigError as error:
            return _error_answer(request.service, request.headers, 400, error.code, str(error))

    def _refuse_rule(self, request: Request) -> Answer | None:
        """AWS accepts a rule only if Config may invoke its function."""
        source = read_json(request.body).get("ConfigRule", {}).get("Source", {})
        function = source.get("SourceIdentifier", "")
        if source.get("Owner") != "CUSTOM_LAMBDA" or self._may_invoke(function):
            return None
        return _error_answer(request.service, request.headers, 400, "InsufficientPermissionsException", (
            f"The AWS Lambda function {function} cannot be invoked. Check the specified function ARN, and check the "
            "function's permissions."
        ))

    def _may_invoke(self, function: str) -> bool:
        answer = self._ask_lambda("GET", function, "policy", b"")
        return answer.status == http.client.OK and b"config.amazonaws.com" in answer.body

    def _invoke(self, function: str, event: bytes) -> Failure | None:
        """Run a rule's function to its end."""
        try:
            answer = self._ask_lambda("POST", function, "invocations", event)
        except (OSError, http.client.HTTPException) as error:
            return Failure("ServiceUnavailable", f"ministack, which holds the functions, does not answer: {error}")
        if answer.status != http.client.OK:
            said = read_json(answer.body)
            return Failure(str(said.get("__type", answer.status)), str(said.get("message", said.get("Message", ""))))
        headers = {name.lower(): value for name, value in answer.headers}
        if "x-amz-function-error" not in headers:
            return None
        said = read_json(answer.body)
        return Failure(str(said.get("errorType", headers["x-amz-function-error"])), str(said.get("errorMessage", "")))

    def _ask_lambda(self, method: str, function: str, what: str, body: bytes) -> Answer:
        """A call for a function, as the administrator of the account in its ARN."""
        _, _, _, region, account, *_ = [*function.split(":"), "", "", "", "", ""]
        scope = f"Credential={account}/20260101/{region}/lambda/aws4_request"
        return self._ask_ministack(method, f"/2015-03-31/functions/{quote(function, safe='')}/{what}", body, {
            "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=none",
            "Content-Type": "application/json",
        })

    # -- the trail and the sandbox itself -----------------------------------------------------------------------

    def _lookup(self, request: Request) -> Answer:
        try:
            found = self.trail.lookup(json.loads(request.body or b"{}"), request.caller.account, request.region)
        except InvalidLookup as error:
            return _error_answer(request.service, request.headers, 400, error.code, str(error))
        return _json_answer(200, found)

    def _administer(self, environ: Environ, path: str) -> Answer:
        action = environ["REQUEST_METHOD"], path.removeprefix("/_sandbox/")
        if action == ("GET", "status"):
            return _json_answer(200, {"endpoint": self._endpoint})
        if action == ("GET", "events"):
            query = parse_qs(environ.get("QUERY_STRING", ""))
            records = self.trail.records(query.get("account", [None])[0])
            return _json_answer(200, {"events": records[int(query.get("after", ["0"])[0]):]})
        if action == ("GET", "calls"):
            role = parse_qs(environ.get("QUERY_STRING", "")).get("role", [""])[0]
            return _json_answer(200, {"calls": self._callers.calls(role)})
        if action == ("POST", "settle"):
            left = self.settle()
            return _json_answer(504, {"message": f"still at work after {_SETTLE_SECONDS:.0f} s: {'; '.join(left)}"}
                                ) if left else _json_answer(200, {})
        if action == ("POST", "reset"):
            try:
                self.reset()
            except (OSError, http.client.HTTPException) as error:
                return _json_answer(502, {"message": f"ministack could not be reset: {error}"})
            return _json_answer(200, {})
        if action == ("POST", "state"):
            return self._set_state(environ)
        if action == ("POST", "answer"):
            return self._give_answer(environ)
        if action == ("POST", "backdate"):
            return self._backdate(parse_qs(environ.get("QUERY_STRING", "")))
        if action == ("POST", "owner"):
            return self._set_owner(parse_qs(environ.get("QUERY_STRING", "")))
        if action == ("POST", "history-delay"):
            try:
                self.trail.delay_history(float(parse_qs(environ.get("QUERY_STRING", ""))["seconds"][0]))
            except (LookupError, ValueError) as error:
                return _json_answer(400, {"message": f"the event history is as it was: {error}"})
            return _json_answer(200, {})
        return _json_answer(404, {
            "message": "There are status, events and calls, and by POST settle, reset, state, answer, backdate, "
                       "owner and history-delay."})

    def _set_state(self, environ: Environ) -> Answer:
        try:
            given = _body_of(environ)
            path, account, region = given["path"], given["account"], given["region"]
            set_state(path, given["value"], account=account, region=region)
        except (LookupError, TypeError, ValueError) as error:
            return _json_answer(400, {"message": f"nothing was set: {error}"})
        self.config.changed(account, region, [Change(path.partition(".")[0])])
        return _json_answer(200, {})

    def _give_answer(self, environ: Environ) -> Answer:
        try:
            given = _body_of(environ)
            self._given.give(given["call"], given["answer"], given["account"])
        except (LookupError, TypeError, ValueError) as error:
            return _json_answer(400, {"message": f"no answer was given: {error}"})
        return _json_answer(200, {})

    def _backdate(self, query: dict[str, list[str]]) -> Answer:
        try:
            path, days, account, region = (query[name][0] for name in ("path", "days", "account", "region"))
            backdate(path, float(days), account=account, region=region)
        except (LookupError, ValueError) as error:
            return _json_answer(400, {"message": f"nothing was made older: {error}"})
        self.config.changed(account, region, [Change(path.partition(".")[0])])
        return _json_answer(200, {})

    def _set_owner(self, query: dict[str, list[str]]) -> Answer:
        try:
            path, owner, account, region = (query[name][0] for name in ("path", "owner", "account", "region"))
            set_owner(path, owner, account=account, region=region)
        except LookupError as error:
            return _json_answer(400, {"message": f"nothing got another owner: {error}"})
        self.config.changed(account, region, [Change(path.partition(".")[0])])
        return _json_answer(200, {})

    def settle(self) -> list[str]:
        """Wait until each call so far is recorded and delivered, and the rules have evaluated its changes.

        What the rules' functions change meanwhile is waited for too. Returns what is left when it takes too long.
        """
        self.trail.settle()
        left = self.config.settle(_SETTLE_SECONDS)
        self.trail.settle()  # the functions' own calls
        return left

    def reset(self) -> None:
        """Empty moto and ministack. Running functions are ended first, so that they change nothing afterwards."""
        self.config.stop()
        try:
            self.trail.settle()
            answer = self._ask_ministack("POST", "/_ministack/reset", b"", {"Content-Length": "0"})
            if answer.status != http.client.OK:
                raise http.client.HTTPException(answer.body.decode(errors="replace"))
            self.config.settle(_ENDING_SECONDS)
            self._functions.forget_all()
            self._identities.forget_all()
            self._callers.clear()
            self._given.clear()
            moto_api_backend.reset()
            self.trail.clear()
        finally:
            self.config.clear(_ENDING_SECONDS)


def _body_of(environ: Environ) -> Any:
    return json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))


def _is_ready(function: dict[str, Any]) -> bool:
    return function.get("State") != "Pending" and function.get("LastUpdateStatus") != "InProgress"


def _headers(environ: Environ) -> dict[str, str]:
    """Request headers in Title-Case, because WSGI does not keep their spelling."""
    headers = {
        name[5:].replace("_", "-").title(): value for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").title()] = environ[name]
    return headers


def _presigned_credential(query: str) -> str:
    return f"Credential={parse_qs(query).get('X-Amz-Credential', [''])[0]}" if "X-Amz-Credential" in query else ""


def _with_key(authorization: str, key: str) -> str:
    return re.sub(r"Credential=[^/]+/", f"Credential={key}/", authorization, count=1)


def _bucket_region(request: Request) -> str | None:
    """The region that the bucket of an S3 request lies in: its events are that region's."""
    if request.service != "s3":
        return None
    found = bucket(request.caller.account, request.path.strip("/").partition("/")[0])
    return str(found.region_name) if found else None


def _send(answer: Answer, start_response: StartResponse) -> Iterable[bytes]:
    reason = http.client.responses.get(answer.status, "")
    start_response(f"{answer.status} {reason}", [*answer.headers, ("Content-Length", str(len(answer.body)))])
    return [answer.body]


def _json_answer(status: int, document: Any) -> Answer:
    return Answer(status, [("Content-Type", "application/json")], json.dumps(document, default=str).encode())


def _error_answer(service: str, headers: dict[str, str], status: int, code: str, message: str) -> Answer:
    """An error in the form that the service's clients read."""
    if "json" in headers.get("Content-Type", "") or "X-Amz-Target" in headers or service in {"lambda", "guardduty"}:
        kind = [("Content-Type", "application/json"), ("x-amzn-ErrorType", code)]
        return Answer(status, kind, json.dumps({"__type": code, "message": message}).encode())
    error = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    document = {
        "ec2": f"<Response><Errors><Error>{error}</Error></Errors></Response>",
        "s3": f"<Error>{error}</Error>",
    }.get(service, f"<ErrorResponse><Error>{error}</Error></ErrorResponse>")
    return Answer(status, [("Content-Type", "text/xml")], document.encode())
