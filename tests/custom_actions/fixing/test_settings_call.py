"""Settings that fixes change: the calls, the values before, and what is as good as the wanted value."""
from __future__ import annotations

from typing import Any

import boto3
import pytest

from custom_actions.errors import Refusal
from custom_actions.fixing import Call, Form, SettingsCall, inverses, same_names, shown_by

TOPIC = "arn:aws:sns:us-east-1:123456789012:t"
DECLARED = sorted(
    {(each.inverse.service, each.inverse.operation, each.inverse.settings_call.identity): each.inverse
     for each in inverses.declarations() if each.inverse.settings_call}.items())


class Client:
    """Answers one operation, and keeps the parameters."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, []

    def describe_things(self, **parameters: Any) -> Any:
        self.asked.append(parameters)
        return self.answer


PARAMETERS = Form()


def things(form: Form = PARAMETERS, **options: Any) -> SettingsCall:
    return SettingsCall(
        "sqs", "modify_thing", ("Thing",), {**same_names("Days"), **same_names("On", default="false")},
        shown_by("describe_things", "Things[0]", Names=["Thing"]), ("x:Read",), ("x:Write",), form, **options)


@pytest.mark.parametrize(("form", "parameters"), [
    (PARAMETERS, [{"Thing": "t", "Days": 7, "On": True}]),
    (Form(within="Attributes"), [{"Thing": "t", "Attributes": {"Days": 7, "On": True}}]),
    (Form(one=("Name", "Value")), [
        {"Thing": "t", "Name": "Days", "Value": 7}, {"Thing": "t", "Name": "On", "Value": True}]),
], ids=["parameters", "a map", "one a call"])
def test_a_call_holds_the_settings_and_gives_them_back(form: Form, parameters: list[dict[str, Any]]) -> None:
    known = things(form)
    calls = known.calls({"Thing": "t"}, {"Days": 7, "On": True})
    assert calls == [Call("sqs", "modify_thing", each) for each in parameters]
    found: dict[str, Any] = {}
    for each in parameters:
        assert known.identity_of(each) == {"Thing": "t"}
        assert known.others(each) == []
        found |= known.settings_of(each)
    assert found == {"Days": 7, "On": True}


@pytest.mark.parametrize(("form", "parameters"), [
    (PARAMETERS, {"Thing": "t", "Days": 7, "Size": 1}),
    (Form(within="Attributes"), {"Thing": "t", "Attributes": {"Days": 7, "Size": 1}}),
    (Form(one=("Name", "Value")), {"Thing": "t", "Name": "Size", "Value": 1}),
], ids=["parameters", "a map", "one a call"])
def test_what_else_a_call_changes_is_named(form: Form, parameters: dict[str, Any]) -> None:
    assert things(form).others(parameters) == ["Size"]


def test_constant_and_ignored_parameters_change_no_setting() -> None:
    known = things(constant={"Now": True}, ignored=("Token_",))
    assert known.others({"Thing": "t", "Now": True, "Token_": "x", "Days": 1}) == []
    assert known.calls({"Thing": "t"}, {"Days": 1})[0].parameters == {"Thing": "t", "Now": True, "Days": 1}


def test_a_secret_is_refused() -> None:
    with pytest.raises(Refusal, match="MasterUserPassword would be in the receipt, in plain text"):
        things().others({"Thing": "t", "MasterUserPassword": "x"})


@pytest.mark.parametrize(("name", "value"), [
    ("ManageMasterUserPassword", True), ("MasterUserSecretKmsKeyId", "alias/k"), ("ClientRequestToken", "t"),
])
def test_what_is_only_about_a_secret_is_no_secret(name: str, value: Any) -> None:
    assert things().others({"Thing": "t", name: value}) == [name]


def test_settings_are_read_by_name_with_their_defaults() -> None:
    client = Client({"Things": [{"Days": 3}]})
    assert things().now(client, {"Thing": "t"}, ["Days", "On"]) == {"Days": 3, "On": False}
    assert client.asked == [{"Names": ["t"]}]


@pytest.mark.parametrize(("answer", "reason"), [
    ({"Things": []}, "it no longer exists: describe_things shows nothing"),
    ({"Things": [{"On": True}]}, "Days cannot be read, so it could not be restored"),
])
def test_what_cannot_be_read_is_not_changed(answer: Any, reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        things().now(Client(answer), {"Thing": "t"}, ["Days"])


def test_a_higher_number_is_as_good_where_the_fix_only_raises_it() -> None:
    wanted = {"Days": 7, "On": True}
    assert things(at_least=("Days",)).differing({"Days": 30, "On": True}, wanted) == {}
    assert things(at_least=("Days",)).differing({"Days": "3", "On": True}, wanted) == {"Days": 7}
    assert things().differing({"Days": 30, "On": True}, wanted) == {"Days": 7}


RECEIPT = {"resource": "t", "account": "123456789012"}


@pytest.mark.parametrize(("form", "parameters", "problem"), [
    (PARAMETERS, {"Thing": "t", "Days": 7}, ""),
    (PARAMETERS, {"Thing": "u", "Days": 7}, "Thing: 'u' is not the receipt's resource 't'"),
    (PARAMETERS, {"Thing": "t", "Size": 7}, "the parameter Size does not belong to the inverse of this fix"),
    (Form(within="Attributes"), {"Thing": "t", "Attributes": {"Days": 7}}, ""),
    (Form(within="Attributes"), {"Thing": "t", "Attributes": {"Policy": "{}"}}, "Attributes: "),
    (Form(within="Attributes"), {"Thing": "t", "Attributes": {}}, "Attributes: "),
    (Form(one=("Name", "Value")), {"Thing": "t", "Name": "Days", "Value": "7"}, ""),
    (Form(one=("Name", "Value")), {"Thing": "t", "Name": "Policy", "Value": "{}"}, "Name: 'Policy' is not a value"),
])
def test_a_receipt_can_only_restore_the_declared_settings(
    form: Form, parameters: dict[str, Any], problem: str
) -> None:
    found = things(form).inverse().problem(parameters, RECEIPT)
    assert found.startswith(problem)
    assert bool(found) == bool(problem)


@pytest.mark.parametrize(("key", "inverse"), DECLARED, ids=["-".join(key[:2]) for key, _ in DECLARED])
def test_a_declared_call_is_as_boto3_knows_it(key: Any, inverse: inverses.Inverse) -> None:
    known = inverse.settings_call
    assert known is not None
    client = boto3.client(known.service, region_name="us-east-1")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[known.operation]).input_shape
    given = {*known.identity, *known.constant, *known.ignored}
    given |= {known.form.within} if known.form.within else set(known.form.one or known.settings)
    assert given <= set(shape.members)
    assert set(shape.required_members) <= given
    assert known.identity[0] in shape.members
    assert {*known.at_least} <= set(known.settings)
    assert known.reads
    assert known.writes
