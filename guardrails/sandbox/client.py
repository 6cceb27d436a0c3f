"""The sandbox as tests and the demo use it."""
from __future__ import annotations

import http.client
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit

from . import process
from .errors import SandboxError
from .functions import s3_control
from .local_account import ACCOUNT, REGION
from .state import State

_RESET_SECONDS = 120.0
_SETTLE_SECONDS = 330.0  # more than the gateway's own limit, whose error names the remaining work


class Sandbox:
    """A running sandbox, from `start` or `attach`. As a context manager it stops a sandbox that `start` started."""

    def __init__(self, directory: Path, started: process.Started) -> None:
        self.directory = directory
        self._started = started
        self.endpoint = started.state.endpoint
        self._clients: dict[tuple[str, str, str], Any] = {}

    @classmethod
    def start(cls, directory: Path | str | None = None) -> Sandbox:
        """Start a sandbox in `directory` (the project's `.sandbox` when None), or attach to the one there.

        One that was started here stops with this process at the latest. Raises SandboxError.
        """
        place = Path(directory) if directory else process.default_directory()
        return cls(place, process.start(place, detached=False))

    @classmethod
    def attach(cls, directory: Path | str | None = None) -> Sandbox:
        """The sandbox that runs in `directory`. Raises SandboxNotRunning."""
        place = Path(directory) if directory else process.default_directory()
        return cls(place, process.Started(process.running(place), new=False))

    @property
    def state(self) -> State:
        """Its processes, start time and log."""
        return self._started.state

    def stop(self) -> list[int]:
        """Stop the sandbox; returns the ids of the ended processes.

        Raises SandboxNotRunning when it has ended by itself, and SandboxError if a process is left.
        """
        if self._started.lifeline is None:
            return process.stop(self.directory)
        # It is this process's own child, whether its directory still exists or not.
        try:
            return process.end(self.state)
        finally:
            os.close(self._started.lifeline)
            # A child process stays in the process table until its parent waits for it.
            with suppress(ChildProcessError):
                os.waitpid(self.state.pid, 0)
            self._started = process.Started(self.state, new=False)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._started.new:
            self.stop()

    def environment(self, account: str = ACCOUNT, region: str = REGION) -> dict[str, str]:
        """Environment variables with which a program uses this sandbox as the administrator of `account`.

        To be laid over os.environ. The user's own profile, configuration and proxy have no effect under them.
        """
        return environment(self.directory, self.endpoint, account, region)

    def session(self, account: str, region: str = REGION) -> Any:
        """A boto3 Session of the administrator of `account` whose clients talk to the sandbox."""
        import boto3
        import botocore.session

        from custom_actions.patches import prepare_sessions

        prepare_sessions()  # botocore's service models: half a second for EC2
        core = botocore.session.Session(profile="default")
        # Ignore the user's own configuration, such as a profile or an endpoint.
        for name, value in _no_configuration(self.directory).items():
            core.set_config_variable({"AWS_CONFIG_FILE": "config_file"}.get(name, "credentials_file"), value)
        core.set_config_variable("ignore_configured_endpoint_urls", True)
        endpoint = self.endpoint

        class Session(boto3.Session):
            def client(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
                kwargs.setdefault("endpoint_url", _endpoint_for(service_name, endpoint))
                return super().client(service_name, *args, **kwargs)

            def resource(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
                kwargs.setdefault("endpoint_url", _endpoint_for(service_name, endpoint))
                return super().resource(service_name, *args, **kwargs)

        return Session(
            aws_access_key_id=account, aws_secret_access_key="sandbox", region_name=region, botocore_session=core  # noqa: S106
        )

    def client(self, service: str, account: str, region: str = REGION) -> Any:
        """A boto3 client of the administrator of `account`; clients are reused."""
        key = (service, account, region)
        if key not in self._clients:
            self._clients[key] = self.session(account, region).client(service)
        return self._clients[key]

    def reset(self) -> None:
        """Empty every account, in moto and in ministack, without a restart."""
        self._ask("POST", "/_sandbox/reset")

    def settle(self) -> None:
        """Wait until every call so far is recorded and delivered, and AWS Config has processed the changes.

        That is: its items are recorded, the functions of the rules they concern have ended, and so on for what these
        have changed. Functions that EventBridge has started are not waited for. Raises SandboxError when it does not
        end, as when two rules undo each other.
        """
        self._ask("POST", "/_sandbox/settle", _SETTLE_SECONDS)

    def backdate(self, path: str, days: float, *, account: str, region: str = REGION) -> None:
        """Set a date in moto's state to that many days ago; see `guardrails.sandbox.backdate`. Raises SandboxError."""
        query = urlencode({"path": path, "days": days, "account": account, "region": region})
        self._ask("POST", f"/_sandbox/backdate?{query}")

    def set_owner(self, path: str, owner: str, *, account: str, region: str = REGION) -> None:
        """Give a network resource to another account; see `guardrails.sandbox.ownership`. Raises SandboxError."""
        query = urlencode({"path": path, "owner": owner, "account": account, "region": region})
        self._ask("POST", f"/_sandbox/owner?{query}")

    def delay_history(self, seconds: float) -> None:
        """Have CloudTrail's event history show events of at least this age only. On AWS they come about 5 minutes late.

        A reset ends it. Raises SandboxError.
        """
        self._ask("POST", f"/_sandbox/history-delay?{urlencode({'seconds': seconds})}")

    def events(self, account: str | None = None, *, after: int = 0) -> list[dict[str, Any]]:
        """The CloudTrail records so far, oldest first, of one account or of all, without the first `after` ones."""
        query = urlencode({**({"account": account} if account else {}), "after": after})
        events: list[dict[str, Any]] = self._ask("GET", f"/_sandbox/events?{query}")["events"]
        return events

    def calls(self, role: str) -> list[str]:
        """The calls of a role's sessions so far, by the role's ARN, such as `lambda:CreateFunction`."""
        calls: list[str] = self._ask("GET", f"/_sandbox/calls?{urlencode({'role': role})}")["calls"]
        return calls

    def logs(self, function_name: str, account: str, region: str = REGION, *, pattern: str = "") -> str:
        """The function's log so far, or its lines that match CloudWatch's pattern; empty if it has not run."""
        return "\n".join(event["message"].rstrip("\n") for event in self.log_events(
            function_name, account, region, pattern=pattern))

    def log_events(
        self, function_name: str, account: str, region: str = REGION, *, pattern: str = "", since: int = 0
    ) -> list[dict[str, Any]]:
        """The events of the function's log since a time in milliseconds, as FilterLogEvents has them."""
        logs = self.client("logs", account, region)
        try:
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=f"/aws/lambda/{function_name}", filterPattern=pattern, startTime=since)
            return [event for page in pages for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return []

    def set_state(self, path: str, value: object, *, account: str, region: str = REGION) -> None:
        """Set a value in moto's state; see `guardrails.sandbox.given_state`. Raises SandboxError."""
        self._ask("POST", "/_sandbox/state", body={"path": path, "value": value, "account": account, "region": region})

    def give_answer(self, call: str, answer: Mapping[str, Any], *, account: str) -> None:
        """Answer an operation's calls in an account until the next reset, as GivenAnswers.give. Raises SandboxError."""
        self._ask("POST", "/_sandbox/answer", body={"call": call, "answer": answer, "account": account})

    def _ask(
        self, method: str, path: str, seconds: float = _RESET_SECONDS, *, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        address = urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=seconds)
        try:
            sent = json.dumps(body).encode() if body is not None else b""
            connection.request(method, path, body=sent, headers={"Content-Length": str(len(sent))})
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise SandboxError(f"the sandbox at {self.endpoint} does not answer: {error}") from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise SandboxError(answer.get("message", str(response.status)))
        return answer


def environment(directory: Path, endpoint: str, account: str, region: str) -> dict[str, str]:
    """See Sandbox.environment."""
    no_proxy = [name for name in os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")).split(",") if name]
    direct = ",".join(dict.fromkeys([*no_proxy, "127.0.0.1", "localhost"]))
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3_CONTROL": s3_control(endpoint),
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_SESSION_TOKEN": "",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        # The user's profile cannot be unset from here, so it is replaced by an empty one.
        "AWS_PROFILE": "default",
        "AWS_DEFAULT_PROFILE": "default",
        **_no_configuration(directory),
        # moto and ministack have neither.
        "AWS_USE_FIPS_ENDPOINT": "false",
        "AWS_USE_DUALSTACK_ENDPOINT": "false",
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def _no_configuration(directory: Path) -> dict[str, str]:
    empty = directory.resolve() / "aws-config"
    if not empty.exists():
        empty.write_text("[default]\n")
    return {"AWS_CONFIG_FILE": str(empty), "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def _endpoint_for(service: str, endpoint: str) -> str:
    return s3_control(endpoint) if service == "s3control" else endpoint
