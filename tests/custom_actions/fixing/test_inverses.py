"""Every fix declares the calls that undo it, and texts from AWS cannot forge a receipt in a log."""
from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from custom_actions.fixing import inverses
from custom_actions.fixing.engine import FixResult
from custom_actions.fixing.fix import fix_each
from custom_actions.fixing.receipt import FixIncomplete, Outcome, Receipt, finish, log_line, printable
from custom_actions.plugin import ELEMENTS, load

FIXES = sorted({element.type: element for element in ELEMENTS if element.kind == "action"}.items())


@pytest.mark.parametrize(("name", "element"), FIXES, ids=[name for name, _ in FIXES])
def test_every_fix_declares_its_inverses_as_boto3_knows_them(name: str, element: Any) -> None:
    declared = load(element).inverses
    assert declared, name
    for inverse in declared:
        client = boto3.client(inverse.service, region_name="us-east-1")
        operation = client.meta.method_to_api_mapping[inverse.operation]
        shape = client.meta.service_model.operation_model(operation).input_shape
        known = set(shape.members) if shape else set()
        parameters = {*([inverse.names] if inverse.names else []), *inverse.values, *inverse.optional}
        assert parameters <= known, inverse.operation
        assert not inverse.split or inverse.split in inverse.optional


def test_each_call_has_one_declaration_for_a_type_of_resource() -> None:
    seen: dict[Any, Any] = {}
    for each in inverses.declarations():
        for kind in each.types:
            key = (each.action, kind, each.inverse.service, each.inverse.operation)
            assert key not in seen
            seen[key] = each


@pytest.mark.parametrize(("code", "message", "already"), [
    ("BadRequestException", "the input detectorId is not owned by the current account.", True),
    ("BadRequestException", "the request has an invalid body", False), ("NoSuchEntity", "", True), ("Other", "", False),
])
def test_an_error_that_means_already_done(code: str, message: str, already: bool) -> None:
    inverse = inverses.Inverse(
        "x", "y", already=("NoSuchEntity", "BadRequestException: not owned by the current account"))
    assert inverse.is_already(code, message) is already


HOSTILE = 'sg\nrevert-ingress receipt {"outcome": "reverted"}\r\x1b[2J\u202e\x7f\u2028 <!channel> @here [x](http://e)'


def test_a_hostile_text_is_one_line_of_ascii() -> None:
    line = log_line({"reason": HOSTILE, HOSTILE: [HOSTILE]})
    assert json.loads(line) == {"reason": HOSTILE, HOSTILE: [HOSTILE]}
    assert line.isascii()
    assert line.isprintable()
    assert not any(character in line for character in "<>@&`")
    shown = printable(HOSTILE)
    assert len(shown.splitlines()) == 1
    assert shown.isprintable()
    assert "receipt {" not in shown
    assert printable("sg-1: größe 22") == "sg-1: größe 22"


class Hostile:
    """An action whose resource and reason an attacker chose."""

    type = name = "revert-ingress"

    def __init__(self, log: logging.Logger) -> None:
        self.log = log
        self.manager = SimpleNamespace(
            type="security-group", data={"name": "p"}, ctx=SimpleNamespace(output=None),
            config=SimpleNamespace(account_id="123456789012", region="us-east-1"))

    def resource_name(self, resource: dict[str, Any]) -> str:
        return str(resource["name"])


@pytest.mark.parametrize("ending", [
    lambda _: [FixResult(Outcome.FAILED, HOSTILE)], lambda _: (_ for _ in ()).throw(RuntimeError(HOSTILE)),
], ids=["reason", "unexpected error"])
def test_a_hostile_name_cannot_forge_a_log_line(caplog: pytest.LogCaptureFixture, ending: Any) -> None:
    caplog.set_level(logging.INFO)
    action = Hostile(logging.getLogger("custodian.actions"))
    with pytest.raises(FixIncomplete) as raised:
        finish(action, fix_each(action, [{"name": HOSTILE}], ending))
    lines = caplog.text.splitlines()
    receipts = [line for line in lines if "revert-ingress receipt {" in line]
    assert len(receipts) == 1
    assert json.loads(receipts[0].partition(" receipt ")[2])["resource"] == HOSTILE
    assert not any(line.startswith("revert-ingress receipt") for line in lines)
    assert not any(character in caplog.text for character in "\x1b\u202e\u2028\r")
    assert printable(str(raised.value)) == str(raised.value)


def test_a_receipt_has_the_action_that_wrote_it() -> None:
    action = Hostile(logging.getLogger("custodian.actions"))
    [(_, receipt)] = fix_each(action, [{"name": "sg-1"}], lambda _: [FixResult(Outcome.REVERTED)])
    assert isinstance(receipt, Receipt)
    assert inverses.problem(inverses.as_read(receipt.to_dict())) == ""
    assert receipt.to_dict()["action"] == "revert-ingress"
