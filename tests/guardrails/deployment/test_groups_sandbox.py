"""Policies that share functions, in the sandbox: deployed, answering, failing one by one, moved there and back."""
from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from custom_actions.names import GROUP_TAG
from guardrails.accounts.account import Account
from guardrails.cli.main import main
from guardrails.deployment.inventory import DeployedFunction
from guardrails.deployment.leftovers import why_used
from guardrails.health.repeated_fixes import UndoneFix, fixes_again
from guardrails.policies.policy import load
from guardrails.sandbox import Sandbox
from guardrails.stacks.iam.operator import of_deploy, of_doctor
from tests.guardrails.sandbox.conftest import eventually, open_port, security_group
from tests.sandboxed import MODE, not_allowed, sandboxed

HOME, RED, BLUE = "999999999999", "777777777777", "888888888888"
REGION = "eu-west-1"
AT_MOST = 12
"""Functions of one account and region for all policies of the project."""
POLICIES = MODE + """
  - name: ports
    resource: aws.security-group
    metadata: {response: revert}
    mode: &opened
      <<: *mode
      type: cloudtrail
      events: [{source: ec2.amazonaws.com, event: AuthorizeSecurityGroupIngress, ids: requestParameters.groupId}]
    filters: [{type: ingress-drift, forbidden: [tcp 22 from world]}]
    actions: [revert-ingress]
  - name: seen
    resource: aws.security-group
    metadata: {response: none}
    mode: *opened
    filters: [{GroupId: present}]
  - name: groups
    resource: aws.security-group
    metadata: {response: none}
    mode: {<<: *mode, type: config-rule}
    filters: [{GroupName: bad}]
  - name: users
    resource: aws.iam-user
    metadata: {response: none}
    mode: {<<: *mode, type: periodic, schedule: rate(1 day)}
    filters: [{UserName: nobody}]
  - name: roles
    resource: aws.iam-role
    metadata: {response: none}
    mode:
      <<: *mode
      type: schedule
      schedule: rate(1 day)
      scheduler-role: arn:aws:iam::{account_id}:role/guardrails
    filters: [{RoleName: nobody}]
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One for all tests, each of which has an account of its own."""
    directory = tmp_path_factory.mktemp("groups")
    with pytest.MonkeyPatch.context() as patch, sandboxed(directory, patch, HOME, REGION) as running:
        yield running


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    """A directory of the test's own."""
    monkeypatch.chdir(tmp_path)
    Path("policies").mkdir()


def prepare(sandbox: Sandbox, number: str) -> Deployed:
    """An account that heals, with AWS Config on, and the policies in `policies`."""
    Path("policies/all.yml").write_text(POLICIES)
    Path("accounts.yml").write_text(
        f"accounts:\n- {{name: red, account_id: '{number}', role: arn:aws:iam::{number}:role/deploy, "
        f"regions: [{REGION}], guardrails: heal}}\n")
    sandbox.client("iam", number).create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
    config = sandbox.client("config", number, REGION)
    config.put_configuration_recorder(ConfigurationRecorder={
        "name": "default", "roleARN": f"arn:aws:iam::{number}:role/guardrails",
        "recordingGroup": {"resourceTypes": ["AWS::EC2::SecurityGroup"]}})
    sandbox.client("s3", number, "us-east-1").create_bucket(Bucket=f"config-{number}")
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": f"config-{number}"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    return Deployed(sandbox, number)


