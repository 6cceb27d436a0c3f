"""What a message asks for, from whomever it comes."""
from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pytest
from c7n.actions.notify import BaseNotify
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.functions.messages import Alert, Ignored, Unreadable, Verdict, read_message, texts
from custom_actions.functions.responder import Responder
from guardrails.accounts.response import Response
from guardrails.deployment.forms import as_deployed
from guardrails.deployment.responder import answering
from tests.guardrails.deployment.test_forms import policy

ACCOUNT, REGION = "111111111111", "eu-west-1"
GROUP = "AWS::EC2::SecurityGroup"
PUBLISHED = {
    "name": "ports", "resource": "aws.security-group", "metadata": {"response": "revert"},
    "mode": {"type": "config-rule"}, "actions": ["delete"],
}


def change(compliance: str = "NON_COMPLIANT", **detail: Any) -> dict[str, Any]:
    """`detail` of an AWS Config compliance change."""
    return {
        "messageType": "ComplianceChangeNotification", "awsAccountId": ACCOUNT, "awsRegion": REGION,
        "configRuleName": "custodian-ports", "resourceType": GROUP, "resourceId": "sg-1",
        "newEvaluationResult": {"complianceType": compliance}, **detail,
    }


def event(detail: Any, source: str = "aws.config") -> str:
    return json.dumps({"source": source, "detail-type": "Config Rules Compliance Change", "detail": detail})


def alert(**message: Any) -> str:
    """What c7n's notify sends."""
    return str(BaseNotify.pack(None, {
        "account_id": ACCOUNT, "region": REGION, "policy": {"name": "ports"}, "event": None,
        "resources": [{"GroupId": "sg-1"}], **message}))


def test_a_verdict_comes_by_the_bus_or_by_config_itself() -> None:
    wanted = Verdict("custodian-ports", ACCOUNT, REGION, GROUP, "sg-1")
    assert read_message(event(change())) == read_message(json.dumps(change())) == wanted
    for compliance in ("COMPLIANT", "NOT_APPLICABLE"):
        with pytest.raises(Ignored, match=rf"custodian-ports: {GROUP} sg-1 is {compliance}"):
            read_message(event(change(compliance)))


def test_an_alert_names_policy_resources_and_event() -> None:
    assert read_message(alert()) == Alert("ports", ACCOUNT, REGION, ({"GroupId": "sg-1"},), None)
    told = read_message(alert(event={"detail": {"eventName": "X"}}))
    assert isinstance(told, Alert) and told.event == {"detail": {"eventName": "X"}}


def test_the_responder_does_not_answer_itself() -> None:
    marked = answering(policy("revert", ["delete"]))
    with pytest.raises(Ignored, match="this is the responder's own alert"):
        read_message(alert(policy=marked.data))


STRANGE = [
    "", "terminate everything", "[]", '"x"', "{", "{}", '{"a":' * 100_000, json.dumps({"messageType": "x"}),
    event(None), event("x"), event(change(), source="mine"), event(change(configRuleName=7)),
    event(change(resourceId="")), event({**change(), "awsAccountId": None}),
    base64.b64encode(b"no zlib").decode(), BaseNotify.pack(None, ["x"]), BaseNotify.pack(None, {}),
    alert(policy="ports"), alert(policy={}), alert(resources="all"), alert(resources=["sg-1"]), alert(region=None),
    base64.b64encode(zlib.compress(b'{"a":' * 100_000)).decode(),
    base64.b64encode(zlib.compress(b" " * 20_000_000)).decode(),
]


@pytest.mark.parametrize("number", range(len(STRANGE)))
def test_what_nobody_should_send_is_unreadable(number: int) -> None:
    with pytest.raises(Unreadable):
        read_message(STRANGE[number])


def test_a_verdict_without_compliance_asks_for_nothing() -> None:
    results: list[Any] = [None, [], {"complianceType": ["NON_COMPLIANT"]}]
    for result in results:
        with pytest.raises(Ignored):
            read_message(event(change(newEvaluationResult=result)))


@given(st.recursive(
    st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["source", "detail-type", "detail", "messageType", "policy", "resources", "name"]), inner)))
def test_nothing_that_is_sent_breaks_it(message: Any) -> None:
    for text in (json.dumps(message), str(BaseNotify.pack(None, message)), str(message)):
        with pytest.raises(Ignored):
            read_message(text)


def test_only_what_sns_hands_over_is_read() -> None:
    assert list(texts({"Records": [{"Sns": {"Message": "a"}}, {"s3": {}}, "x", {"Sns": "y"}]})) == ["a"]
    assert list(texts({"detail": {}})) == list(texts({"Records": None})) == []


def test_what_is_carried_tells_after_the_fix_only() -> None:
    tell = {"type": "notify", "to": ["me"], "transport": {"type": "sns", "topic": "t"}}
    both = policy("revert", [tell, "put-metric", "delete", tell])
    carried = answering(both)
    assert carried.data["actions"] == ["delete", tell]
    assert carried.metadata == {"response": "revert", "answered-by": "guardrails-responder"}
    # Its evaluator tells all of it, before.
    assert as_deployed(both, Response.RESPOND).response == "alert"


@pytest.fixture
def responder(monkeypatch: pytest.MonkeyPatch) -> Responder:
    """Of a rule of AWS Config with a fix, one that only tells, and a realtime policy. It has no way to AWS."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    return Responder({
        "execution-options": {"account_id": ACCOUNT},
        "policies": [
            PUBLISHED,
            {**PUBLISHED, "name": "told", "metadata": {"response": "none"}},
            {**PUBLISHED, "name": "live", "mode": {"type": "cloudtrail", "events": [
                {"source": "ec2.amazonaws.com", "event": "AuthorizeSecurityGroupIngress", "ids": "x"}]}},
        ]})


@pytest.mark.parametrize(("text", "kind", "why"), [
    (event(change(configRuleName="custodian-other")), Ignored, "custodian-other: .*has no policy of that name"),
    # A realtime policy has no rule in AWS Config.
    (event(change(configRuleName="custodian-live")), Ignored, "custodian-live: .*has no policy of that name"),
    (event(change(configRuleName="custodian-told")), Ignored, "custodian-told: the response is none"),
    (alert(policy={"name": "other"}), Ignored, "other: .*has no policy of that name"),
    (event(change(awsAccountId="222222222222")), Ignored, "ports: the message is about account 222222222222"),
    (alert(region="us-east-1"), Ignored, "ports: the message is about account 111111111111, us-east-1"),
    (alert(resources=[]), Unreadable, "ports: each resource of the alert must have a GroupId"),
    (alert(resources=[{"GroupId": ["sg-1"]}]), Unreadable, "ports: each resource of the alert must have a GroupId"),
    (alert(policy={"name": "live"}), Unreadable, "live: the alert has an event that the policy does not subscribe to"),
    (alert(policy={"name": "live"}, event={"account": ACCOUNT, "region": REGION, "detail": {
        "eventSource": "ec2.amazonaws.com", "eventName": "DeleteSecurityGroup"}}), Unreadable, "does not subscribe to"),
    (alert(policy={"name": "live"}, event={"account": "222222222222", "region": REGION, "detail": {
        "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress"}}), Unreadable,
     "live: the alert has an event of another account"),
])
def test_what_is_not_the_responders_is_left_alone(
    responder: Responder, text: str, kind: type[Exception], why: str
) -> None:
    with pytest.raises(kind, match=why):
        responder.answer(text)
