"""Which policies share a function, and what the archives hold; the whole set runs in a process that has only these."""
from __future__ import annotations

import json
import re
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from custom_actions.functions import PROBE_PREFIX, PROBE_SOURCE, addressed_event, addressed_tick, unwrapped
from custom_actions.names import RESPONSE_TAG, is_group_name
from guardrails.accounts.account import Account
from guardrails.accounts.response import Response
from guardrails.deployment import group_rollout, groups
from guardrails.deployment.blueprints import Blueprint, without_archive
from guardrails.deployment.forms import as_deployed, marked
from guardrails.deployment.group_triggers import permission_differences, statements_of
from guardrails.deployment.groups import Group, can_share, function_of, group_names, groups_of, parts_of
from guardrails.deployment.plans import DeploymentChange, PlannedDeployment, prepared
from guardrails.policies.policy import Policy, load
from guardrails.sandbox import ensure_runtime
from tests.moto_server import Moto

REGION = "eu-west-1"
ACCOUNT = Account("111111111111", "red", (REGION,))
PROFILES = ["everything"]
AT_MOST = 12
DIRECT_UPLOAD, UNPACKED = 50 * 1024 * 1024, 250 * 1024 * 1024


@cache
def wanted(account: Account = ACCOUNT, region: str = REGION, response: Response = Response.HEAL) -> list[Blueprint]:
    """Every policy of the project, whatever its profile, as it would be deployed there."""
    forms = [as_deployed(marked(policy), response) for policy in load() if policy.deploys]
    return [replace(prepared(form, account, region, {}, without_archive), runs=True) for form in forms]


def grouped(members: Sequence[Blueprint]) -> list[Group]:
    return groups_of(members, group_names(members))


def changed(blueprint: Blueprint, name: str, **mode: Any) -> Blueprint:
    """The policy under another name, with other settings of its mode."""
    data = {**blueprint.policy.data, "name": name, "mode": {**blueprint.policy.mode, **mode}}
    function = deepcopy_of(blueprint.function)
    function.policy.data["name"] = name
    function.policy.data["mode"].update(mode)
    return Blueprint(Policy(data, blueprint.policy.source, 0), True, function)


def deepcopy_of(function: Any) -> Any:
    made = type(function).__new__(type(function))
    made.archive = None
    made.policy = object.__new__(type(function.policy))
    made.policy.__dict__.update(function.policy.__dict__)
    made.policy.data = deepcopy(function.policy.data)
    return made


def test_the_whole_set_needs_few_functions_and_each_policy_is_in_one() -> None:
    found = grouped(wanted())
    assert len(found) <= AT_MOST
    names = [each.policy.name for group in found for each in group.members]
    assert sorted(names) == sorted(policy.name for policy in load() if policy.deploys)
    for group in found:
        assert is_group_name(group.name) and len(group.name) <= 64
        function, members = function_of(group), group.members
        assert function.timeout == max(each.function.timeout for each in members)
        assert function.memory_size == max(each.function.memory_size for each in members)
        assert {each.function.role for each in members} == {function.role}
        assert {each.policy.mode["type"] for each in members} == {group.mode}


def test_names_follow_from_the_settings_alone() -> None:
    names = group_names(wanted())
    alone = [group_names([each])[each.policy.name] for each in wanted()[::10]]
    # Where there are many policies, they are in parts, which have numbers.
    assert alone == [re.sub(r"-\d+of\d+$", "", names[each.policy.name]) for each in wanted()[::10]]
    elsewhere = wanted(Account("222222222222", "blue", ("us-gov-west-1",)), "us-gov-west-1", Response.OBSERVE)
    assert group_names(elsewhere) == names


@pytest.mark.parametrize("mode", [
    {"role": "arn:aws:iam::111111111111:role/other"}, {"runtime": "python3.13"},
    {"packages": ["custom_actions", "team"]}, {"environment": {"Variables": {"A": "1"}}},
    {"dead_letter_config": {"TargetArn": "arn:aws:sns:eu-west-1:111111111111:own"}}, {"concurrency": 3},
    {"subnets": ["subnet-1"], "security_groups": ["sg-1"]}, {"layers": ["arn:aws:lambda:x"]},
    {"kms_key_arn": "arn:aws:kms:x"}, {"tracing_config": {"Mode": "Active"}}, {"function-prefix": "our-"},
    {"timeout": 301}, {"memory": 1024}, {"tags": {"team": "a"}}, {"execution-options": {"metrics": "aws"}},
], ids=lambda mode: next(iter(mode)))
def test_policies_with_other_settings_have_another_function(mode: Mapping[str, Any]) -> None:
    [first] = [each for each in wanted() if each.policy.name == "security-group-admin-ports-revert"]
    names = group_names([first, changed(first, "other", **mode)])
    assert names["other"] != names[first.policy.name]


