"""What a central function carries, what it makes of it for each account, and what the templates say."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from c7n import handler
from c7n.config import Config
from c7n.cwe import CloudWatchEvents
from c7n.policy import Policy as EnginePolicy
from click.testing import CliRunner

from custom_actions import lambda_entry
from custom_actions.functions import PROBE_SOURCE
from custom_actions.functions.central import KEY, Members, NotOfAMember, Origin, member_policy, origin, pack, unpack
from guardrails.accounts.account import Account, listed_accounts
from guardrails.cli.main import main
from guardrails.deployment import rollout
from guardrails.deployment.hub import as_central, hub_of
from guardrails.deployment.inventory import DeployedFunction, places
from guardrails.deployment.leftovers import obsolete, why_obsolete
from guardrails.deployment.plans import regions_for
from guardrails.errors import GuardrailsError
from guardrails.policies.event_pattern import mismatches
from guardrails.policies.policy import Kind, Policy, load
from guardrails.stacks.compliance_stack import compliance
from guardrails.stacks.hub_stack import PATTERN_CHARACTERS, hub_template, member_template, patterns
from guardrails.stacks.iam.needs import STATE_CALLS, of_function
from guardrails.stacks.templates import deployment_sizes

HUB, RED, BLUE, STRANGER = "999999999999", "111111111111", "222222222222", "333333333333"
HOME = "eu-west-1"
ACCOUNTS = f"""
vars: {{ec2_image_owners: ["{{account_id}}"]}}
accounts:
- {{name: security, account_id: '{HUB}', role: r, regions: [{HOME}], guardrails-hub: {HOME}}}
- name: red
  account_id: '{RED}'
  role: r
  regions: [{HOME}, eu-north-1]
  guardrails: heal
  vars: {{admin_ports: [tcp 3389 from world]}}
