"""What a policy needs, and the documents and templates that are made of it."""
from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from guardrails.cli.main import main
from guardrails.errors import GuardrailsError
from guardrails.policies.policy import Policy, load
from guardrails.stacks.iam.catalogue import ActionCatalogue
from guardrails.stacks.iam.documents import (
    INLINE_CHARACTERS,
    MANAGED_CHARACTERS,
    PermissionGrant,
    actions_of,
    document,
    documents,
    grants,
    size,
)
from guardrails.stacks.iam.needs import IamCondition, Permission, of_function, of_hub, of_policy, of_sweep
from guardrails.stacks.iam.operator import of_deploy, of_doctor
from guardrails.yamlfile import YamlFile, read

SHIPPED = {policy.name: policy for policy in load()}


def policy(tmp_path: Path, **data: Any) -> Policy:
    """A policy of a file of its own."""
    file = tmp_path / "own.yml"
    file.write_text(json.dumps({"policies": [{"name": "own", **data}]}))
    source: YamlFile = read(file)
    return Policy(source.data["policies"][0], source, 0)


def actions(needs: list[Permission]) -> set[str]:
    return {need.action for need in needs}


def test_what_stands_in_blocks_and_in_other_policies_counts(tmp_path: Path) -> None:
    flow_logs = {"not": [{"or": [{"type": "flow-logs", "enabled": True}]}]}
    assert "ec2:DescribeFlowLogs" in actions(of_policy(policy(tmp_path, resource="vpc", filters=[flow_logs])))
    missing = {"type": "missing", "policy": {"resource": "config-recorder"}}
    found = actions(of_policy(policy(tmp_path, resource="account", filters=[{"and": [missing]}])))
    assert {"config:DescribeConfigurationRecorders", "config:DescribeConfigurationRecorderStatus"} <= found


def test_what_an_element_declares_wrong_is_mended(tmp_path: Path) -> None:
    listener = {"type": "listener", "key": "Protocol", "value": "HTTP"}
    assert "elasticloadbalancing:DescribeListeners" in actions(
        of_policy(policy(tmp_path, resource="app-elb", filters=[listener])))
    on, off = (
        actions(of_policy(policy(
            tmp_path, resource="account", actions=[{"type": "set-ebs-encryption", "state": state}])))
        for state in (True, False)
    )
    assert "ec2:DisableEbsEncryptionByDefault" not in on and "ec2:DisableEbsEncryptionByDefault" in off


def test_an_action_that_aws_does_not_know_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from c7n.resources.ec2 import EC2

    monkeypatch.setattr(EC2.action_registry.get("stop"), "permissions", ("ec2:StopInstance",))
    monkeypatch.setattr(EC2.action_registry.get("stop"), "get_permissions", lambda self: self.permissions)
    with pytest.raises(GuardrailsError) as refused:
        of_policy(policy(tmp_path, resource="ec2", actions=["stop"]))
    assert "own.yml:1: own: action stop declares ec2:StopInstance" in refused.value.problem
    assert "ec2:stopinstances" in refused.value.fix
    assert "ec2:DescribeInstances" in actions(
        of_policy(policy(tmp_path, resource="ec2", actions=["stop"]), actions=False))


def test_variables_of_accounts_switch_calls_on() -> None:
    groups = SHIPPED["iam-user-no-full-star"]
    assert "iam:ListGroupsForUser" not in actions(of_policy(groups))
    [name] = [key for key in groups.metadata["parameters"] if "full_star" in key and "group" in key and
              isinstance(groups.metadata["parameters"][key], bool)]
    assert "iam:ListGroupsForUser" in actions(of_policy(groups, [{}, {name: True}]))


def test_a_call_worth_an_account_is_bound_to_what_the_policy_does_with_it() -> None:
    denying = SHIPPED["iam-user-created-deny"]
    [attach] = [need for need in of_function(denying) if need.action == "iam:AttachUserPolicy"]
    [condition] = attach.conditions
    assert condition.key == "iam:PolicyARN" and condition.values and "*" not in condition.values
    [passed] = [need for need in of_policy(SHIPPED["vpc-flow-logs-central"]) if need.action == "iam:PassRole"]
    assert passed.conditions == (IamCondition("StringEquals", "iam:PassedToService", ("vpc-flow-logs.amazonaws.com",)),)
    # To wait for CloudTrail's event history: its own schedules, and the one role for them; the trail's role apart.
    waits = of_policy(SHIPPED["cloudtrail-settings-restore"], mode=True)
    [schedule] = [need for need in waits if need.action == "scheduler:CreateSchedule"]
    assert schedule.resources == ("arn:${Partition}:scheduler:*:${Account}:schedule/default/guardrails-confirm-*",)
    assert {need.conditions[0].values: need.resources for need in waits if need.action == "iam:PassRole"} == {
        ("scheduler.amazonaws.com",): ("arn:${Partition}:iam::${Account}:role/guardrails-redeliver",),
        ("cloudtrail.amazonaws.com",): ()}
    [only] = [need for need in of_policy(SHIPPED["kms-key-revert"], mode=True) if need.action == "iam:PassRole"]
    assert only.resources == ("arn:${Partition}:iam::${Account}:role/guardrails-redeliver",)
    # A list with nothing in it: nothing is ever attached.
    attaching = SHIPPED["iam-user-policy-attach"]
    assert "iam:AttachUserPolicy" not in actions(of_policy(attaching))
    [given] = [need for need in of_policy(attaching, [{"required_user_policies": ["team-boundary"]}])
               if need.action == "iam:AttachUserPolicy"]
    assert given.conditions[0].values == ("arn:${Partition}:iam::*:policy/team-boundary",)
    [told] = [need for need in of_policy(SHIPPED["security-group-used"]) if need.action == "sns:Publish"]
    assert told.resources == ("arn:${Partition}:sns:*:${Account}:guardrails-compliance",)