@pytest.mark.parametrize("mode", [
    {"timeout": 60}, {"memory": 512}, {"tags": {RESPONSE_TAG: "observe", "project": "aws-guardrails"}},
    {"execution-options": {"output_dir": "s3://bucket/other"}}, {"events": []},
], ids=lambda mode: next(iter(mode)))
def test_what_does_not_matter_does_not_part_policies(mode: Mapping[str, Any]) -> None:
    [first] = [each for each in wanted() if each.policy.name == "security-group-admin-ports-revert"]
    names = group_names([first, changed(first, "other", **mode)])
    assert names["other"] == names[first.policy.name]


@pytest.mark.parametrize(("mode", "shares"), [
    ({}, True), ({"handler": "custodian_policy.run"}, False), ({"type": "hub-action"}, False),
    ({"member-role": "arn:aws:iam::{account_id}:role/x"}, False), ({"function-prefix": "a-long-prefix-"}, False),
])
def test_what_can_share_a_function(mode: Mapping[str, Any], shares: bool) -> None:
    first = next(each.policy for each in wanted() if each.policy.mode["type"] == "cloudtrail")
    assert can_share(Policy({**first.data, "mode": {**first.mode, **mode}}, first.source, 0)) is shares


def test_parts_hold_a_bounded_number_and_keep_their_policies() -> None:
    names = [f"policy-{number}" for number in range(500)]
    assert parts_of(names, 500) == [names]
    parts = parts_of(names, 200)
    assert sorted(name for part in parts for name in part) == sorted(names)
    assert max(map(len, parts)) <= 200 and len(parts) in (4, 8)
    more = parts_of([*names, "one-more"], 200)
    assert all(set(part) <= set(larger) for part, larger in zip(parts, more, strict=True))


def test_500_policies_stay_below_the_limits_of_lambda(tmp_path: Path) -> None:
    originals = wanted()
    many = [changed(originals[number % len(originals)], f"synthetic-{number}") for number in range(500)]
    found = grouped(many)
    assert len(found) <= AT_MOST and sum(len(group.members) for group in found) == 500
    for group in found:
        archive = groups.archive_of(group)
        with zipfile.ZipFile(archive.path) as file:
            config, unpacked = file.getinfo("config.json"), sum(each.file_size for each in file.infolist())
        assert archive.size < DIRECT_UPLOAD / 10 and unpacked < UNPACKED / 10
        assert config.file_size < 1024 * 1024
        statements = statements_of(group, ACCOUNT.id, REGION)
        assert len(json.dumps(statements)) < 1024


def test_the_archive_is_the_same_each_time() -> None:
    largest = max(grouped(wanted()), key=lambda group: len(group.members))
    again = Group(largest.name, tuple(reversed([*largest.members])))
    assert groups.archive_of(largest).get_checksum() == groups.archive_of(
        groups_of(again.members, dict.fromkeys([each.policy.name for each in again.members], again.name))[0]
    ).get_checksum()


def test_a_permission_is_for_this_accounts_rules_of_ours() -> None:
    by_mode = {group.mode: statements_of(group, ACCOUNT.id, REGION) for group in grouped(wanted())}
    assert by_mode["cloudtrail"] == {"guardrails-events": {
        "Principal": "events.amazonaws.com",
        "SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT.id}:rule/custodian-*"}}
    assert by_mode["config-rule"] == {"guardrails-config": {
        "Principal": "config.amazonaws.com", "SourceAccount": ACCOUNT.id}}
    wanted_statements = by_mode["cloudtrail"]
    there = {"Sid": "guardrails-events", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
             "Condition": {"ArnLike": {"AWS:SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT.id}:rule/custodian-*"}}}
    assert permission_differences([there], wanted_statements) == []
    for wrong in (
        {"Effect": "Deny"}, {"Principal": "*"}, {"Condition": {}}, {"Sid": "other"},
        {"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:events:*:*:rule/*"}}}):
        assert permission_differences([{**there, **wrong}], wanted_statements) == ["guardrails-events"], wrong


def test_an_event_keeps_its_form_beside_the_name() -> None:
    template = addressed_event("p")["InputTemplate"]
    event = {"source": "aws.ec2", "detail": {"a": '"quoted" <b>'}}
    assert unwrapped(json.loads(template.replace("<aws.events.event.json>", json.dumps(event)))) == {
        **event, "guardrails-policy": "p"}
    assert json.loads(addressed_tick("p"))["guardrails-policy"] == "p"