- {{name: blue, account_id: '{BLUE}', role: r, regions: [{HOME}]}}
"""
REALTIME = [policy for policy in load() if policy.kind is Kind.REALTIME]
BY_NAME = {policy.name: policy for policy in REALTIME}
PORTS = BY_NAME["security-group-admin-ports-revert"]


@pytest.fixture
def hub(tmp_path: Path) -> Account:
    return hub_in(ACCOUNTS, tmp_path)


def hub_in(text: str, directory: Path) -> Account:
    file = directory / "accounts.yml"
    file.write_text(text)
    accounts = listed_accounts(file, ())
    found = hub_of(accounts.all)
    assert found is not None
    return found


def deployed(policy: Policy, hub: Account) -> dict[str, Any]:
    """The policy as its archive in the hub has it."""
    made = EnginePolicy(dict(as_central(policy, hub, {}).data), Config.empty(region=HOME, account_id=HUB))
    made.expand_variables(made.get_variables({}))
    found: dict[str, Any] = json.loads(json.dumps(made.data))
    return found


def test_each_account_gets_its_own_parameters_and_response(hub: Account) -> None:
    archived = deployed(PORTS, hub)
    red = member_policy(archived, Origin(RED, "eu-north-1"))
    assert red["filters"][0]["forbidden"] == ["tcp 3389 from world"]
    assert "revert-ingress" in red["actions"] or red["actions"][0]["type"] == "revert-ingress"
    assert red["mode"]["execution-options"] == {
        "assume_role": f"arn:aws:iam::{RED}:role/guardrails-member", "region": "eu-north-1"}
    assert "member-role" not in red["mode"]
    for other in (BLUE, STRANGER):
        seen = member_policy(archived, Origin(other, HOME))
        assert len(seen["filters"][0]["forbidden"]) > 1
        # An account that nobody has said may be healed is told of, at the hub's own topic.
        assert {action["type"] for action in seen["actions"]} == {"notify"}
        assert seen["actions"][0]["transport"]["topic"] == f"arn:aws:sns:{HOME}:{HUB}:guardrails-compliance"


def test_what_names_the_account_names_the_member(hub: Account) -> None:
    policy = next(policy for policy in REALTIME if "{ec2_image_owners}" in json.dumps(policy.data))
    for account in (RED, BLUE):
        assert account in json.dumps(member_policy(deployed(policy, hub), Origin(account, HOME))["filters"])
        assert HUB not in json.dumps(member_policy(deployed(policy, hub), Origin(account, HOME))["filters"])


def test_exceptions_hold_for_members_too(hub: Account) -> None:
    archived = deployed(PORTS, hub)
    let_off = {"type": "excepted", "exceptions": [{
        "policy": PORTS.name, "account": RED, "resource": "sg-1", "reason": "a {brace}", "owner": "o@example.org",
        "expires": "2099-01-01"}]}
    archived["filters"].append(let_off)
    assert member_policy(archived, Origin(RED, HOME))["filters"][-1] == let_off


@pytest.mark.parametrize("policy", REALTIME, ids=lambda policy: policy.name)
def test_every_realtime_policy_can_be_deployed_centrally(policy: Policy, hub: Account) -> None:
    archived = deployed(policy, hub)
    for account in (RED, BLUE):
        EnginePolicy(member_policy(archived, Origin(account, HOME)), Config.empty(region=HOME, account_id=account)
                     ).validate()
    # The hub's function may do nothing by itself but log, assume the members' role, use what all functions share, and
    # have an event delivered again.
    needs = of_function(as_central(policy, hub, {}))
    waits = {need.action: need.resources for need in needs if need.action.partition(":")[0] not in ("logs", "sts")}
    table = ("arn:${Partition}:dynamodb:*:${Account}:table/guardrails-state",)
    shared = {**dict.fromkeys(STATE_CALLS, table),
              "sqs:SendMessage": ("arn:${Partition}:sqs:*:${Account}:guardrails-events-failed",)}
    assert {action: waits.pop(action) for action in shared} == shared
    assert waits in ({}, {
        "scheduler:CreateSchedule": (
            "arn:${Partition}:scheduler:*:${Account}:schedule/default/guardrails-confirm-*",),
        "iam:PassRole": ("arn:${Partition}:iam::${Account}:role/guardrails-redeliver",)})


def test_a_profile_of_one_account_is_reason_enough_and_asked_again_for_each(tmp_path: Path) -> None:
    policy = next(policy for policy in REALTIME if policy.metadata.get("profile"))
    profile = policy.metadata["profile"]
    assert "conditions" in as_central(policy, hub_in(ACCOUNTS, tmp_path), {}).data
    text = ACCOUNTS.replace("vars: {admin_ports: [tcp 3389 from world]}", f"vars: {{profiles: [{profile}]}}")
    archived = deployed(policy, hub_in(text, tmp_path))
    assert "conditions" not in archived
    for account, runs in ((RED, True), (BLUE, False)):
        made = EnginePolicy(member_policy(archived, Origin(account, HOME)), Config.empty(
            region=HOME, account_id=account))
        made.validate()
        assert bool(made.is_runnable({})) is runs


@pytest.mark.parametrize("message", [
    {}, {"account": RED}, {"account": "1", "region": HOME}, {"account": None, "region": HOME},
    {"account": RED, "region": None},
])
def test_a_message_of_no_account_is_not_answered(message: dict[str, Any]) -> None:
    with pytest.raises(NotOfAMember):
        origin(message)


def test_the_entry_makes_the_handler_the_members_before_it_runs(
    hub: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    members = Members({"execution-options": {}, "policies": [deployed(PORTS, hub)]})
    monkeypatch.setenv("AWS_DEFAULT_REGION", HOME)
    monkeypatch.setattr(handler, "policy_config", None)
    monkeypatch.setattr(handler, "policy_data", None)
    for account in (RED, BLUE, RED):
        assert members.prepare({"account": account, "region": HOME}) == Origin(account, HOME)
        assert (handler.policy_config.account_id, handler.policy_config.region) == (account, HOME)
        assert handler.policy_config.assume_role == f"arn:aws:iam::{account}:role/guardrails-member"
    # A message of nowhere is refused, and is not taken for one of the last account.
    (tmp_path / "config.json").write_text(json.dumps({"policies": [deployed(PORTS, hub)]}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lambda_entry, "_members", lambda: members)
    monkeypatch.setattr(lambda_entry, "policy_mode", lambda: "cloudtrail")
    event = {"source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail", "detail": {
        "eventName": "AuthorizeSecurityGroupIngress", "eventSource": "ec2.amazonaws.com"}}
    assert lambda_entry.run(event, None) is False
    assert "event refused: it must have an account and a region, got None and None" in capsys.readouterr().out
    assert handler.policy_config.account_id == RED


def test_what_is_packed_comes_back_and_has_no_braces() -> None:
    given = {"forms": {"heal": {"name": "{a}"}}, "accounts": {RED: {"vars": {"b": ["{c}"]}}}}
    assert unpack(pack(given["forms"], given["accounts"])) == given
    assert not {"{", "}"} & set(pack(given["forms"], given["accounts"]))


@pytest.mark.parametrize(("change", "said"), [
    (("guardrails-hub: eu-west-1", "guardrails-hub: 7"), "accounts.yml:4: guardrails-hub must be a region, got 7"),
    (("{name: blue,", "{name: blue, guardrails-hub: eu-west-1,"),
     "can be the hub, and security (999999999999) already is"),
])
def test_a_hub_that_cannot_be_is_refused(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(GuardrailsError, match=said.replace("(", r"\(").replace(")", r"\)")):
        hub_in(ACCOUNTS.replace(*change), tmp_path)


def test_vars_that_c7n_refuses_are_named_with_their_account(tmp_path: Path) -> None:
    hub = hub_in(ACCOUNTS.replace("[tcp 3389 from world]", "7"), tmp_path)
    with pytest.raises(GuardrailsError, match=r"account red \(111111111111\): c7n rejects security-group-admin-ports"):
        as_central(PORTS, hub, {})


def test_only_the_hub_has_the_functions_and_what_is_left_elsewhere_is_gone(hub: Account, tmp_path: Path) -> None:
    accounts = {account.id: account for account in listed_accounts(tmp_path / "accounts.yml", ()).all}
    assert {number: regions_for(PORTS, account) for number, account in accounts.items()} == {
        HUB: (HOME,), RED: (), BLUE: ()}
    assert (accounts[HUB], HOME) in places(accounts.values())
    left = [DeployedFunction(accounts[each], HOME, PORTS.function) for each in (RED, HUB)]
    assert obsolete(left, REALTIME) == left[:1]
    assert why_obsolete(left[0], REALTIME) == "the hub processes its events"
    assert why_obsolete(DeployedFunction(accounts[HUB], HOME, "custodian-other"), REALTIME) == (
        "its policy no longer exists")
    [apart, together] = deployment_sizes(REALTIME, listed_accounts(tmp_path / "accounts.yml", ()))
    assert together.functions == len(REALTIME) < apart.functions
    # The hub forwards too, from its default bus to its own.
    assert together.forwarding_rules == 4 * len(patterns(REALTIME))


def test_the_functions_of_a_hub_are_not_grouped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "accounts.yml"
    file.write_text(ACCOUNTS)
    accounts = listed_accounts(file, ())
    asked: dict[tuple[str, str], set[str]] = {}

    def plan(work: Any, known: Any, variables: Any) -> rollout.GroupedPlan:
        asked.update(((account.id, region), {policy.name for policy in policies})
                     for (account, region), policies in work.items())
        return rollout.GroupedPlan()

    monkeypatch.setattr(rollout.group_rollout, "plan", plan)
    policies = [policy for policy in load() if policy.deploys]
    request = rollout.RolloutRequest(
        policies, policies, accounts, None, all_selected=True, grouped=True, known=policies)
    works = rollout._works(request)
    rollout._plan_groups(request, works)
    realtime = set(BY_NAME)
    assert {account for account, _ in asked} == {RED, BLUE, HUB}
    assert not any(names & realtime for names in asked.values())
    left = {policy.name for chosen in rollout._alone(works[rollout.CENTRAL]).values() for policy in chosen}
    assert left == realtime


def test_members_send_on_all_that_policies_wait_for_in_few_rules() -> None:
    made = patterns(REALTIME)
    assert len(made) < len(REALTIME) / 2
    for pattern in made:
        assert len(json.dumps(pattern)) <= PATTERN_CHARACTERS
    for policy in REALTIME:
        for given in policy.mode["events"]:
            event = given if isinstance(given, dict) else {**CloudWatchEvents.get(given), "event": given}
            kind = "Console Sign In" if event["source"].startswith("signin") else "API Call"
            message = {"source": f"aws.{event['source'].partition('.')[0]}",
                       "detail-type": f"AWS {kind} via CloudTrail",
                       "detail": {"eventSource": event["source"], "eventName": event["event"]}}
            assert any(not list(mismatches(pattern, message)) for pattern in made), (policy.name, event)
            # A probe of the doctor is forwarded too; what somebody else has put on the bus is not.
            probe, forged = {**message, "source": PROBE_SOURCE}, {**message, "source": "my.app"}
            assert any(not list(mismatches(pattern, probe)) for pattern in made), (policy.name, event)
            assert all(list(mismatches(pattern, forged)) for pattern in made), (policy.name, event)


def test_patterns_are_split_at_the_quota() -> None:
    data = {"name": "p", "resource": "aws.ec2", "mode": {"type": "cloudtrail", "events": [
        {"source": f"service{number}.amazonaws.com", "event": f"{'Long' * 12}{number}", "ids": "x"}
        for number in range(60)]}}
    many = [Policy({**data, "mode": {**data["mode"], "events": [event]}}, PORTS.source, 0)
            for event in data["mode"]["events"]]
    made = patterns(many)
    assert len(made) > 1 and all(len(json.dumps(pattern)) <= PATTERN_CHARACTERS for pattern in made)
    assert sum(len(pattern["detail"]["eventName"]) for pattern in made) == 60


def test_one_service_with_many_events_is_split_too() -> None:
    events = [{"source": "ec2.amazonaws.com", "event": f"{'Long' * 12}{number}", "ids": "x"} for number in range(60)]
    beside = {"source": "iam.amazonaws.com", "event": "Other", "ids": "x"}
    mode = {"type": "cloudtrail", "events": [*events, beside]}
    made = patterns([Policy({"name": "p", "resource": "aws.account", "mode": mode}, PORTS.source, 0)])
    assert all(len(json.dumps(pattern)) <= PATTERN_CHARACTERS for pattern in made)
    names = [name for pattern in made for name in pattern["detail"]["eventName"]]
    # Each is forwarded once, and the one of the other service is not put beside all of them.
    assert sorted(names) == sorted(event["event"] for event in [*events, beside])


def test_the_templates_are_what_cloudformation_takes(hub: Account, tmp_path: Path) -> None:
    member = member_template(REALTIME, hub, [{}])
    for name, template in (("hub", hub_template()), ("member", member), ("compliance", compliance())):
        (tmp_path / f"{name}.json").write_text(json.dumps(template))
    linted = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "hub.json", "member.json", "compliance.json"], cwd=tmp_path,
        capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    # Where fixes may not run, the role has nothing that could run one.
    observing = json.dumps([each for name, each in member["Resources"].items() if name.startswith("ObservePolicy")])
    healing = json.dumps([each for name, each in member["Resources"].items() if name.startswith("HealPolicy")])
    assert "ec2:RevokeSecurityGroupIngress" in healing and "ec2:RevokeSecurityGroupIngress" not in observing
    assert f"arn:${{AWS::Partition}}:sns:{HOME}:{HUB}:guardrails-compliance" in observing
    assert KEY not in observing


def test_the_verb_writes_both_sides_and_says_what_they_save(hub: Account, tmp_path: Path) -> None:
    ended = CliRunner().invoke(main, ["templates", "-c", str(tmp_path / "accounts.yml"), "-o", str(tmp_path / "out")])
    assert ended.exit_code == 0, ended.output
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        *(f"{name}.template.json" for name in ("compliance", "mailer", "schedule", "sweep", "hub", "member")),
        "service-control-policy.json", "permissions-boundary.json"}
    assert json.loads((tmp_path / "out" / "member.template.json").read_text()) == member_template(load(), hub, [
        {"ec2_image_owners": ["{account_id}"]},
        {"ec2_image_owners": ["{account_id}"], "admin_ports": ["tcp 3389 from world"]}])
    assert str(len(REALTIME)) in ended.stdout
    ended = CliRunner().invoke(main, ["templates", "-o", str(tmp_path / "alone")])
    assert sorted(file.name for file in (tmp_path / "alone").iterdir()) == [
        "compliance.template.json", "mailer.template.json", "permissions-boundary.json", "schedule.template.json",
        "service-control-policy.json", "sweep.template.json"]
