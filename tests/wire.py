"""The calls to AWS, of which one operation fails for one resource."""
from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

FAULTS = DENIED, SERVER_ERROR, NO_ANSWER, DELETED = "denied", "server error", "not from AWS", "gone"
_GONE = {"s3": "NoSuchBucket", "iam": "NoSuchEntity", "ec2": "InvalidResource.NotFound"}


@dataclass
class Wire:
    """Every call of this process, and what fails.

    Attributes:
        called: service, operation, and the strings in the parameters of each call.
        operation: the one that fails when its parameters have one of `names`.
        fault: one of FAULTS; empty for none. With DELETED, all later calls with one of `names` fail too.
        failed: how many calls have failed.
        memory: the answers, once nothing changes any more: this is fast.
        code: the error code for DENIED.
    """

    called: list[tuple[str, str, frozenset[str]]] = field(default_factory=list)
    operation: str = ""
    names: frozenset[str] = frozenset()
    fault: str = ""
    failed: int = 0
    memory: dict[str, bytes] | None = None
    code: str = "AccessDenied"
    changes: dict[str, Callable[[Any], Any]] = field(default_factory=dict)

    def change(self, operation: str, change: Callable[[Any], Any]) -> None:
        """Change the responses of an operation from now on."""
        self.changes[operation] = change

    def fail(self, operation: str, *names: str, fault: str = DENIED) -> None:
        """Let the operation fail from now on, for the resources with these names."""
        self.operation, self.names, self.fault, self.failed = operation, frozenset(names), fault, 0

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Watch the calls until the test ends."""
        original = BaseClient._make_api_call

        def call(client: Any, operation: str, parameters: Any) -> Any:
            strings = frozenset(_strings(parameters))
            service = client.meta.service_model.service_name
            self.called.append((service, operation, strings))
            if self.fault and strings & self.names and (
                operation == self.operation or (self.failed and self.fault == DELETED)
            ):
                self.failed += 1
                raise self._error(service, operation)
            answer = self._answer(
                client, f"{service} {client.meta.region_name} {operation} {parameters}",
                lambda: original(client, operation, parameters))
            return self.changes.get(operation, _unchanged)(answer)

        monkeypatch.setattr(BaseClient, "_make_api_call", call)

    def _answer(self, client: Any, question: str, ask: Callable[[], Any]) -> Any:
        if self.memory is None:
            return ask()
        if question not in self.memory:
            try:
                answer = ask()
            except ClientError as error:
                answer = error.response, error.operation_name
            self.memory[question] = pickle.dumps(answer)
        answer = pickle.loads(self.memory[question])  # noqa: S301 - of this process's own memory
        if isinstance(answer, tuple):
            # Of the class that the client raises itself: c7n catches some by it.
            raise client.exceptions.from_code(answer[0]["Error"]["Code"])(*answer)
        return answer

    def _error(self, service: str, operation: str) -> Exception:
        if self.fault == NO_ANSWER:
            return ResponseParserError("Unable to parse response, invalid XML received")
        code = {DENIED: self.code, SERVER_ERROR: "InternalFailure"}.get(
            self.fault, _GONE.get(service, "ResourceNotFoundException"))
        return ClientError({"Error": {"Code": code, "Message": "injected"}}, operation)


def _unchanged(answer: Any) -> Any:
    return answer


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for entry in value:
            yield from _strings(entry)
    elif isinstance(value, str):
        yield value
