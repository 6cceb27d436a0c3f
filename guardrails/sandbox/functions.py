"""Gives every deployed function its own address, so that its calls can be attributed to its role.

A function inherits credentials that name only its account, and Lambda forbids setting others in its
environment. What it may have is `AWS_ENDPOINT_URL`: on CreateFunction the gateway adds one with a path,
`http://127.0.0.1:PORT/_function/TOKEN`, which every botocore protocol (query, JSON, REST, S3) keeps in front of
its own path. The gateway strips it and knows the caller. Answers show the function as its owner wrote it, or
Cloud Custodian would see a change at every deployment.
"""
from __future__ import annotations

import base64
import json
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

PREFIX = "/_function/"
_FUNCTIONS = re.compile(r"/2015-03-31/functions/?$")
_CONFIGURATION = re.compile(r"/2015-03-31/functions/(?P<name>[^/]+)/configuration/?$")
_ENDPOINT, _S3_CONTROL = "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3_CONTROL"


@dataclass(frozen=True)
class Function:
    """A deployed function: where it is and the ARN of the role it runs as."""

    account: str
    region: str
    name: str
    role_arn: str


class Functions:
    """The functions that were deployed through the gateway at `endpoint`, by the token in their address.

    `read_object(account, bucket, key)` gives an object's bytes or None: the archives named by bucket lie in
    moto, where ministack cannot see them.
    """

    def __init__(self, endpoint: str, read_object: Callable[[str, str, str], bytes | None]) -> None:
        self._endpoint = endpoint
        self._read_object = read_object
        self._by_token: dict[str, Function] = {}
        self._lock = threading.Lock()

    def get(self, token: str) -> Function | None:
        """The function of this token; None after a reset, or for an unknown token."""
        return self._by_token.get(token)

    def forget_all(self) -> None:
        """Drop every function, for a reset."""
        with self._lock:
            self._by_token.clear()

    def on_request(self, method: str, path: str, body: bytes, account: str, region: str) -> bytes:
        """The body to send on in place of `body`, the request of a caller of `account`."""
        if method == "POST" and _FUNCTIONS.search(path):
            request = _load(body)
            if request:
                request["Code"] = self._code_inline(request.get("Code") or {}, account)
                self._add_address(request, Function(
                    account, region, _short(str(request.get("FunctionName", ""))), str(request.get("Role", ""))
                ))
                return json.dumps(request).encode()
        elif method == "PUT" and (match := _CONFIGURATION.search(path)):
            request = _load(body)
            # An update replaces all variables; an update without variables keeps ours.
            if "Environment" in request:
                self._add_address(request, Function(account, region, _short(match["name"]), ""))
                return json.dumps(request).encode()
        elif method == "PUT" and path.rstrip("/").endswith("/code"):
            request = _load(body)
            if "S3Bucket" in request:
                return json.dumps(self._code_inline(request, account)).encode()
        return body

    def on_response(self, method: str, path: str, body: bytes, account: str, region: str) -> bytes:
        """The body of the response: ministack's, without the additions from here."""
        if PREFIX.encode() not in body or path.rstrip("/").endswith("/invocations"):
            return body
        answer = _load(body)
        if not answer:
            return body
        if method != "GET" and answer.get("Role") and answer.get("FunctionName"):
            self._set_role(Function(account, region, answer["FunctionName"], answer["Role"]))
        self._hide_address(answer)
        return json.dumps(answer).encode()

    def _add_address(self, request: dict[str, Any], function: Function) -> None:
        variables = (request.setdefault("Environment", {}) or {}).get("Variables") or {}
        if _ENDPOINT in variables:
            return  # set by the owner; such a function makes its calls as its account's administrator
        address = f"{self._endpoint}{PREFIX}{self._token_of(function)}"
        request["Environment"] = {
            "Variables": {_S3_CONTROL: s3_control(address), **variables, _ENDPOINT: address}
        }

    def _token_of(self, function: Function) -> str:
        with self._lock:
            for token, known in self._by_token.items():
                if (known.account, known.region, known.name) == (function.account, function.region, function.name):
                    if function.role_arn:
                        self._by_token[token] = function
                    return token
            token = secrets.token_hex(8)
            self._by_token[token] = function
            return token

    def _set_role(self, function: Function) -> None:
        with self._lock:
            for token, known in self._by_token.items():
                if (known.account, known.region, known.name) == (function.account, function.region, function.name):
                    self._by_token[token] = replace(known, role_arn=function.role_arn)

    def _hide_address(self, value: Any) -> None:
        if isinstance(value, list):
            for item in value:
                self._hide_address(item)
        elif isinstance(value, dict):
            variables = (value.get("Environment") or {}).get("Variables") or {}
            added = [
                name for name in (_ENDPOINT, _S3_CONTROL)
                if PREFIX in str(variables.get(name, ""))
            ]
            for name in added:
                del variables[name]
            if added and not variables:
                del value["Environment"]
            for item in value.values():
                self._hide_address(item)

    def _code_inline(self, code: dict[str, Any], account: str) -> dict[str, Any]:
        if "S3Bucket" not in code:
            return code
        archive = self._read_object(account, str(code["S3Bucket"]), str(code.get("S3Key", "")))
        if archive is None:
            return code  # ministack says that there is no such object
        rest = {key: value for key, value in code.items() if not key.startswith("S3")}
        return {**rest, "ZipFile": base64.b64encode(archive).decode()}


def s3_control(endpoint: str) -> str:
    """The address for S3 Control at `endpoint`.

    Every SDK puts the account's digits and a dot in front of the host, a name that does not resolve for
    127.0.0.1. In front of a user name they do no harm: `http://111111111111.s3@127.0.0.1:PORT`.
    """
    scheme, _, rest = endpoint.partition("://")
    return f"{scheme}://s3@{rest}"


def _short(name: str) -> str:
    """A function's name from a name, a partial ARN or an ARN."""
    return name.rpartition("function:")[2].partition(":")[0]


def _load(body: bytes) -> dict[str, Any]:
    """A JSON object, or an empty one when the body is something else (ministack then says what is wrong)."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