_PROBES = """
import json, logging, sys
from types import SimpleNamespace

assert not any("site-packages" not in path and ROOT in path for path in sys.path)
from custom_actions import lambda_entry
assert lambda_entry.__file__.startswith(HERE)
logging.getLogger("custodian.guardrails").setLevel(logging.INFO)
config = json.load(open("config.json"))
context = SimpleNamespace(
    invoked_function_arn="arn:aws:lambda:eu-west-1:111111111111:function:" + config["group"]["name"])
loaded = []
for policy in config["policies"]:
    marker = PREFIX + policy["name"]
    event = {"source": SOURCE, "detail": {"eventID": marker}, "configRuleName": "custodian-" + policy["name"]}
    assert lambda_entry.run({"guardrails-policy": policy["name"], "event": event}, context)
    loaded.append(sum(name.startswith("c7n.resources.") for name in sys.modules))
print(json.dumps(loaded))
"""


def test_every_policy_is_ready_in_a_process_that_has_only_the_archive(moto: Moto, tmp_path: Path) -> None:
    here = tmp_path / "task"
    for group in grouped(wanted()):
        archive = groups.archive_of(group)
        with zipfile.ZipFile(archive.path) as file:
            # The code is the same in all of them, and is compiled once.
            file.extractall(here, None if not here.exists() else ["config.json"])
        values = {"ROOT": str(Path(groups.__file__).parents[2]), "HERE": str(here), "PREFIX": PROBE_PREFIX,
                  "SOURCE": PROBE_SOURCE}
        head = "".join(f"{name} = {value!r}\n" for name, value in values.items())
        done = subprocess.run(
            [ensure_runtime(), "-c", head + _PROBES], cwd=here, capture_output=True, text=True, check=False,
            timeout=120, env={"AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "none",
                              "AWS_SECRET_ACCESS_KEY": "none", "AWS_ENDPOINT_URL": moto.endpoint})
        assert done.returncode == 0, done.stderr[-3000:]
        for each in group.members:
            assert f"probe {PROBE_PREFIX}{each.policy.name}: {each.policy.name} is ready" in done.stderr
        loaded = json.loads(done.stdout)
        # The first policy loads its own resource type, and not those of the others.
        assert len({each.policy.resource for each in group.members}) < 3 or loaded[0] < loaded[-1]


@pytest.mark.parametrize("stuck", [False, True])
def test_a_policy_that_moves_between_groups_is_held_by_both_until_its_trigger_is_switched(
    monkeypatch: pytest.MonkeyPatch, stuck: bool
) -> None:
    first, other = [each for each in wanted() if each.policy.mode["type"] == "cloudtrail"][:2]
    moved = changed(other, "moved", timeout=600)
    done: list[tuple[str, str, tuple[str, ...]]] = []

    class Manager:
        def __init__(self, _: Any) -> None: ...

        def publish(self, function: Any) -> None:
            archive = function.get_archive()
            with zipfile.ZipFile(archive.path) as file:
                config = json.loads(file.read("config.json"))
            done.append(("publish", function.name, tuple(each["name"] for each in config["policies"])))

    def put(_: Any, each: Any) -> str:
        done.append(("switch", each.planned.policy.name, ()))
        return "denied" if stuck else ""

    monkeypatch.setattr(group_rollout.mu, "LambdaManager", Manager)
    monkeypatch.setattr(group_rollout, "_permit", lambda *_: None)
    monkeypatch.setattr(group_rollout, "clients_of", lambda *_: {"lambda": None})
    monkeypatch.setattr(group_rollout._Writers, "put", put)
    [old] = groups_of([first], group_names([first]))
    [new] = groups_of([moved], group_names([moved]))

    def planned(group: Group, change: DeploymentChange, leaving: tuple[Blueprint, ...] = ()) -> Any:
        stand_in = PlannedDeployment(group_rollout._stand_in(group), ACCOUNT, REGION, change, "", group.name)
        triggers = tuple(group_rollout.PlannedTrigger(PlannedDeployment(
            each.policy, ACCOUNT, REGION, change, "", group.name), Any) for each in group.members if each is moved)
        return group_rollout.PlannedGroup(function_of(group), stand_in, triggers, leaving)

    update, unchanged = DeploymentChange.UPDATE, DeploymentChange.UNCHANGED
    plan = group_rollout.GroupedPlan((planned(old, update, (moved,)), planned(new, update)))
    after = group_rollout.GroupedPlan((planned(old, unchanged), planned(new, unchanged)))
    monkeypatch.setattr(group_rollout.GroupedPlan, "again", lambda _: after)
    results = {each.policy.name: (each.outcome, each.reason) for each in group_rollout.deploy(plan)}
    both, alone = tuple(sorted((first.policy.name, "moved"))), (first.policy.name,)
    assert sorted(done[:2]) == sorted([("publish", old.name, both), ("publish", new.name, ("moved",))])
    assert done[2:] == [("switch", "moved", ()), ("publish", old.name, both if stuck else alone)]
    assert results["moved"] == (("failed", "denied") if stuck else ("updated", ""))
    outcome, reason = results[old.name.removeprefix("custodian-")]
    assert (outcome, "still holds moved" in reason) == (("failed", True) if stuck else ("updated", False))
