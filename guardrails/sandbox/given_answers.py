"""Answers that a case gives for calls that moto has no API for.

Where moto lacks a whole service, simulating it for one question would be a second moto. A case says what AWS would
answer instead. The answer must fit botocore's model of the operation's output, so that its shape cannot be made up:
unknown members, wrong types and missing required members are errors. It is written in the operation's own protocol, and
read by the real client.

A given answer is the same for all regions and parameters, and stays until the next reset. It does not change when
something is created, so a fix cannot be tested with it.

Source: the models of botocore, which has them from AWS's own.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel, Shape, StructureShape
from botocore.validate import ParamValidator
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model

_SCOPE = re.compile(r"Credential=[^/,]+/\d{8}/[^/,]+/([^/,]+)/aws4_request")
Environ = dict[str, Any]

class GivenAnswers:
    """The answers by service and operation; a WSGI application that gives them, and asks `beneath` for all others."""

    def __init__(self, beneath: Callable[..., Iterable[bytes]]) -> None:
        self._beneath = beneath
        # By account and by the service's name in a signature, and then by call.
        self._answers: dict[tuple[str, str], dict[str, _Answer]] = {}

    def give(self, call: str, answer: Mapping[str, Any], account: str = "") -> None:
        """Give the answer to each call of an operation from now on, in place of an earlier one.

        Args:
            call: the operation as boto3 has it: `accessanalyzer.list_analyzers`.
            answer: what boto3 returns; timestamps as text in ISO 8601.
            account: only to calls of this account; of any without it.

        Raises ValueError when there is no such operation, or its output is of another shape.
        """
        written = _written(_operation(call), answer)
        self._answers.setdefault((account, written.model.service_model.signing_name), {})[call] = written

    def clear(self) -> None:
        """Give no answers."""
        self._answers.clear()

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if found := self._find(environ):
            start_response("200 OK", [*found.headers.items(), ("Content-Length", str(len(found.body)))])
            return [found.body]
        return self._beneath(environ, start_response)

    def _find(self, environ: Environ) -> _Answer | None:
        scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        own, everybodys = (
            self._answers.get((account, scope[1]), {}) if scope else {}
            for account in (environ.get("HTTP_X_MOTO_ACCOUNT_ID", ""), ""))
        if not own and not everybodys:
            return None
        return next((each for each in {**everybodys, **own}.values() if _is_call(each.model, environ)), None)


@dataclass(frozen=True)
class _Answer:
    model: OperationModel
    headers: dict[str, str]
    body: bytes


def _operation(call: str) -> OperationModel:
    service, _, method = call.partition(".")
    try:
        model = get_service_model(service)
    except UnknownServiceError as error:
        raise ValueError(f"{call}: there is no such service: {error}") from error
    for name in model.operation_names:
        if xform_name(name) == method:
            return model.operation_model(name)
    raise ValueError(f"{call}: {service} has no such operation")


def _written(model: OperationModel, answer: Mapping[str, Any]) -> _Answer:
    shape = model.output_shape or StructureShape("Empty", {"type": "structure", "members": {}})
    value = _with_times(shape, answer)
    report = ParamValidator().validate(value, shape)
    if report.has_errors():
        raise ValueError(f"{model.name} has another output: {report.generate_report()}")
    services = model.service_model
    written = get_serializer_class(services.service_name, services.protocol)(model).serialize(value)
    body = written["body"]
    return _Answer(model, {name: str(text) for name, text in written["headers"].items()},
                   body.encode() if isinstance(body, str) else body)


def _with_times(shape: Shape, value: Any) -> Any:
    """The value with its timestamps read, as botocore's validator and moto's serializer want them."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        return {key: _with_times(shape.members[key], each) if key in shape.members else each
                for key, each in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_with_times(shape.member, each) for each in value]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {key: _with_times(shape.value, each) for key, each in value.items()}
    if shape.type_name == "timestamp" and isinstance(value, str):
        return datetime.fromisoformat(value)
    return value


def _is_call(model: OperationModel, environ: Environ) -> bool:
    protocol = model.service_model.protocol
    if protocol == "json":
        return str(environ.get("HTTP_X_AMZ_TARGET", "")).endswith(f".{model.name}")
    if protocol in ("query", "ec2"):
        if not environ.get("CONTENT_LENGTH"):
            return False
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = BytesIO(body)
        # Every other call of the service comes here too: reading its parameters would take longer.
        return model.name.encode() in body and parse_qs(body.decode(errors="replace")).get("Action") == [model.name]
    path, _, query = str(model.http["requestUri"]).partition("?")
    pattern = "".join(
        "(?:.+)" if part.endswith("+}") else "(?:[^/]+)" if part.startswith("{") else re.escape(part)
        for part in re.split(r"(\{[^}]+\})", path))
    return (environ["REQUEST_METHOD"] == model.http["method"]
            and re.fullmatch(f"{pattern}/?", environ.get("PATH_INFO", "")) is not None
            and (not query or query.partition("=")[0] in parse_qs(
                environ.get("QUERY_STRING", ""), keep_blank_values=True)))
