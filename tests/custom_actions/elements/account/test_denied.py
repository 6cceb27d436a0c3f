"""The settings of an account: what is refused is no answer."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from c7n.credentials import SessionFactory
from c7n.utils import local_session

from custom_actions.elements.macie.session import says_off
from custom_actions.errors import CannotRead
from custom_actions.resources import ResourcesUnknown
from tests import engine
from tests.moto_server import REGION, Moto

SHARING = {"type": "service-setting", "setting": "/ssm/documents/console/public-sharing-permission", "value": "Disable"}


@pytest.mark.parametrize(("wanted", "operation"), [
    ({"type": "missing-contact", "contact": "SECURITY"}, "account.GetAlternateContact"),
    ({"type": "inspector-scan-off", "scan": "ec2"}, "inspector2.BatchGetAccountStatus"),
    ({"type": "macie-off"}, "macie2.GetMacieSession"),
    ({"type": "macie-discovery-off"}, "macie2.GetAutomatedDiscoveryConfiguration"),
    ({"type": "macie-member"}, "macie2.GetAdministratorAccount"),
    (SHARING, "ssm.GetServiceSetting"),
    ({"not": [{"type": "guard-duty", "Detector.Status": "ENABLED"}]}, "guardduty.ListDetectors"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_denied_answer_is_no_answer(wanted: dict[str, Any], operation: str, moto: Moto, tmp_path: Path) -> None:
    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not allowed"}}, operation)

    events = local_session(SessionFactory(REGION)).events
    events.register(f"before-call.{operation}", refuse)
    try:
        with pytest.raises((ClientError, ResourcesUnknown)):
            engine.pull({"name": "p", "resource": "aws.account", "filters": [wanted]}, tmp_path)
    finally:
        events.unregister(f"before-call.{operation}", refuse)


@pytest.mark.parametrize(("code", "message", "off"), [
    ("AccessDeniedException", "Macie is not enabled", True),
    ("AccessDeniedException", "User is not authorized to perform: macie2:GetMacieSession", False),
    ("ResourceNotFoundException", "", True),
    ("ThrottlingException", "", False),
])
def test_macie_is_off_only_where_it_says_so(code: str, message: str, off: bool) -> None:
    assert says_off(ClientError({"Error": {"Code": code, "Message": message}}, "GetMacieSession")) is off


@pytest.mark.parametrize("answer", [
    {"accounts": [], "failedAccounts": [{"errorCode": "ACCESS_DENIED", "errorMessage": "no"}]}, {"accounts": []}])
def test_inspector_that_does_not_tell_is_an_error(
    answer: dict[str, Any], moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def silent(**_: object) -> tuple[Any, dict[str, Any]]:
        return type("Response", (), {"status_code": 200})(), answer

    events = local_session(SessionFactory(REGION)).events
    events.register("before-call.inspector2.BatchGetAccountStatus", silent)
    try:
        with pytest.raises((CannotRead, ResourcesUnknown)):
            engine.pull({"name": "p", "resource": "aws.account", "filters": [
                {"type": "inspector-scan-off", "scan": "ec2"}]}, tmp_path)
    finally:
        events.unregister("before-call.inspector2.BatchGetAccountStatus", silent)
