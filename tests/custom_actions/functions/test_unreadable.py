"""A realtime policy whose resource cannot be read fails, so that Lambda delivers the event again."""
from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from c7n.credentials import SessionFactory
from c7n.utils import local_session

from custom_actions import lambda_entry
from tests.moto_server import REGION, Moto

from .messages import DRIFT, group, ingress, trail_event


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))


def refuse(code: str, times: int = 1_000) -> list[str]:
    """DescribeSecurityGroups ends with this error, so many times."""
    asked: list[str] = []

    def answer(**_: Any) -> None:
        asked.append(code)
        if len(asked) <= times:
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeSecurityGroups")

    local_session(SessionFactory(REGION)).events.register("before-call.ec2.DescribeSecurityGroups", answer)
    return asked


@pytest.mark.parametrize("code", [
    "UnauthorizedOperation", "RequestLimitExceeded", "InternalFailure", "ExpiredToken", "InvalidParameterValue"])
def test_what_cannot_be_read_fails(function: Any, moto: Moto, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    function("cloudtrail", **DRIFT, actions=["revert-ingress"])
    bad = group(moto, "bad", "0.0.0.0/0")
    refuse(code)
    with pytest.raises(ClientError, match=code):
        lambda_entry.run(trail_event(bad), None)
    assert ingress(moto, bad)


def test_what_does_not_show_yet_is_asked_for_again(function: Any, moto: Moto) -> None:
    function("cloudtrail", **DRIFT, actions=["revert-ingress"])
    bad = group(moto, "bad", "0.0.0.0/0")
    refuse("InvalidGroup.NotFound", times=1)
    assert lambda_entry.run(trail_event(bad), None)
    assert ingress(moto, bad) == []


def test_what_is_deleted_ends_quietly(function: Any, moto: Moto) -> None:
    function("cloudtrail", **DRIFT, actions=["revert-ingress"])
    asked = refuse("InvalidGroup.NotFound")
    assert lambda_entry.run(trail_event("sg-0123456789abcdef0"), None)
    assert len(asked) == 3
