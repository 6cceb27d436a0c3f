"""Malformed events: each field of a real one gone or of another type, and anything that hypothesis makes.

Whatever arrives, a function changes nothing that the event as AWS sends it would not change, tells AWS Config
COMPLIANT of nothing, and ends with a deliberate error or one log line. `tried()` is their number.
"""
from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from c7n import handler
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from custom_actions import lambda_entry
from custom_actions.fixing.receipt import FixIncomplete
from custom_actions.functions.config_rules import ConfigItemUnavailable
from custom_actions.functions.shapes import EventNotUnderstood
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto
from tests.policies.harness import policies

from .messages import DRIFT, group, ingress, item, notification, summary, trail_event

WRONG: tuple[Any, ...] = (
    None, 7, -1e308, float("nan"), True, "", "x\n\x1b[2J\ud800", [], ["x"], [None], {}, {"a": {"b": 1}}, {"items": 5},
    {"items": [7, None]}, [[[[[[]]]]]],
)
DELIBERATE = (EventNotUnderstood, ConfigItemUnavailable, FixIncomplete)
GENERATED = 40


class Context:
    invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:custodian-p"
    function_name = "custodian-p"


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each value inside another one is."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield (*at, key)
        yield from places(each, (*at, key))


def mutants(event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The event with each field gone, and with each field of another type.

    A value of the same type, or a shorter list, is another event and not a malformed one.
    """
    for place in places(event):
        for wrong in ("gone", *WRONG):
            made = copy.deepcopy(event)
            parent: Any = made
            for step in place[:-1]:
                parent = parent[step]
            if type(parent[place[-1]]) is type(wrong) and wrong != "gone":
                wrong = "gone"
            if wrong == "gone" and isinstance(parent, list):
                wrong = None
            if wrong == "gone":
                del parent[place[-1]]
            else:
                parent[place[-1]] = copy.deepcopy(wrong)
            yield f"{'.'.join(map(str, place))} = {str(wrong)[:30]!r}", made


def opening(group_id: str, rule_id: str = "sgr-1") -> dict[str, Any]:
    """AuthorizeSecurityGroupIngress as CloudTrail records it: EC2's lists, a role's session."""
    rule = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22}
    return trail_event(
        group_id, eventVersion="1.11", eventID="0e5f0a2c", eventTime="2026-11-29T10:00:00Z", awsRegion=REGION,
        sourceIPAddress="198.51.100.7", recipientAccountId=ACCOUNT,
        userIdentity={"type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/dev/eve",
                      "accountId": ACCOUNT,
                      "sessionContext": {"sessionIssuer": {"arn": f"arn:aws:iam::{ACCOUNT}:role/dev"}}},
        requestParameters={"groupId": group_id, "ipPermissions": {"items": [
            {**rule, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}},
        responseElements={"_return": True, "securityGroupRuleSet": {"items": [{
            **rule, "groupId": group_id, "securityGroupRuleId": rule_id, "isEgress": False,
            "cidrIpv4": "0.0.0.0/0"}]}})


def run(event: Any) -> None:
    """An error that is not deliberate would be a traceback."""
    with contextlib.suppress(*DELIBERATE):
        lambda_entry.run(event, Context())


def test_each_field_of_a_change(function: Any, moto: Moto, changes: Any) -> None:
    function("cloudtrail", actions=[{"type": "revert-ingress", "confirm": False, "baseline": "event"}])
    ours, other = group(moto, "changed", "0.0.0.0/0"), group(moto, "other", "0.0.0.0/0")
    before = ingress(moto, ours), ingress(moto, other)
    listed = moto.client("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [ours]}])
    [rule] = [each for each in listed["SecurityGroupRules"] if not each["IsEgress"]]
    event = opening(ours, rule["SecurityGroupRuleId"])
    with changes() as made:
        run(copy.deepcopy(event))
        own = set(made)
        for what, mutant in some_mutants(event, 0):
            made.clear()
            run(mutant)
            assert set(made) <= own, what
    assert own
    assert (ingress(moto, ours), ingress(moto, other)) == before


def a_record(policy: Mapping[str, Any]) -> dict[str, Any]:
    """An event of the first call that a policy subscribes to, about a resource that does not exist."""
    entry = policy["mode"]["events"][0]
    entry = entry if isinstance(entry, dict) else {"event": entry, "source": "ec2.amazonaws.com"}
    named = dict.fromkeys(
        ("groupId", "keyId", "userName", "bucketName", "imageId", "snapshotId", "name", "trailName", "roleName",
         "dBInstanceIdentifier", "dBSnapshotIdentifier", "dBClusterSnapshotIdentifier", "detectorId"), "none-such")
    detail = {
        **opening("sg-0")["detail"], "eventName": entry["event"], "eventSource": entry["source"],
        "requestParameters": named, "responseElements": {"accessKey": {"userName": "none-such", "accessKeyId": "AKIA"}}}
    return {**trail_event("sg-0"), "source": f"aws.{entry['source'].partition('.')[0]}", "detail": detail}


def some_mutants(event: dict[str, Any], number: int) -> list[tuple[str, dict[str, Any]]]:
    """Each field gone, and of one other type, which differs from field to field and from policy to policy."""
    found: list[tuple[str, dict[str, Any]]] = []
    for at, several in enumerate(batched(mutants(event), 1 + len(WRONG))):
        found += [several[0], several[1 + (at + number) % len(WRONG)]]
    return found


def shared_out(event: dict[str, Any], number: int) -> list[tuple[str, dict[str, Any]]]:
    return some_mutants(event, number)[number % SHARE::SHARE]


def batched(values: Iterable[Any], size: int) -> Iterator[tuple[Any, ...]]:
    iterator = iter(values)
    while batch := tuple(islice(iterator, size)):
        yield batch


def code_path(policy: Mapping[str, Any]) -> str:
    """What decides how a policy reads an event: its resource, and the types of its filters and actions."""
    return json.dumps([policy["resource"], sorted(set(types(policy.get("filters")))),
                       sorted(set(types(policy.get("actions"))))])


def types(elements: Any) -> Iterator[str]:
    for each in [elements] if isinstance(elements, (str, dict)) else elements or ():
        if isinstance(each, str):
            yield each
        elif "type" in each:
            yield each["type"]
            yield from types(each.get("filters"))
        else:
            yield from each
            yield from chain.from_iterable(types(inside) for inside in each.values() if isinstance(inside, list))


REALTIME = list({code_path(policy): name for name, (mode, policy) in policies().items() if mode == "realtime"}.values())
"""One policy of each code path, also of those that only alert."""
SHARE = 2
"""Each policy gets every second malformed event, the other half than the policy before it."""


@pytest.mark.parametrize("name", REALTIME)
def test_each_field_of_an_event_of_every_policy(name: str, function: Any, changes: Any, tmp_path: Path) -> None:
    _, policy = policies()[name]
    data = {key: value for key, value in policy.items() if key != "conditions"}
    loaded = engine.load({**data, "mode": {**data["mode"], "delay": 0}}, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({
        "policies": [{**loaded.data, "mode": {**loaded.data["mode"], "role": "r"}}],
        "execution-options": {"output_dir": str(tmp_path)}}, default=str), encoding="utf-8")
    event = a_record(policy)
    with changes() as made:
        run(copy.deepcopy(event))
        own = {call.partition(" ")[0] for call in made}
        for what, mutant in shared_out(event, REALTIME.index(name)):
            made.clear()
            run(mutant)
            assert {call.partition(" ")[0] for call in made} <= own | {"Publish"}, what


def verdicts(config: SimpleNamespace) -> set[str]:
    return {each["ComplianceType"] for each in config.evaluations}


@pytest.mark.parametrize("kind", ["item", "oversized", "scheduled"])
def test_each_field_of_a_notification(
    kind: str, function: Any, moto: Moto, config: SimpleNamespace, changes: Any
) -> None:
    """Of a group that violates the policy: no change of its notification makes it compliant."""
    function("config-rule", **DRIFT)
    bad = group(moto, "bad", "0.0.0.0/0")
    whole = item(bad, "0.0.0.0/0")
    content = {"item": {"configurationItem": whole}, "oversized": {"configurationItemSummary": summary(whole)}}
    names = {"item": "ConfigurationItemChangeNotification", "oversized":
             "OversizedConfigurationItemChangeNotification", "scheduled": "ScheduledNotification"}
    config.items = [{**whole, "configuration": json.dumps(whole["configuration"])}]
    event = notification(names[kind], **content.get(kind, {}))
    inside = json.loads(event["invokingEvent"])
    wrapped = ((what, {**event, "invokingEvent": json.dumps(mutant)}) for what, mutant in some_mutants(inside, 0))
    with changes() as made:
        for what, mutant in chain(some_mutants(event, 0), wrapped):
            config.evaluations.clear()
            run(mutant)
            compliant = [each for each in config.evaluations
                         if each["ComplianceType"] == "COMPLIANT" and each["ComplianceResourceId"] == bad]
            assert not compliant, what
            assert not made, what


@pytest.mark.parametrize("mode", ["cloudtrail", "config-rule", "config-poll-rule"])
@pytest.mark.parametrize("event", [
    None, [], "text", 7, {}, {"Records": 5}, {"Records": [5, None, {}]}, {"Records": {"Sns": 1}},
    {"Records": [{"Sns": None}, {"Sns": {}}, {"Sns": {"Message": 7}}, {"Sns": {"Message": "[" * 100_000}}]},
    {"Records": [{"Sns": {"Message": json.dumps({"Records": [{"Sns": {"Message": "{}"}}]})}}] * 50},
    {"Records": [{"s3": {"bucket": {"name": "b"}}}]}, {"detail": "{}"}, {"detail": {"eventName": 5}},
    {"invokingEvent": "{", "resultToken": "t"}, {"invokingEvent": "[" * 100_000, "resultToken": "t"},
    {"invokingEvent": "[]", "resultToken": "t"}, {"invokingEvent": {}, "resultToken": ["t"]},
    {"version": "0", "source": "aws.ec2", "detail": {"eventName": "x" * 100_000, "eventSource": "y"}},
], ids=str)
def test_what_is_no_event(event: Any, mode: str, function: Any, config: SimpleNamespace, changes: Any) -> None:
    function(mode, **DRIFT)
    with changes() as made:
        run(copy.deepcopy(event))
    assert not made and not verdicts(config)


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth):
        value = {"a": [value]}
    return value


def test_deep_nesting_is_refused_before_it_is_read(function: Any, moto: Moto, changes: Any) -> None:
    function("cloudtrail", **DRIFT, actions=["revert-ingress"])
    bad = group(moto, "bad", "0.0.0.0/0")
    with changes() as made:
        event = trail_event(bad, requestParameters={"groupId": bad, "x": nested(50_000)})
        assert lambda_entry.run(event, Context()) is False
    assert not made


TEXTS = st.text(st.characters(codec=None), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS, lambda inside: st.lists(inside, max_size=3)
    | st.dictionaries(TEXTS | st.sampled_from(["items", "arn", "type", "groupId", "Sns"]), inside, max_size=3),
    max_leaves=12)
FIELDS = st.sampled_from([
    "source", "detail-type", "account", "region", "detail", "Records", "invokingEvent", "resultToken", "ruleParameters",
    "eventLeftScope", "configRuleName"])


@settings(max_examples=GENERATED, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(top=st.dictionaries(FIELDS, VALUES, max_size=4), inside=st.dictionaries(st.sampled_from(sorted(
    opening("sg-1")["detail"])), VALUES, max_size=4), mode=st.sampled_from(["cloudtrail", "config-rule"]))
def test_whatever_hypothesis_makes(
    top: dict[str, Any], inside: dict[str, Any], mode: str, function: Any, config: SimpleNamespace, changes: Any
) -> None:
    lambda_entry.policy_mode.cache_clear()
    handler.policy_config = None
    function(mode, **DRIFT, actions=["revert-ingress"])
    base = opening("sg-1") if mode == "cloudtrail" else notification(configurationItem=item("sg-1", "0.0.0.0/0"))
    event = {**base, **top}
    if mode == "cloudtrail" and isinstance(event["detail"], dict):
        event["detail"] = {**event["detail"], **inside}
    elif mode == "config-rule" and isinstance(event["invokingEvent"], str):
        event["invokingEvent"] = json.dumps({**json.loads(base["invokingEvent"]), **inside})
    config.evaluations.clear()
    with changes() as made:
        run(event)
    assert not made and "COMPLIANT" not in verdicts(config)


def tried() -> int:
    """How many malformed events this file tries."""
    whole = item("sg-1", "0.0.0.0/0")
    notifications = [
        notification(configurationItem=whole),
        notification("OversizedConfigurationItemChangeNotification", configurationItemSummary=summary(whole)),
        notification("ScheduledNotification")]
    counted = len(some_mutants(opening("sg-1"), 0))
    counted += sum(len(shared_out(a_record(policies()[name][1]), number)) for number, name in enumerate(REALTIME))
    counted += sum(len(some_mutants(event, 0)) + len(some_mutants(json.loads(event["invokingEvent"]), 0))
                   for event in notifications)
    return counted + GENERATED


def test_how_many_are_tried() -> None:
    assert tried() > 1_000