def test_a_function_has_its_log_its_verdicts_and_its_output() -> None:
    from guardrails.accounts import S3Url
    from guardrails.runs.outputs import with_output

    name = "vpc-flow-logs"
    found = of_function(with_output(SHIPPED[name], S3Url.parse("s3://reports/all?region=eu-west-1")))
    by_action = {need.action: need for need in found}
    assert by_action["s3:PutObject"].resources == ("arn:${Partition}:s3:::reports/all/*",)
    assert by_action["logs:PutLogEvents"].resources == tuple(
        f"arn:${{Partition}}:logs:*:${{Account}}:log-group:/aws/lambda/custodian-{name}{end}" for end in ("", ":*"))
    assert {"config:PutEvaluations", "config:GetComplianceDetailsByConfigRule"} <= set(by_action)
    assert "config:PutEvaluations" not in actions(of_policy(SHIPPED[name]))
    for place, wanted in (
        ("s3://b", "b/*"), ("s3://b/p/", "b/p/*"), ("s3://b/p-{account_id}/x?region=r", "b/p-*"),
    ):
        mode = {**SHIPPED[name].mode, "execution-options": {"output_dir": place}}
        placed = replace(SHIPPED[name], data={**SHIPPED[name].data, "mode": mode})
        [put] = [need for need in of_function(placed) if need.action == "s3:PutObject"]
        assert put.resources == (f"arn:${{Partition}}:s3:::{wanted}",)


def test_the_hub_gets_into_the_named_roles_and_no_others() -> None:
    [assume] = [need for need in of_hub(["sweep"]) if need.action == "sts:AssumeRole"]
    assert assume.resources == ("arn:${Partition}:iam::*:role/sweep",)
    assert "sts:AssumeRole" not in actions(of_hub([]))


def test_who_deploys_touches_functions_by_name_and_passes_their_roles_to_lambda_alone() -> None:
    modes: list[dict[str, Any]] = [
        {"type": "cloudtrail", "role": "arn:aws:iam::{account_id}:role/own", "function-prefix": "bank-"},
        {"type": "schedule", "role": "own", "scheduler-role": "arn:aws:iam::{account_id}:role/clock", "subnets": ["s"]},
    ]
    restart = SHIPPED["cloudtrail-logging-restart"]
    needs = of_deploy(replace(restart, data={**restart.data, "mode": mode}) for mode in modes)
    resources = {need.action: need.resources for need in needs if need.action != "iam:PassRole"}
    assert resources["lambda:UpdateFunctionCode"] == tuple(
        f"arn:${{Partition}}:lambda:*:${{Account}}:function:{prefix}*" for prefix in ("bank-", "custodian-"))
    assert "ec2:DescribeSubnets" in resources and "ec2:DescribeSubnets" not in actions(of_deploy([]))
    passed = {need.conditions[0].values[0]: need.resources for need in needs if need.action == "iam:PassRole"}
    assert passed.keys() == {"lambda.amazonaws.com", "scheduler.amazonaws.com"}
    assert passed["scheduler.amazonaws.com"] == ("arn:${Partition}:iam::${Account}:role/clock",)
    assert "arn:${Partition}:iam::${Account}:role/own" in passed["lambda.amazonaws.com"]
    known = ActionCatalogue.shipped()
    assert [need.action for need in (*needs, *of_doctor()) if not known.knows(need.action)] == []
    changing = [need.action for need in of_doctor() if not need.action.partition(":")[2].startswith(
        ("Get", "List", "Describe", "Simulate", "Filter", "Scan"))]
    # ReceiveMessage deletes nothing, and doctor leaves the messages visible.
    assert changing == ["sqs:ReceiveMessage", "events:PutEvents"]


