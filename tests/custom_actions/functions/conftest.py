"""A function's directory, and AWS Config's side of it.

moto takes no evaluations, so AWS Config's calls are answered here, at the edge of botocore; all else is real.
"""
from __future__ import annotations

import contextlib
import json
import logging
import pickle
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.session import Session
from c7n import handler
from c7n.credentials import SessionFactory
from c7n.utils import local_session, reset_session_cache

from custom_actions import lambda_entry
from custom_actions.vocabulary import is_read
from tests.moto_server import REGION, Moto

from .messages import EVENTS


@pytest.fixture(autouse=True)
def function(moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Lays out a function's directory; call it with the policy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(handler, "policy_config", None)
    monkeypatch.setattr(handler, "policy_data", None)
    lambda_entry.policy_mode.cache_clear()

    def deploy(mode: str, **policy: Any) -> None:
        settings = {"role": "r", **EVENTS.get(mode, {})}
        data = {"name": "p", "resource": "aws.security-group", "mode": {"type": mode, **settings}, **policy}
        (tmp_path / "config.json").write_text(json.dumps({
            "policies": [data], "execution-options": {"output_dir": str(tmp_path)},
        }), encoding="utf-8")

    yield deploy
    lambda_entry.policy_mode.cache_clear()


@pytest.fixture
def config(moto: Moto) -> Iterator[SimpleNamespace]:
    """AWS Config's side: `items` that its history holds, `evaluations` that were posted, `fail` an error code.

    `refuses` maps the id of a resource to how often its evaluation is not accepted.
    """
    reset_session_cache()
    seen = SimpleNamespace(items=[], evaluations=[], asked=[], fail=None, old=[], refuses={})

    def ok(**answer: Any) -> tuple[Any, dict[str, Any]]:
        return SimpleNamespace(status_code=200), {**answer, "ResponseMetadata": {"HTTPStatusCode": 200}}

    def history(params: dict[str, Any], **_: Any) -> Any:
        seen.asked.append(json.loads(params["body"]))
        if seen.fail:
            raise ClientError({"Error": {"Code": seen.fail, "Message": "no"}}, "GetResourceConfigHistory")
        return ok(configurationItems=seen.items)

    def put(params: dict[str, Any], **_: Any) -> Any:
        failed = []
        for evaluation in json.loads(params["body"])["Evaluations"]:
            named = evaluation["ComplianceResourceId"]
            if seen.refuses.get(named):
                seen.refuses[named] -= 1
                failed.append(evaluation)
            else:
                seen.evaluations.append({**evaluation, "token": json.loads(params["body"])["ResultToken"]})
        return ok(FailedEvaluations=failed)

    def details(**_: Any) -> Any:
        return ok(EvaluationResults=seen.old)

    events = local_session(SessionFactory(REGION)).events
    events.register("before-call.config.GetResourceConfigHistory", history)
    events.register("before-call.config.PutEvaluations", put)
    events.register("before-call.config.GetComplianceDetailsByConfigRule", details)
    yield seen
    reset_session_cache()


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> Any:
    """In this context, the calls that would change something are listed, and not made.

    So nothing changes, and each client is made, and each question asked, only once.
    """
    made: list[str] = []
    clients: dict[Any, Any] = {}
    answers: dict[str, bytes] = {}
    call, create = BaseClient._make_api_call, Session.create_client

    def client(self: Any, service_name: str, region_name: Any = None, *args: Any, **more: Any) -> Any:
        key = (id(self), service_name, region_name)
        if key not in clients:
            clients[key] = (create(self, service_name, region_name, *args, **more), self)  # keeps the id in use
        return clients[key][0]

    def caught(self: Any, operation_name: str, api_params: Any) -> Any:
        what = f"{operation_name} {json.dumps(api_params, sort_keys=True, default=str)}"
        if operation_name in ("PutEvaluations", "AssumeRole"):
            return call(self, operation_name, api_params)
        if not is_read(operation_name):
            made.append(what)
            return {"Return": True}
        where = f"{self.meta.service_model.service_name} {self.meta.region_name} {what}"
        if where not in answers:
            answers[where] = pickle.dumps(call(self, operation_name, api_params))
        return pickle.loads(answers[where])  # noqa: S301 - of this process

    @contextlib.contextmanager
    def listed() -> Iterator[list[str]]:
        with monkeypatch.context() as patch:
            patch.setattr(BaseClient, "_make_api_call", caught)
            patch.setattr(Session, "create_client", client)
            patch.setattr("time.sleep", lambda _: None)
            patch.setattr(logging.root.manager, "disable", logging.CRITICAL)
            yield made

    return listed
