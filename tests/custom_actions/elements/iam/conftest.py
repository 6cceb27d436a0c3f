"""IAM in moto, errors on demand, and a policy's receipts taken back."""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests import engine
from tests.moto_server import Moto

EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
SOME = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})


class Iam:
    """IAM as a test sees it; `refuse` makes calls of the engine's own clients fail, `calls` are all that it made."""

    def __init__(self, moto: Moto, output: Path) -> None:
        self.client = moto.client("iam")
        self._moto = moto
        self._output = output
        self.calls: list[str] = []
        self.refuse: dict[str, str] = {}
        """Operation to the code of its error."""

    def run(self, resource: str, *filters: Any, action: Any = None) -> list[dict[str, Any]]:
        """Run a policy on every resource of the kind; returns what matched."""
        return engine.pull({
            "name": "p", "resource": f"aws.{resource}", "filters": list(filters), "actions": [action] if action else [],
        }, self._output)

    def receipts(self, action: str) -> list[dict[str, Any]]:
        return list(json.loads((self._output / "p" / f"action-{action}").read_text(encoding="utf-8")))

    def take_back(self, receipt: Mapping[str, Any]) -> None:
        for call in receipt["inverse"]:
            getattr(self._moto.client(call["service"]), call["operation"])(**call["parameters"])

    def policy(self, name: str, document: str = SOME) -> str:
        return str(self.client.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"])

    def changes(self) -> list[str]:
        return [name for name in self.calls if not name.startswith(("Get", "List"))]


@pytest.fixture
def iam(moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iam:
    made = Iam(moto, tmp_path)
    real: Callable[..., Any] = BaseClient._make_api_call

    def intercept(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if client is not made.client:
            made.calls.append(operation)
            if code := made.refuse.get(operation):
                raise ClientError({"Error": {"Code": code, "Message": "not today"}}, operation)
        return real(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", intercept)
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))
    return made
