"""An excepted resource does not match, however c7n runs a policy: pull, on an event, and as an AWS Config rule."""
from __future__ import annotations

import json
import logging
import textwrap
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from c7n.exceptions import PolicyValidationError
from c7n.loader import SchemaValidator
from c7n.resources import load_resources
from c7n.resources.aws import AWS

from custom_actions import lambda_entry
from custom_actions.exceptions import in_force as excepted
from custom_actions.exceptions.excepted import Excepted
from tests import engine
from tests.custom_actions.functions.conftest import config, function  # noqa: F401 - fixtures
from tests.custom_actions.functions.messages import DRIFT, EVENTS, group, ingress, item, notification, trail_event
from tests.moto_server import ACCOUNT, REGION, Moto

OPEN = "0.0.0.0/0"
PULLED = {"name": "open-ssh", "resource": "aws.security-group", **DRIFT, "actions": ["revert-ingress"]}
PUSHED = {**PULLED, "mode": {"type": "cloudtrail", "role": "r", **EVENTS["cloudtrail"]}}

Write = Callable[..., Path]


def entry(resource: str, days: int = 30, **more: Any) -> dict[str, Any]:
    """An exception of the open-ssh policy that ends so many days from today."""
    day = datetime.now(UTC).date() + timedelta(days=days)
    return {"policy": "open-ssh", "account": ACCOUNT, "resource": resource, "reason": "a bastion",
            "owner": "net@example.org", "expires": day.isoformat(), **more}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file of exceptions, which holds from then on."""

    def write(*entries: dict[str, Any], **more: Any) -> Path:
        path = tmp_path / "allowed.yml"
        path.write_text(json.dumps({"exceptions": list(entries), **more}), encoding="utf-8")
        monkeypatch.setenv(excepted.VARIABLE, str(path))
        return path

    return write


def arn(group_id: str) -> str:
    return f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{group_id}"


def pull(output: Path) -> None:
    engine.pull(PULLED, output)


@pytest.mark.parametrize("named", [str, arn, lambda group_id: f"arn:aws:ec2:*/{group_id}"])
def test_the_excepted_stays_and_its_neighbour_is_fixed(
    moto: Moto, file: Write, tmp_path: Path, named: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    kept, fixed = group(moto, "kept", OPEN), group(moto, "fixed", OPEN)
    file(entry(named(kept)))
    with caplog.at_level(logging.INFO):
        pull(tmp_path)
    assert ingress(moto, kept) and not ingress(moto, fixed)
    assert f"policy:open-ssh resource:{arn(kept)} is excepted: Excepted until" in caplog.text
    assert ": a bastion" in caplog.text


def test_the_same_for_an_event(moto: Moto, file: Write, tmp_path: Path) -> None:
    kept, fixed = group(moto, "kept", OPEN), group(moto, "fixed", OPEN)
    file(entry(arn(kept)))
    for group_id in (kept, fixed):
        engine.push(PUSHED, tmp_path, trail_event(group_id))
    assert ingress(moto, kept) and not ingress(moto, fixed)


@pytest.mark.parametrize("other", [
    {"days": -1}, {"policy": "another"}, {"account": "222222222222"}, {"region": "eu-west-1"}, {"region": "global"},
])
def test_one_that_has_ended_or_speaks_of_something_else_lets_nothing_off(
    moto: Moto, file: Write, tmp_path: Path, other: dict[str, Any]
) -> None:
    fixed = group(moto, "fixed", OPEN)
    file(entry("*", **other))
    pull(tmp_path)
    assert not ingress(moto, fixed)


def test_whether_it_has_ended_is_asked_when_the_filter_runs(moto: Moto, tmp_path: Path) -> None:
    """A policy that was put together in January, in February."""
    bad = {"GroupId": "sg-1"}
    for days, passed in ((0, []), (-1, [bad])):
        filters = [{"type": "excepted", "exceptions": [entry("*", days)]}]
        policy = engine.load({**PULLED, "filters": filters, "actions": []}, tmp_path)
        assert policy.resource_manager.filter_resources([bad]) == passed


def test_no_exception_holds_where_the_variable_is_empty(
    moto: Moto, file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file(entry("*"))
    monkeypatch.setattr(excepted, "default_file", lambda: path)
    monkeypatch.setenv(excepted.VARIABLE, "")
    assert engine.load(PULLED, tmp_path).data["filters"] == DRIFT["filters"]
    monkeypatch.delenv(excepted.VARIABLE)
    assert engine.load(PULLED, tmp_path).data["filters"][-1]["type"] == "excepted"


def test_a_policy_takes_up_what_concerns_it(moto: Moto, file: Write, tmp_path: Path) -> None:
    braces = "{account_id} {nobody} {{x}}"
    file(entry("sg-1", reason=braces), entry("sg-2", policy="*-ssh"), entry("sg-3", -1), entry("sg-4", policy="else"),
         entry("sg-5", account="2*"), entry("sg-6", region="eu-west-1", ticket="SEC-1"))
    policy = engine.load(PUSHED, tmp_path)
    for _ in range(2):
        *own, last = policy.data["filters"]
        assert own == DRIFT["filters"]
        assert [one["resource"] for one in last["exceptions"]] == ["sg-1", "sg-2", "sg-6"]
        assert last["exceptions"][0] == entry("sg-1", reason=braces)
        assert last["exceptions"][2] == entry("sg-6", region="eu-west-1", ticket="SEC-1")
        assert [type(each) for each in policy.resource_manager.filters][1:] == [Excepted]
        # c7n may fill in a policy's variables again.
        policy.expand_variables(policy.get_variables())
    assert json.loads(json.dumps(policy.data)) == policy.data
    assert (policy.data["mode"]["packages"], policy.data["mode"]["handler"]) == (
        ["custom_actions"], "custom_actions.lambda_entry.run")


def test_a_policy_without_filters_takes_them_up_too(moto: Moto, file: Write, tmp_path: Path) -> None:
    file(entry("sg-1"))
    policy = engine.load({"name": "open-ssh", "resource": "aws.security-group"}, tmp_path)
    assert policy.resource_manager.filter_resources([{"GroupId": "sg-1"}, {"GroupId": "sg-2"}]) == [{"GroupId": "sg-2"}]


def test_what_is_in_no_region_is_global_wherever_it_is_run(moto: Moto, file: Write, tmp_path: Path) -> None:
    file(entry("ann", region=REGION), entry("bob", region="global"), entry(f"arn:aws:iam::{ACCOUNT}:user/*/eve"))
    users = [{"UserName": "ann"}, {"UserName": "bob"}, {"UserName": "eve", "Path": "/ops/"}]
    policy = engine.load({"name": "open-ssh", "resource": "aws.iam-user"}, tmp_path)
    assert policy.resource_manager.filter_resources(users) == [users[0]]


@pytest.mark.parametrize(("text", "said"), [
    ("exceptions: [", "it is not YAML"), ("exceptions: [{policy: p}]", "exception 1: account and resource and"),
])
@pytest.mark.parametrize("name", ["open-ssh", "another"])
def test_a_file_that_cannot_be_used_stops_every_policy(
    moto: Moto, file: Write, tmp_path: Path, text: str, said: str, name: str
) -> None:
    path = file()
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyValidationError, match=said) as raised:
        engine.load({**PULLED, "name": name}, tmp_path)
    assert str(path) in str(raised.value)
    path.unlink()
    with pytest.raises(PolicyValidationError, match="cannot be read"):
        engine.load({**PULLED, "name": name}, tmp_path)


@pytest.mark.parametrize(("filters", "said"), [
    ([{"type": "excepted", "exceptions": [entry("sg-1")]}, *DRIFT["filters"]], "must be the last filter"),
    ([{"type": "excepted", "exceptions": [entry("sg-1")]}] * 2, "must be the last filter"),
    ([{"or": [{"type": "excepted", "exceptions": [entry("sg-1")]}]}], "must be the last filter"),
    ([{"type": "excepted", "exceptions": [entry("*", policy="*")]}], "except everything"),
    ([{"type": "excepted", "exceptions": [{**entry("sg-1"), "expires": "soon"}]}], "must be a date"),
])
def test_what_a_policy_may_not_say(moto: Moto, tmp_path: Path, filters: list[Any], said: str) -> None:
    with pytest.raises(PolicyValidationError, match=said):
        engine.load({**PULLED, "filters": filters}, tmp_path)


@pytest.mark.parametrize("resource", ["s3", "account", "ec2"])
def test_every_type_has_the_filter(resource: str) -> None:
    load_resources([f"aws.{resource}"])
    assert AWS.resources[resource].filter_registry["excepted"] is Excepted


@pytest.mark.parametrize(("days", "verdict", "shut"), [(1, "NOT_APPLICABLE", False), (-1, "COMPLIANT", True)])
@pytest.mark.parametrize("mode", ["config-rule", "config-poll-rule"])
def test_aws_config_is_told_of_an_exception_and_nothing_is_fixed(
    function: Any, moto: Moto, config: SimpleNamespace, mode: str, days: int, verdict: str, shut: bool  # noqa: F811
) -> None:
    bad, neighbour = group(moto, "bad", OPEN), group(moto, "neighbour", OPEN)
    excused = entry(bad, days, policy="p")
    function(mode, filters=[*DRIFT["filters"], {"type": "excepted", "exceptions": [excused]}],
             actions=["revert-ingress"])
    for group_id in (bad, neighbour) if mode == "config-rule" else ("",):
        lambda_entry.run(notification(configurationItem=item(group_id, OPEN)) if group_id else notification(
            "ScheduledNotification"), None)
    told = {one["ComplianceResourceId"]: one for one in config.evaluations}
    assert told[bad]["ComplianceType"] == verdict
    assert (told[bad]["Annotation"] == f"Excepted until {excused['expires']}: a bastion") is not shut
    assert bool(ingress(moto, bad)) is not shut
    assert told[neighbour]["ComplianceType"] == "COMPLIANT"
    assert not ingress(moto, neighbour)


def test_what_complies_is_compliant_though_an_exception_covers_it(
    function: Any, moto: Moto, config: SimpleNamespace  # noqa: F811
) -> None:
    function("config-rule", filters=[*DRIFT["filters"], {"type": "excepted", "exceptions": [entry("*", policy="p")]}])
    lambda_entry.run(notification(configurationItem=item(group(moto, "good"))), None)
    assert [one["ComplianceType"] for one in config.evaluations] == ["COMPLIANT"]


def test_where_a_match_complies_the_others_are_excepted(
    function: Any, moto: Moto, config: SimpleNamespace  # noqa: F811
) -> None:
    good, bad = group(moto, "good"), group(moto, "bad", OPEN)
    function("config-rule", filters=[
        {"type": "value", "key": "length(IpPermissions)", "value": 0},
        {"type": "excepted", "exceptions": [entry("*", policy="p")]}])
    data = json.loads(Path("config.json").read_text(encoding="utf-8"))
    data["policies"][0]["mode"]["match-compliant"] = True
    Path("config.json").write_text(json.dumps(data), encoding="utf-8")
    for group_id, cidrs in ((good, ()), (bad, (OPEN,))):
        lambda_entry.run(notification(configurationItem=item(group_id, *cidrs)), None)
    assert [one["ComplianceType"] for one in config.evaluations] == ["COMPLIANT", "NOT_APPLICABLE"]


def test_a_stage_is_named_by_its_item(moto: Moto, tmp_path: Path) -> None:
    """AWS Config's item of a stage says in its ARN alone which API it belongs to."""
    name = f"arn:aws:apigateway:{REGION}::/restapis/a1/stages/prod"
    policy = engine.load({"name": "open-ssh", "resource": "aws.rest-stage", "filters": [
        {"type": "excepted", "exceptions": [entry(name)]}]}, tmp_path)
    stage = {"stageName": "prod", "deploymentId": "d"}
    for of, passed in ((name, []), (name.replace("a1", "b2"), [stage])):
        event = notification(configurationItem={"ARN": of})
        assert policy.resource_manager.filter_resources([stage], event) == passed
    assert policy.resource_manager.filter_resources([stage]) == [stage]
    assert policy.resource_manager.filter_resources([{**stage, "restApiId": "a1"}]) == []


def test_its_example_is_a_policy(moto: Moto, tmp_path: Path) -> None:
    _, _, example = (Excepted.__doc__ or "").partition(".. code-block:: yaml\n\n")
    [policy] = yaml.safe_load(textwrap.dedent(example))["policies"]
    load_resources([policy["resource"]])
    assert not SchemaValidator().validate({"policies": [policy]}, [policy["resource"]])
    *_, last = engine.load(policy, tmp_path).resource_manager.filters
    assert isinstance(last, Excepted) and last.rules[0].expires == date(2027, 1, 31)