class Deployed:
    """What is deployed in the account."""

    def __init__(self, sandbox: Sandbox, number: str) -> None:
        self.sandbox, self.number = sandbox, number
        self.client = lambda service: sandbox.client(service, number, REGION)

    def logs(self, function: str) -> str:
        """What the function has logged."""
        return self.sandbox.logs(function, self.number, REGION)

    def security_group(self, name: str) -> str:
        return security_group(self.sandbox, self.number, REGION, name)

    def open_and_await_fix(self, group: str) -> None:
        """Open port 22, and wait until a fix has closed it. Functions that an event has started may still run."""
        open_port(self.sandbox, self.number, group, 22, REGION)
        eventually(lambda: not self.ports(group), 60)
        self.sandbox.settle()

    def functions(self) -> dict[str, str]:
        """Name to ARN."""
        return {each["FunctionName"]: each["FunctionArn"]
                for each in self.client("lambda").list_functions()["Functions"]}

    def group(self, mode: str) -> str:
        """The name of the function that runs the policies of a mode."""
        lambdas = self.client("lambda")
        [name] = [name for name, arn in self.functions().items()
                  if lambdas.list_tags(Resource=arn)["Tags"].get(GROUP_TAG) == mode]
        return name

    def invoked(self) -> dict[str, str]:
        """The function that each policy's trigger invokes."""
        events, scheduler = self.client("events"), self.client("scheduler")
        found = {}
        for rule in events.list_rules()["Rules"]:
            [target] = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
            found[rule["Name"]] = target["Arn"]
        for rule in self.client("config").describe_config_rules()["ConfigRules"]:
            found[rule["ConfigRuleName"]] = rule["Source"]["SourceIdentifier"]
        for each in scheduler.list_schedules()["Schedules"]:
            found[each["Name"]] = scheduler.get_schedule(Name=each["Name"])["Target"]["Arn"]
        return {name.removeprefix("custodian-"): arn.rpartition(":")[2] for name, arn in found.items()}

    def ports(self, group: str) -> set[int]:
        [found] = self.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
        return {each["FromPort"] for each in found["IpPermissions"]}

    def log(self, mode: str) -> str:
        return self.logs(self.group(mode))

    def ours(self) -> int:
        """How often a fix has closed a port."""
        return sum(each["eventName"] == "RevokeSecurityGroupIngress" and "guardrails" in each["userIdentity"]["arn"]
                   for each in self.sandbox.events(self.number))

    def evaluated(self) -> dict[str, str]:
        """AWS Config's verdict on each security group."""
        results = self.client("config").get_compliance_details_by_config_rule(
            ConfigRuleName="custodian-groups")["EvaluationResults"]
        return {each["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"]: each["ComplianceType"]
                for each in results}

    def break_policy(self, mode: str, name: str) -> None:
        """Replace a policy in the archive of the function by one that c7n does not accept."""
        lambdas, function = self.client("lambda"), self.group(mode)
        with urlopen(lambdas.get_function(FunctionName=function)["Code"]["Location"]) as stream:  # noqa: S310 - ours
            archive = zipfile.ZipFile(io.BytesIO(stream.read()))
        changed = io.BytesIO()
        with zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as file:
            for entry in archive.infolist():
                content = archive.read(entry.filename)
                if entry.filename == "config.json":
                    config = json.loads(content)
                    next(each for each in config["policies"] if each["name"] == name)["filters"] = [{"type": "no-such"}]
                    content = json.dumps(config).encode()
                file.writestr(entry.filename, content)
        lambdas.update_function_code(FunctionName=function, ZipFile=changed.getvalue())


