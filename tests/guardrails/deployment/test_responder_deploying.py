"""The template, and what becomes of the responder when an account's word changes."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from c7n import utils

from custom_actions.names import RESPONDER
from guardrails.accounts.account import Account
from guardrails.deployment.inventory import DeployedFunction
from guardrails.deployment.leftovers import obsolete, refuse_partial, why_obsolete
from guardrails.deployment.plans import DeploymentChange, regions_for
from guardrails.deployment.responder import _function, deploy, plan
from guardrails.deployment.responder import refuse_partial as refuse_a_part
from guardrails.errors import GuardrailsError
from guardrails.paths import POLICIES
from guardrails.policies import PolicySources
from guardrails.policies.policy import load
from guardrails.stacks.compliance_stack import compliance

from .test_forms import policy

REGION = "eu-west-1"
RED = Account("111111111111", "red", (REGION,), {"guardrails": "respond"})
OBSERVED = Account("111111111111", "red", (REGION,))


def test_cloudformation_takes_the_template(tmp_path: Path) -> None:
    (tmp_path / "compliance.template.json").write_text(json.dumps(compliance()))
    lint = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "compliance.template.json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (lint.returncode, lint.stdout) == (0, "")


def test_it_carries_the_packages_of_all_policies_that_it_runs() -> None:
    settings = {"role": "r", "handler": "custom_actions.lambda_entry.run"}
    policies = [
        policy("encrypt", ["set-bucket-encryption"], "config-rule", packages=packages, **settings)
        for packages in (["custom_actions", "jmespath"], ["custom_actions"])]
    function = _function(policies, RED, REGION, {})
    with function.get_archive().get_reader() as archive:
        names = archive.namelist()
    assert {"jmespath/__init__.py", "custom_actions/plugin.py"} <= set(names)
    assert len(names) == len(set(names))


def test_the_responder_goes_when_the_account_does_not_respond() -> None:
    assert obsolete([DeployedFunction(RED, REGION, RESPONDER)], []) == []
    left = DeployedFunction(OBSERVED, REGION, RESPONDER)
    assert obsolete([left], []) == [left]
    assert why_obsolete(left, []) == "its account does not have `guardrails: respond`"
    # It is no policy that the directory lacks.
    refuse_partial([left], [policy("revert", ["delete"])], PolicySources())


def test_a_part_of_the_policies_does_not_replace_all() -> None:
    with pytest.raises(GuardrailsError, match=r"the responder of account red \(111111111111\)"):
        refuse_a_part([RED], PolicySources.of(POLICIES / "realtime"))
    refuse_a_part([RED], PolicySources())
    refuse_a_part([OBSERVED], PolicySources.of(POLICIES / "realtime"))


def test_without_its_topic_it_is_not_deployed(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    utils.reset_session_cache()
    policies = [each for each in load() if each.name == "security-group-admin-ports"]
    [wanted] = plan(policies, [RED, OBSERVED], {}, regions_for)
    assert wanted.change is DeploymentChange.UNKNOWN
    [ended] = deploy([wanted], list)
    assert ended.failed
    assert ended.reason == (
        "the topic guardrails-compliance does not exist: "
        "create the stack of compliance.template.json (guardrails templates)")
    assert plan([policy("alert", ["notify"])], [RED], {}, regions_for) == []
