"""`policy-without-role`: one call decides, and a refused call is no answer."""
from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from c7n.credentials import SessionFactory
from c7n.utils import local_session

from custom_actions.resources import ResourcesUnknown
from tests import engine
from tests.moto_server import REGION, Moto

POLICY = {"name": "p", "resource": "aws.account",
          "filters": [{"type": "policy-without-role", "policy": "AWSSupportAccess"}]}


def test_the_policy_is_named(moto: Moto, tmp_path: Path) -> None:
    [account] = engine.pull(POLICY, tmp_path)
    assert account["c7n:PolicyWithoutRole"] == "no role has the policy arn:aws:iam::aws:policy/AWSSupportAccess"


def test_a_denied_answer_is_no_answer(moto: Moto, tmp_path: Path) -> None:
    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListEntitiesForPolicy")

    events = local_session(SessionFactory(REGION)).events
    events.register("before-call.iam.ListEntitiesForPolicy", refuse)
    try:
        with pytest.raises((ClientError, ResourcesUnknown)):
            engine.pull(POLICY, tmp_path)
    finally:
        events.unregister("before-call.iam.ListEntitiesForPolicy", refuse)
