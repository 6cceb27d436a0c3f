"""Policies of AWS Config's two modes, end to end: an archive runs, and its verdicts are read back from the rule.

The cases are the same that `test_cases.py` runs in pull mode. Here a policy is deployed by c7n, with the case's
variables, into an account of its own in the sandbox, whose AWS Config records what the case makes and calls the
function. A rule that only tells is in force while the resources are made, and judges each as it changes. One with a
fix, or on a schedule, is put when they are there, as on the day of its deployment; what a fix changed calls it again.

This takes a deployment and a cold start each, so it is one policy with each kind of fix; test_grouped.py has all
policies of all resource types in force at once.
"""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from c7n import utils

from guardrails.sandbox import Sandbox
from tests import engine
from tests.moto_server import REGION

from .harness import REPORTING, Case, World, cases, representatives
from .recorded import RecordedAccount, recorded


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(directory=tmp_path_factory.mktemp("config-rule")) as running:
        yield running


class Account(RecordedAccount):
    """An account for one policy, which c7n deploys."""

    rule = ""

    def deploy(self, policy: Any, variables: dict[str, Any]) -> None:
        """Let c7n deploy the policy."""
        self.rule = f"custodian-{policy['name']}"
        engine.load(policy, self.output, variables=variables, account=self.number)()

    def close(self) -> None:
        """Bucket names are the world's, and a function keeps a process: give them back."""
        self.sandbox.settle()
        # What the cleaning removes need not be looked at again after each call.
        self.client("config").stop_configuration_recorder(ConfigurationRecorderName="default")
        if self.rule:
            self.client("config").delete_config_rule(ConfigRuleName=self.rule)
            self.client("lambda").delete_function(FunctionName=self.rule)
        s3 = self.client("s3")
        buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
        for bucket in buckets:
            s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
        for bucket in buckets:
            for item in s3.list_objects_v2(Bucket=bucket).get("Contents", ()):
                s3.delete_object(Bucket=bucket, Key=item["Key"])
            s3.delete_bucket(Bucket=bucket)
        utils.reset_session_cache()

    def evaluations(self) -> dict[str, tuple[str, str]]:
        """Verdict and annotation of each resource, when every change has been judged."""
        self.sandbox.settle()
        return self.verdicts(self.rule)

    def function_log(self) -> str:
        return self.sandbox.logs(self.rule, self.number, REGION)


@pytest.mark.parametrize("name", representatives("config-rule", of_types=False))
def test_policy(name: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = [case for case in cases("config-rule") if case.policy["name"] == name]
    assert own, "the policy has no cases"
    # A deployment and a cold start each: the first, and one of what only AWS Config tells apart. Pull mode runs all.
    outside = [] if own[0].outside else [case for case in own if case.outside][:1]
    for case in (own[0], *outside):
        account = Account(sandbox, monkeypatch, tmp_path, [recorded(case.policy)])
        try:
            judge(case, account)
        except BaseException as error:
            error.add_note(f"case: {case}\n{account.function_log()[-6000:]}")
            raise
        finally:
            account.close()


def judge(case: Case, account: Account) -> None:
    world = World(
        account.client, account.sandbox.settle, account=account.number, backdate=account.sandbox.backdate,
        set_owner=account.sandbox.set_owner, set_state=account.sandbox.set_state,
        give_answer=account.sandbox.give_answer)
    tells = case.policy["metadata"]["response"] in REPORTING
    # Variables that name what the case makes can be filled in when that is there.
    early = tells and "{" not in json.dumps(list(case.vars.values()))
    if early:
        account.deploy(case.policy, case.vars)
    world.do(case.make)
    account.sandbox.settle()
    if not early:
        account.deploy(case.policy, world.fill(case.vars))
    elif case.policy["mode"]["type"] == "config-poll-rule":
        # Its schedule does not tick by itself here.
        account.client("config").start_config_rules_evaluation(ConfigRuleNames=[account.rule])
    config_ids = account.config_ids(case.policy, world.ids([*case.match, *case.passes]))
    found = account.evaluations()

    expected = {}
    for of in world.ids(case.match):
        expected[config_ids[of]] = "NON_COMPLIANT" if tells or of in world.ids(case.refused) else "COMPLIANT"
    for of in world.ids(case.passes):
        verdict = "NOT_APPLICABLE" if of in world.ids(case.outside) else "COMPLIANT"
        # What is at home in another region is recorded there, and judged by the rule of that region.
        elsewhere = of.startswith("arn:") and of.split(":")[3] not in ("", REGION)
        expected[config_ids[of]] = "none" if elsewhere and case.policy["mode"]["type"] == "config-rule" else verdict
    assert len(expected) == len(case.match) + len(case.passes), "two resources have one id"
    verdicts = {of: found.get(of, ("none", ""))[0] for of in expected}
    assert verdicts == expected, found
    if tells:
        for of in world.ids(case.match):
            assert found[config_ids[of]][1].startswith("Violated: ")
    world.check(case.fixed)