def test_doctor_reads_functions_and_logs_of_ours_only() -> None:
    restart = SHIPPED["cloudtrail-logging-restart"]
    own = replace(restart, data={**restart.data, "mode": {**restart.mode, "function-prefix": "bank-"}})
    resources = {need.action: need.resources for need in of_doctor([own])}
    at = "arn:${Partition}:%s:*:${Account}:"
    for action in ("lambda:GetFunction", "lambda:GetPolicy"):
        assert resources[action] == tuple(
            at % "lambda" + f"function:{name}*" for name in ("bank-", "custodian-", "guardrails"))
    assert resources["logs:FilterLogEvents"] == tuple(
        at % "logs" + f"log-group:/aws/lambda/{name}*{end}"
        for name in ("bank-", "custodian-", "guardrails") for end in ("", ":*"))
    assert resources["scheduler:GetSchedule"][1] == at % "scheduler" + "schedule/*/custodian-*"
    assert not any(action.startswith("logs:") and "*" in of for action, of in resources.items())
    # A policy may have an empty prefix; then its functions cannot be told from others.
    assert "*" not in {arn for need in of_doctor() if need.action == "lambda:GetFunction" for arn in need.resources}


def test_what_changes_something_is_bound_to_account_and_region_and_what_reads_to_the_region() -> None:
    needs = [
        Permission("ec2:RevokeSecurityGroupIngress", "x"), Permission("ec2:DescribeVpcs", "x"),
        Permission("iam:UpdateAccessKey", "x"),
        Permission("s3:PutBucketPolicy", "x"), Permission("ec2:DescribeRegions", "x", regional=False),
    ]
    regions = (IamCondition("StringEquals", "aws:RequestedRegion", ("eu-west-1",)),)
    assert {grant.action: grant for grant in grants(needs, ["eu-west-1"])} == {grant.action: grant for grant in (
        PermissionGrant(
            "ec2:RevokeSecurityGroupIngress", ("arn:${Partition}:ec2:*:${Account}:security-group/*",), regions),
        PermissionGrant("ec2:DescribeVpcs", ("*",), regions),
        PermissionGrant("iam:UpdateAccessKey", ("arn:${Partition}:iam::${Account}:user/*",)),
        PermissionGrant("s3:PutBucketPolicy", ("arn:${Partition}:s3:::*",),
              (IamCondition("StringEquals", "aws:ResourceAccount", ("${aws:PrincipalAccount}",)),)),
        PermissionGrant("ec2:DescribeRegions", ("*",)),
    )}


def test_a_role_too_large_for_one_policy_gets_several_and_loses_nothing() -> None:
    known = ActionCatalogue.shipped().services
    needs = [Permission(f"{service}:{name}", "x") for service in ("ec2", "iam") for name in known[service]["Actions"]]
    found = documents(grants(needs), role="large", at_most=99)
    assert len(found) > 2 and max(size(one) for one in found) <= MANAGED_CHARACTERS
    assert actions_of(found) == sorted({need.action for need in needs})
    with pytest.raises(GuardrailsError, match="role large needs"):
        documents(grants(needs), role="large", at_most=2)


def test_the_verb_writes_documents_and_templates_that_cloudformation_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [
        "iam", "--service", "vpc", "--service", "security-group", "--region", "eu-west-1", "--securityhub",
        "--account", "111111111111", "-o", "out"])
    assert result.exit_code == 0, result.output
    out = tmp_path / "out"
    for file in [*out.glob("*.json"), *out.glob("functions/*.json")]:
        assert "${Account}" not in file.read_text() and "${Partition}" not in file.read_text()
    heal = json.loads((out / "heal.json").read_text())
    assert document([]) != heal and size(heal) < INLINE_CHARACTERS
    assert "securityhub:BatchImportFindings" in actions_of([json.loads((out / "sweep.json").read_text())])
    member = json.loads((out / "member.template.json").read_text())
    trusted = member["Resources"]["HealRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert [statement["Condition"] for statement in trusted] == [
        {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}}]
    assert json.loads((out / "hub.json").read_text())["Statement"][-1]["Resource"] == [
        f"arn:aws:iam::*:role/guardrails-{name}" for name in ("sweep", "heal", "deploy", "doctor")]
    reasons = json.loads((out / "permissions.json").read_text())
    assert reasons["guardrails-sweep"]["ec2:DescribeFlowLogs"] == ["vpc-flow-logs: filter flow-logs"]
    lint = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "member.template.json", "functions.template.json"],
        cwd=out, capture_output=True, text=True, timeout=120)
    assert (lint.returncode, lint.stdout) == (0, "")


@pytest.mark.parametrize("heal", [False, True])
def test_a_sweep_reads_iam_in_bulk_only_if_a_policy_reads_users_groups_roles_or_policies(heal: bool) -> None:
    bulk = "iam:GetAccountAuthorizationDetails"
    policies = {policy.name: policy for policy in load()}

    def actions(name: str) -> set[str]:
        return {need.action for need in of_sweep([policies[name]], [{}], heal=heal)}

    assert bulk in actions("iam-user-policy-attach")
    assert bulk not in actions("ebs-snapshot-not-public")
    assert bulk not in {need.action for need in of_policy(policies["iam-user-policy-attach"])}