def run(verb: str, *arguments: str, code: int = 0) -> tuple[str, str]:
    """What the verb wrote to standard output and to standard error."""
    done = CliRunner().invoke(main, [verb, *arguments, "-c", "accounts.yml", "--policies", "policies"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    assert done.exit_code == code, done.output
    return done.stdout, done.stderr


WORKING = ("function", "policy", "settings", "event-rule", "target", "permission", "config-rule", "schedule", "fire")


def doctor(*arguments: str) -> dict[tuple[str, str], tuple[str, str]]:
    """State and reason of each check of each policy, and of the groups themselves."""
    done = CliRunner().invoke(
        main, ["doctor", "--json", "-v", *arguments, "-c", "accounts.yml", "--policies", "policies"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return {(check["policy"], check["check"]): (check["state"], check["reason"])
            for check in json.loads(done.stdout)["checks"]}


def plan(*arguments: str, code: int) -> dict[str, Any]:
    return dict(json.loads(run("deploy", "--dry-run", "--json", *arguments, code=code)[0]))


def test_the_whole_set_needs_few_functions(sandbox: Sandbox) -> None:
    sandbox.client("iam", HOME).create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")

    def deploy(*arguments: str) -> dict[str, Any]:
        done = CliRunner().invoke(main, ["deploy", "--grouped", "--region", REGION, "--json", *arguments])
        assert done.exit_code == 0, done.output
        return dict(json.loads(done.stdout))

    outcomes = {(each["region"], each["policy"]): each["outcome"] for each in deploy("--yes")["functions"]}
    assert set(outcomes.values()) == {"created", "off"}
    found = Counter()
    for region in {region for region, _ in outcomes}:
        functions = sandbox.client("lambda", HOME, region).list_functions()["Functions"]
        assert 0 < len(functions) <= AT_MOST
        pages = sandbox.client("events", HOME, region).get_paginator("list_rules").paginate()
        rules = [rule for page in pages for rule in page["Rules"]]
        config_rules = sandbox.client("config", HOME, region).get_paginator("describe_config_rules").paginate()
        found[region] = len(rules) + sum(len(page["ConfigRules"]) for page in config_rules)
    assert found == Counter(region for (region, _), outcome in outcomes.items() if outcome == "created")
    again = deploy("--dry-run")
    assert again["changes"] is False and again["known"] and again["surplus"] == []
    assert {each["change"] for each in again["groups"]} == {"unchanged"}


def test_policies_share_functions_and_answer_one_by_one(sandbox: Sandbox) -> None:
    red = prepare(sandbox, RED)
    planned = plan("--grouped", code=2)
    assert sorted((each["mode"], each["policies"], each["change"]) for each in planned["groups"]) == [
        ("cloudtrail", 2, "create"), ("config-rule", 1, "create"), ("periodic", 1, "create"), ("schedule", 1, "create")]
    assert {each["change"] for each in planned["functions"]} == {"create"} and red.functions() == {}
    assert run("deploy", "--grouped", "--yes")[0].startswith("COMPLETE: 9 created")
    assert len(red.functions()) == 4
    assert red.invoked() == {
        "ports": red.group("cloudtrail"), "seen": red.group("cloudtrail"), "groups": red.group("config-rule"),
        "users": red.group("periodic"), "roles": red.group("schedule")}
    assert run("deploy", "--grouped", "--yes")[0].startswith("COMPLETE: 9 unchanged")
    assert plan("--grouped", code=0)["changes"] is False
    health = doctor("--fire")
    assert {key: found for key, found in health.items() if key[1] in WORKING and found[0] != "ok"} == {}
    assert {policy for policy, check in health if check in ("event-rule", "config-rule", "schedule")} == {
        "ports", "seen", "groups", "users", "roles"}
    assert {policy for policy, check in health if check == "fire"} == {"ports", "seen"}

    # One event that two policies subscribe to: each handles it once.
    good, bad = red.security_group("good"), red.security_group("bad")
    red.open_and_await_fix(good)
    eventually(lambda: all(f"metric:ResourceCount Count:1 policy:{name}" in red.log("cloudtrail")
                           for name in ("ports", "seen")), 60)
    log = red.log("cloudtrail")
    assert (red.ours(), log.count("metric:ResourceCount Count:1 policy:seen")) == (1, 1), log
    assert "Traceback" not in log
    # A change, judged by the rule of its policy.
    assert (red.evaluated()[good], red.evaluated()[bad]) == ("COMPLIANT", "NON_COMPLIANT")
    # A tick: what EventBridge sends is the constant input of the rule's target.
    lambdas = red.client("lambda")
    for policy, sent in (
        ("users", red.client("events").list_targets_by_rule(Rule="custodian-users")["Targets"][0]["Input"]),
        ("roles", red.client("scheduler").get_schedule(Name="custodian-roles")["Target"]["Input"])):
        answer = lambdas.invoke(FunctionName=red.invoked()[policy], Payload=sent)
        assert "FunctionError" not in answer, red.log("periodic")
        assert f"policy:{policy} " in red.logs(red.invoked()[policy])

    # A policy that is broken in the archive is named; the other one of the same event goes on.
    red.break_policy("cloudtrail", "seen")
    red.open_and_await_fix(good)
    eventually(lambda: red.log("cloudtrail").count("policy seen failed: ") >= 3, 60)
    sandbox.settle()
    assert red.ours() == 2
    health = doctor()
    assert health["seen", "errors"][0] == health["seen", "policy"][0] == "broken"
    assert (health["ports", "errors"][0], health["ports", "policy"][0]) == ("ok", "ok")
    assert "policy seen failed: " in health["seen", "errors"][1]
    assert " for seen: " in health["", "failed-events"][1]
    # A rollback says that the group's function would fix it again.
    fixed = UndoneFix("ports", REGION, "revert-ingress", good)
    [again] = fixes_again([fixed], Account(RED, RED, (REGION,), {"role": f"arn:aws:iam::{RED}:role/deploy"}),
                          load(Path("policies")))
    assert (again.function, again.known) == (red.group("cloudtrail"), True)
    # An event that somebody sends again names no policy: all that subscribe run, and a retry repeats no fix.
    events = sandbox.events(red.number)
    record = [each for each in events if each["eventName"] == "AuthorizeSecurityGroupIngress"][-1]
    event = {"source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail", "account": RED, "region": REGION,
             "detail": record}
    for attempt in (1, 2):
        answer = lambdas.invoke(FunctionName=red.group("cloudtrail"), Payload=json.dumps(event))
        assert answer.get("FunctionError") and "seen" in red.log("cloudtrail")
        assert red.log("cloudtrail").count("policy ports was successful with this message before") == attempt - 1
    assert run("deploy", "--grouped", "--yes")[0].startswith("COMPLETE: 8 unchanged, 1 updated")

    # A policy that is gone: its group keeps it until its rule is removed.
    everything = Path("policies/all.yml").read_text()
    before, _, rest = everything.partition("  - name: seen")
    Path("policies/all.yml").write_text(f"{before}  - name: groups{rest.partition('  - name: groups')[2]}")
    kept = plan("--grouped", code=1)
    assert [each["function"] for each in kept["surplus"]] == ["custodian-seen"]
    [group] = [each for each in kept["groups"] if each["change"] == "unknown"]
    assert group["reason"].startswith("it would no longer hold seen, whose triggers invoke it")
    # A selection does not concern the other groups.
    assert [each["change"] for each in plan("--grouped", "users", code=0)["groups"]] == ["unchanged"]
    removed = run("undeploy", "--yes")[0]
    assert removed.startswith("COMPLETE: 1 of 1 removed"), removed
    assert set(red.invoked()) == {"ports", "groups", "users", "roles"} and len(red.functions()) == 4
    assert run("deploy", "--grouped", "ports", "--yes")[0].startswith("COMPLETE: 1 unchanged, 1 updated")
    Path("policies/all.yml").write_text(everything)
    needed = [*of_deploy(load(Path("policies"))), *of_doctor()]
    assert not_allowed(sandbox, f"arn:aws:iam::{RED}:role/deploy", *needed) == set()


def test_the_move_to_groups_and_back_never_leaves_an_event_without_an_answer(sandbox: Sandbox) -> None:
    red = prepare(sandbox, BLUE)
    assert run("deploy", "--yes")[0].startswith("COMPLETE: 5 created")
    assert red.invoked() == {name: f"custodian-{name}" for name in ("ports", "seen", "groups", "users", "roles")}
    planned = plan("--grouped", code=2)
    assert Counter(each["change"] for each in planned["groups"]) == {"create": 4}
    assert all(each["reason"].startswith("moves from its own function to custodian-group-")
               for each in planned["functions"])
    # The account's entry no longer says that it heals: --yes is no answer to that.
    healing = Path("accounts.yml").read_text()
    Path("accounts.yml").write_text(healing.replace("guardrails: heal", "guardrails: observe"))
    assert "1 functions fix today" in run("deploy", "--grouped", "--yes", code=1)[1]
    Path("accounts.yml").write_text(healing)

    assert run("deploy", "--grouped", "--yes")[0].startswith("COMPLETE: 4 created, 5 updated")
    assert len(red.functions()) == 9
    assert red.invoked()["ports"] == red.group("cloudtrail")
    good = red.security_group("good")
    red.open_and_await_fix(good)
    assert (red.ours(), red.logs("custodian-ports").count("START RequestId")) == (1, 0)
    # The functions that nothing invokes any more are removed, and the triggers stay.
    surplus = plan("--grouped", code=0)["surplus"]
    assert {each["function"] for each in surplus} == {f"custodian-{name}" for name in red.invoked()}
    assert all("runs its policy" in each["reason"] for each in surplus)
    triggers = red.invoked()
    # Not one that something invokes again by the time that somebody has confirmed.
    idle = DeployedFunction(Account(BLUE, BLUE, ()), REGION, "custodian-ports", red.functions()["custodian-ports"],
                            {"custodian-info": "mode=cloudtrail:version=1"}, idle="a group runs its policy")
    clients = {name: red.client(name) for name in ("events", "config", "scheduler")}
    assert why_used(idle, clients) == ""
    clients["events"].put_targets(Rule="custodian-users", Targets=[{"Id": "x", "Arn": idle.arn}])
    assert why_used(idle, clients) == "custodian-users invokes it again"
    clients["events"].remove_targets(Rule="custodian-users", Ids=["x"])
    removed = run("undeploy", "--yes", "--keep-logs")[0]
    assert removed.startswith("COMPLETE: 5 of 5 removed"), removed
    assert len(red.functions()) == 4 and red.invoked() == triggers
    assert run("deploy", "--grouped", "--yes")[0].startswith("COMPLETE: 9 unchanged")

    # And back.
    Path("accounts.yml").write_text(healing.replace("guardrails: heal", "guardrails: observe"))
    assert "1 functions fix today" in run("deploy", "--yes", code=1)[1]
    Path("accounts.yml").write_text(healing)
    back = plan(code=2)
    assert all(each["reason"].startswith("moves out of custodian-group-") for each in back["functions"])
    assert run("deploy", "--yes")[0].startswith("COMPLETE: 5 created")
    assert red.invoked() == {name: f"custodian-{name}" for name in triggers}
    red.open_and_await_fix(good)
    assert red.ours() == 2 and "Traceback" not in red.logs("custodian-ports")
    assert all("invokes it" in each["reason"] for each in plan(code=0)["surplus"])
    assert "custodian-group-" in doctor()["", "stray"][1]
    run("undeploy", "--yes")
    assert set(red.functions()) == {f"custodian-{name}" for name in triggers}
    assert run("undeploy", "*", "--yes")[0].startswith("COMPLETE: ")
    assert red.functions() == {} and red.invoked() == {}
