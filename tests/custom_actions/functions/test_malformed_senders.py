"""Malformed messages to the hub's function and to the responder: no traceback, and no change but the intended one."""
from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from c7n.actions.notify import BaseNotify

from custom_actions import lambda_entry
from custom_actions.fixing import FixIncomplete
from custom_actions.functions import EventNotUnderstood, pack, responder
from tests.moto_server import ACCOUNT, REGION, Moto

from .messages import DRIFT, GROUP_TYPE, group, trail_event
from .test_malformed import Context, mutants, opening, run, some_mutants
from .test_responder import POLICY

DELIBERATE = (EventNotUnderstood, FixIncomplete, responder.StillDrifting)
ACTION = {"type": "revert-ingress", "confirm": False, "baseline": "event"}


@pytest.fixture
def hub(function: Any, tmp_path: Path) -> Iterator[None]:
    """The hub's function, for one member account whose fixes are on."""
    forms = {form: {"name": "p", "resource": "aws.security-group", **DRIFT, "actions": actions}
             for form, actions in (("heal", [ACTION]), ("observe", []))}
    function("cloudtrail", **DRIFT, metadata={"central": pack(forms, {ACCOUNT: {"response": "heal"}})})
    file = tmp_path / "config.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    data["policies"][0]["mode"]["member-role"] = "arn:aws:iam::{account_id}:role/member"
    file.write_text(json.dumps(data), encoding="utf-8")
    lambda_entry._members.cache_clear()
    yield
    lambda_entry._members.cache_clear()


def test_each_field_of_an_event_of_a_member(hub: None, moto: Moto, changes: Any) -> None:
    bad = group(moto, "member", "0.0.0.0/0")
    listed = moto.client("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [bad]}])
    [rule] = [each for each in listed["SecurityGroupRules"] if not each["IsEgress"]]
    event = opening(bad, rule["SecurityGroupRuleId"])
    outside = {key: value for key, value in event.items() if key != "detail"}
    wrapped = [(what, {**mutant, "detail": event["detail"]}) for what, mutant in mutants(outside)]
    with changes() as made:
        run(copy.deepcopy(event))
        own = set(made)
        for what, mutant in [*wrapped, *some_mutants(event, 1)[::4]]:
            made.clear()
            run(mutant)
            assert set(made) <= own, what
    assert own


def change(group_id: str) -> dict[str, Any]:
    return {"source": "aws.config", "detail-type": "Config Rules Compliance Change", "detail": {
        "messageType": "ComplianceChangeNotification", "awsAccountId": ACCOUNT, "awsRegion": REGION,
        "configRuleName": "custodian-ports", "resourceType": GROUP_TYPE, "resourceId": group_id,
        "newEvaluationResult": {"complianceType": "NON_COMPLIANT"}}}


def alert(group_id: str) -> dict[str, Any]:
    return {"account_id": ACCOUNT, "region": REGION, "policy": {"name": "ports", "metadata": {"response": "alert"}},
            "event": trail_event(group_id), "resources": [{"GroupId": group_id, "Tags": []}]}


def sent(text: Any) -> dict[str, Any]:
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}}]}


@pytest.mark.parametrize("kind", ["change", "alert"])
def test_each_field_of_a_message_to_the_responder(kind: str, moto: Moto, changes: Any, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(
        {"execution-options": {"account_id": ACCOUNT, "output_dir": str(tmp_path)}, "policies": [POLICY]}),
        encoding="utf-8")
    responder._responder.cache_clear()
    bad = group(moto, "bad", "0.0.0.0/0")
    message = change(bad) if kind == "change" else alert(bad)

    def packed(one: Any) -> str:
        return json.dumps(one) if kind == "change" else str(BaseNotify.pack(None, one))

    with changes() as made:
        answer(sent(packed(message)))
        own = set(made)
        outside = [(what, event) for what, event in mutants(sent(packed(message)))]
        strange = [(str(each), each) for each in (None, [], "text", 7, {"Records": {}}, {"Records": [[]]})]
        for what, event in [*((what, sent(packed(mutant))) for what, mutant in mutants(message)), *outside, *strange]:
            made.clear()
            answer(event)
            assert set(made) <= own, what
    responder._responder.cache_clear()
    assert own


def answer(event: Any) -> None:
    """An error that is not deliberate would be a traceback."""
    with contextlib.suppress(*DELIBERATE):
        lambda_entry.respond(event, Context())
