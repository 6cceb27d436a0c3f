"""All policies of AWS Config's modes and of schedules in force at once, with functions that they share.

`deploy --grouped` deploys them into an account that has resources of every type that a policy is about, good and bad.
Every rule must judge every resource of its type, and as a sweep of the account does; every schedule must start its
policy. The realtime policies answer in test_realtime.py.
"""
from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

import pytest
from botocore.exceptions import ClientError

from guardrails.cases.deployed import deploy_grouped
from guardrails.policies import Policy, load
from guardrails.sandbox import Sandbox
from guardrails.sandbox.config.table import kinds
from tests import engine
from tests.moto_server import REGION

from .harness import World, cases, loaded, policies, selected
from .recorded import RecordedAccount, model

RULES = [name for name, (mode, _) in policies().items() if mode == "config-rule"]
TICKS = [name for name, (mode, _) in policies().items() if mode == "periodic"]


class GroupedAccount(RecordedAccount):
    """An account with policies that share functions: as they are deployed, by name."""

    policies: Mapping[str, Policy] = {}


@pytest.fixture(scope="module")
def account(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GroupedAccount]:
    directory = tmp_path_factory.mktemp("grouped")
    names = selected(request, __file__, "name", "account") or (*RULES, *TICKS)
    with Sandbox.start(directory=directory / "sandbox") as sandbox, pytest.MonkeyPatch.context() as patch:
        account = GroupedAccount(sandbox, patch, directory / "c7n", (kind.type for kind in kinds()))
        seed(account)
        # moto makes the keys that AWS manages when they are first asked for.
        account.client("kms").describe_key(KeyId="alias/aws/s3")
        for case in cases("periodic", "config-rule"):
            # What moto has no API for is answered as the last case about it says.
            World(account.client, account=account.number, give_answer=sandbox.give_answer).do(
                [step for step in case.make if isinstance(step, dict) and "answer" in step])
        key = account.client("kms").create_key()["KeyMetadata"]["Arn"]
        account.client("iam").create_policy(PolicyName="user-boundary", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}))
        deploy_grouped(sandbox, directory, [loaded()[name] for name in names], account.number,
                       parameters={"cloudtrail_fix_kms_key_arn": key})
        account.policies = {policy.name: policy for policy in load(directory / "policies")}
        sandbox.settle()
        yield account


def seed(account: RecordedAccount) -> None:
    """Make what the first case about each resource type makes."""
    seen = set()
    for case in cases("config-rule"):
        if case.policy["resource"] in seen:
            continue
        seen.add(case.policy["resource"])
        world = World(account.client, account.sandbox.settle, account=account.number,
                      backdate=account.sandbox.backdate, set_owner=account.sandbox.set_owner,
                      set_state=account.sandbox.set_state, give_answer=account.sandbox.give_answer)
        try:
            world.do(case.make)
        except ClientError as error:
            # Two cases may give their resources the same name. What was made until then is there to be judged.
            if not re.search("Exist|Duplicate|InUse", error.response["Error"]["Code"]):
                raise
            print(case, error)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_judges_as_a_sweep_does(name: str, account: GroupedAccount) -> None:
    policy = account.policies[name]
    rule = policy.function
    if policy.mode["type"] == "config-poll-rule":
        # Its schedule does not tick by itself here.
        account.client("config").start_config_rules_evaluation(ConfigRuleNames=[rule])
        account.sandbox.settle()
    ids = account.config_ids(policy.data)
    # What is at home in another region is recorded there, and judged by the rule of that region.
    here = {of for id_, of in ids.items() if not id_.startswith("arn:") or id_.split(":")[3] in ("", REGION)}
    verdicts = {of: verdict for of, (verdict, _) in account.verdicts(rule).items()}
    assert here and here <= set(verdicts)
    found = engine.load({**policy.data, "actions": []}, account.output, dryrun=True, account=account.number)()
    bad = {ids[str(each[model(policy.data).id])] for each in found}
    assert {of for of, verdict in verdicts.items() if verdict == "NON_COMPLIANT"} == bad & here


@pytest.mark.parametrize("name", TICKS)
def test_every_schedule_starts_its_policy(name: str, account: RecordedAccount) -> None:
    [target] = account.client("events").list_targets_by_rule(Rule=loaded()[name].function)["Targets"]
    function = target["Arn"].rpartition(":")[2]
    answer = account.client("lambda").invoke(FunctionName=function, Payload=target["Input"])
    assert "FunctionError" not in answer, answer["Payload"].read()
    assert account.sandbox.logs(function, account.number, REGION, pattern=f"policy:{name}")


def test_the_functions_are_few_and_no_policy_failed(account: RecordedAccount) -> None:
    functions = [each["FunctionName"] for each in account.client("lambda").list_functions()["Functions"]]
    assert len(functions) <= 12
    for name in functions:
        log = account.sandbox.logs(name, account.number, REGION)
        at = log.find("Traceback")
        assert at < 0, log[max(0, at - 2000):at + 6000]
