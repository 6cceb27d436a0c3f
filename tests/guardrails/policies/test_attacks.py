"""docs/attacks.md: what is claimed to be seen is seen, by policies that deploy, and what is not is said.

Which policies see a row is asked twice: of attacks.py, which has patterns and filters alone, and of c7n, which gets the
row's event as a deployed function would.
"""
from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from guardrails.errors import GuardrailsError
from guardrails.paths import CONTROLS
from guardrails.policies import ATTACKS_PAGE, Attack, Policy, attacks_page, load, load_attacks, load_catalogues, seen_by
from guardrails.policies.attacks import ATTACKS, why_not_seen
from guardrails.policies.conditions import conditions_hold
from guardrails.policies.event_pattern import pattern_of
from guardrails.policies.policy import Kind
from guardrails.policies.validation import validate_files
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto

PATTERN_CHARACTERS = 2_048
"""EventBridge's quota of one event pattern."""
SPARE_CHARACTERS = 600
"""What is left for a pattern that also demands `source`, one entry for each service."""


@cache
def policies() -> list[Policy]:
    return load()


@cache
def attacks() -> list[Attack]:
    return load_attacks()


@cache
def claims() -> list[tuple[Attack, list[Policy]]]:
    return [(attack, seen_by(attack, policies())) for attack in attacks()]


def realtime() -> list[Policy]:
    return [policy for policy in policies() if policy.kind is Kind.REALTIME]


def test_enough_is_listed_and_enough_of_it_is_seen() -> None:
    assert len(attacks()) >= 150
    assert len({attack.technique for attack in attacks()}) >= 40
    assert sum(1 for _, by in claims() if by) >= 120
    # An honest list also has what nobody sees.
    assert sum(1 for _, by in claims() if not by) >= 20


def test_the_page_is_what_the_catalogue_and_the_policies_say() -> None:
    assert ATTACKS_PAGE.read_text(encoding="utf-8") == attacks_page(attacks(), policies()), "run ./run.sh rules"


def test_the_page_has_every_row_and_says_why_one_is_not_seen() -> None:
    text = ATTACKS_PAGE.read_text(encoding="utf-8")
    seen, unseen = text.split("## Not seen\n")
    rows = Counter(re.findall(r"\| `([a-z0-9-]+:\w+)`", text))
    assert rows == Counter(f"{attack.source.removesuffix('.amazonaws.com')}:{attack.event}" for attack in attacks())
    assert unseen.count("\n| [T") == sum(1 for _, by in claims() if not by)
    assert seen.count("\n| [T") == sum(1 for _, by in claims() if by)


def test_what_sees_is_valid_deploys_and_is_on() -> None:
    sees = {policy.name: policy for _, by in claims() for policy in by}
    files = sorted({policy.source.path for policy in sees.values()})
    assert list(validate_files(files, load_catalogues()).problems) == []
    for policy in sees.values():
        assert policy.kind is Kind.REALTIME and policy.deploys and not policy.metadata.get("profile"), policy.name
        assert conditions_hold(policy, account=ACCOUNT, region=REGION, variables={}), policy.name
        assert policy.response != "none" and policy.data["actions"], f"{policy.name} sees it and does nothing"


def test_nothing_is_claimed_that_eventbridge_keeps_back() -> None:
    for attack, by in claims():
        if attack.read_only or attack.data_event or attack.console_action:
            assert not by, attack
    kept_back = [attack.event for attack in attacks() if attack.read_only]
    assert "GetSecretValue" in kept_back and "GetFederationToken" not in kept_back


def test_c7n_says_the_same_of_every_row(moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """For policies on the account; for those on a resource the cases make the resource."""
    for name, value in moto.environment().items():
        monkeypatch.setenv(name, value)
    on_account = [
        policy for policy in realtime() if policy.resource == "aws.account" and not policy.metadata.get("profile")]
    loaded = {
        policy.name: engine.load(
            {**policy.data, "actions": [], "mode": {**policy.mode, "type": "cloudtrail"}}, tmp_path)
        for policy in on_account
    }
    tried = 0
    for attack, by in claims():
        for policy in on_account:
            detail = pattern_of(policy)["detail"]
            if attack.source not in detail["eventSource"] or attack.event not in detail["eventName"]:
                continue
            if policy.name == "cloudtrail-deleted-alert":
                continue  # It reads CloudTrail's event history, which is empty here; its cases make it.
            tried += 1
            found = loaded[policy.name].push(json.loads(json.dumps(attack.record)), None)
            assert bool(found) == (policy in by), f"{attack.where}: {policy.name}"
    assert tried > 300


def test_a_row_that_a_state_decides_needs_a_filter_that_judges_it() -> None:
    by_form = {(attack.event, attack.form): {policy.name for policy in by} for attack, by in claims()}
    assert "ebs-snapshot-published-revert" in by_form["ModifySnapshotAttribute", "to everybody"]
    assert by_form["ModifySnapshotAttribute", "to another account"] == {"data-shared-outside-alert"}
    assert by_form["RevokeSecurityGroupIngress", "of a group that is not locked"] == set()
    assert by_form["CreateAccessKey", "for the root, which names no user"] == {"root-activity-alert"}


def test_every_pattern_is_within_eventbridges_quota() -> None:
    for policy in realtime():
        characters = len(json.dumps(pattern_of(policy)))
        assert characters <= PATTERN_CHARACTERS - SPARE_CHARACTERS, f"{policy.name}: {characters} characters"


# The catalogue's names are CloudTrail's. Where its source is not called as in botocore:
_SERVICES = {
    "monitoring": ["cloudwatch"], "elasticmapreduce": ["emr"], "states": ["stepfunctions"], "es": ["opensearch", "es"],
    "sso": ["sso-admin"], "elasticfilesystem": ["efs"], "ses": ["ses", "sesv2"], "s3": ["s3", "s3control"],
    "access-analyzer": ["accessanalyzer"], "servicequotas": ["service-quotas"],
    "tagging": ["resourcegroupstaggingapi"],
    "bedrock": ["bedrock", "bedrock-runtime"], "bedrock-agentcore": ["bedrock-agentcore-control"],
}
# And where CloudTrail has another name for the call, or the call is one of a console that has no public API.
_RENAMED = {
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration", "PutBucketPublicAccessBlock": "PutPublicAccessBlock",
    "DeleteBucketPublicAccessBlock": "DeletePublicAccessBlock", "PutAccountPublicAccessBlock": "PutPublicAccessBlock",
    "DeleteAccountPublicAccessBlock": "DeletePublicAccessBlock",
    "PutBucketObjectLockConfiguration": "PutObjectLockConfiguration",
}
_CONSOLE_ONLY = {
    "signin": None, "sso-directory": None, "cloudshell": None, "ec2-instance-connect": {"OpenTunnel"},
    "bedrock": {"PutFoundationModelEntitlement"},
}


@cache
def operations(service: str) -> frozenset[str]:
    session = botocore.session.get_session()
    names: set[str] = set()
    for each in _SERVICES.get(service, [service]):
        names |= set(session.get_service_model(each).operation_names)
    return frozenset(names)


def _events() -> set[tuple[str, str]]:
    listed = {(attack.source, attack.event) for attack in attacks()}
    for policy in realtime():
        listed |= {(each["source"], each["event"]) for each in policy.mode["events"] if isinstance(each, dict)}
    return listed


def test_every_event_is_a_call_that_aws_has() -> None:
    """A misspelled event is never delivered, and nothing else would say so."""
    unknown = []
    for source, event in sorted(_events()):
        service = source.removesuffix(".amazonaws.com")
        if service in _CONSOLE_ONLY and ((names := _CONSOLE_ONLY[service]) is None or event in names):
            continue
        # Lambda and CloudFront append the API's date to some names, and Lambda a version to that.
        name = _RENAMED.get(event, re.sub(r"20\d{6}(v\d)?$", "", event))
        if name not in operations(service):
            unknown.append(f"{service}:{event}")
    assert unknown == []


def test_the_catalogue_is_no_framework() -> None:
    assert ATTACKS.is_relative_to(CONTROLS) and ATTACKS.is_file()
    assert "aws" not in load_catalogues() and "attacks" not in load_catalogues()


def test_why_a_row_is_not_seen() -> None:
    reasons = {attack.event: why_not_seen(attack) for attack, by in claims() if not by}
    assert "only reads" in reasons["GetSecretValue"]
    assert "data event" in reasons["DeleteObjects"]
    assert "not a sign-in" in reasons["PasswordRecoveryRequested"]
    assert "everyday work" in reasons["CreateSnapshot"]


_HEAD = "techniques: {T1: One}\ntactics:\n  Impact:\n"


@pytest.mark.parametrize(("row", "problem"), [
    ("- {attack: T1, gain: x}", "not a row"),
    ("- {attack: T1, event: 'iam:X', gain: x, why: y}", "not a row"),
    ("- {attack: T2, event: 'iam:X', gain: x}", "the technique T2 has no name"),
    ("- {attack: T1, event: CreateUser, gain: x}", "CreateUser must be source:Name"),
    ("- {attack: T1, event: 'iam:X', gain: x, state: odd}", "there is no state odd"),
    ("- {attack: T1, event: 'iam:X', gain: x}\n    - {attack: T1, event: 'iam:X', gain: y}",
     "the same row is in line 4"),
    ("- {attack: T1", "invalid YAML"),
])
def test_a_wrong_row_is_named_with_its_line(tmp_path: Path, row: str, problem: str) -> None:
    file = tmp_path / "aws.yml"
    file.write_text(f"{_HEAD}    {row}\n", encoding="utf-8")
    with pytest.raises(GuardrailsError, match=rf"aws\.yml:\d: .*{re.escape(problem)}"):
        load_attacks(file)


# ---------------------------------------------------------------- documents, in the spellings that attackers choose

OTHER = "999988887777"


def _document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Resource": "*", **statement}})


def _seen(source: str, event: str, **parameters: Any) -> set[str]:
    attack = Attack("t", "T1", "One", f"{source}.amazonaws.com", event, "x", example={"requestParameters": parameters})
    return {policy.name for policy in seen_by(attack, realtime())}


@pytest.mark.parametrize(("statement", "dangerous"), [
    ({"Action": "*"}, True),
    ({"Action": ["s3:GetObject", "*"]}, True),
    ({"Action": "*:*"}, True),
    ({"Action": "iam:*"}, True),
    ({"Action": "IAM:putuserpolicy"}, True),
    ({"Action": "i?m:Attach*"}, True),
    ({"Action": "iam:PassRole"}, True),
    ({"Action": "lambda:Update*"}, True),
    ({"Action": "lambda:UpdateFunctionCode"}, True),
    ({"Action": "ssm:SendCommand"}, True),
    ({"NotAction": "s3:GetObject"}, True),
    ({"Action": ["iam:GetUser", "iam:List*"]}, False),
    ({"Action": "lambda:Get*"}, False),
    ({"Action": "s3:*"}, False),
    ({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::iam:*"}, False),
    ({"Effect": "Deny", "Action": "*"}, False),
])
def test_documents_that_lead_to_everything(statement: dict[str, Any], dangerous: bool) -> None:
    document = _document(**statement)
    assert ("iam-privilege-granted-alert" in _seen("iam", "PutRolePolicy", policyDocument=document)) == dangerous
    # In a list, after a harmless statement, spread over lines, and with every letter escaped.
    harmless = {"Effect": "Allow", "Action": "s3:GetObject"}
    listed = json.dumps({"Statement": [harmless, json.loads(document)["Statement"]]}, indent=2)
    assert ("iam-privilege-granted-alert" in _seen("iam", "CreatePolicyVersion", policyDocument=listed)) == dangerous
    escaped = re.sub(r'"([^"]*)"', lambda m: '"' + "".join(f"\\u{ord(c):04x}" for c in m[1]) + '"', document)
    assert json.loads(escaped) == json.loads(document)
    assert ("iam-privilege-granted-alert" in _seen("iam", "PutRolePolicy", policyDocument=escaped)) == dangerous


@pytest.mark.parametrize(("statement", "outside"), [
    ({"Principal": "*"}, True),
    ({"Principal": {"AWS": "*"}}, True),
    ({"Principal": {"AWS": ["*"]}}, True),
    ({"NotPrincipal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, True),
    ({"Principal": {"AWS": OTHER}}, True),
    ({"Principal": {"AWS": [f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws-us-gov:iam::{OTHER}:user/x"]}}, True),
    ({"Principal": {"Federated": f"arn:aws:iam::{OTHER}:saml-provider/x"}}, True),
    ({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}0:root"}}, False),  # no account has 13 digits
    ({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, False),
    ({"Principal": {"AWS": ACCOUNT}}, False),
    ({"Principal": {"Service": "s3.amazonaws.com"}}, False),
    # A condition that binds.
    ({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}}, False),
    ({"Principal": "*", "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT}}}, False),
    # Conditions that bind nothing, or to somebody else.
    ({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceAccount": OTHER}}}, True),
    ({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-zzzzzzzzzz"}}}, True),
    ({"Principal": "*", "Condition": {"StringLike": {"aws:PrincipalOrgID": "*"}}}, True),
    ({"Principal": "*", "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-zzzzzzzzzz"}}}, True),
    ({"Principal": "*", "Condition": {"StringEquals": {"aws:UserAgent": "aws:PrincipalOrgID"}}}, True),
    ({"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
    ({"Principal": "*", "Effect": "Deny"}, False),
])
def test_documents_that_admit_strangers(statement: dict[str, Any], outside: bool) -> None:
    document = _document(Action="x:*", **statement)
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("sqs", "SetQueueAttributes", {"attributes": {"Policy": document}}),
        ("sns", "SetTopicAttributes", {"attributeName": "Policy", "attributeValue": document}),
        ("ecr", "SetRepositoryPolicy", {"policyText": document}),
        ("secretsmanager", "PutResourcePolicy", {"resourcePolicy": document}),
        ("kms", "PutKeyPolicy", {"policy": document}),
        ("glue", "PutResourcePolicy", {"policyInJson": document}),
        ("glacier", "SetVaultAccessPolicy", {"policy": {"policy": document}}),
        ("logs", "PutDestinationPolicy", {"accessPolicy": document}),
    ]
    for source, event, parameters in calls:
        seen = "resource-policy-outside-alert" in _seen(source, event, **parameters)
        assert seen == outside, f"{source}:{event}"


def test_a_bucket_for_everybody_is_told_once_and_one_for_a_stranger_too() -> None:
    everybody, stranger = (json.loads(_document(Principal=each)) for each in ("*", {"AWS": OTHER}))
    assert _seen("s3", "PutBucketPolicy", bucketName="b", bucketPolicy=everybody) == set()
    assert _seen("s3", "PutBucketPolicy", bucketName="b", bucketPolicy=stranger) == {"resource-policy-outside-alert"}


@pytest.mark.parametrize(("source", "event", "parameters", "outside"), [
    ("lambda", "AddPermission20150331v2", {"principal": "*"}, True),
    ("lambda", "AddPermission20150331v2", {"principal": "*", "principalOrgID": "o-zzzzzzzzzz"}, True),
    ("lambda", "AddPermission20150331v2", {"principal": OTHER}, True),
    ("lambda", "AddPermission20150331v2", {"principal": f"arn:aws:iam::{OTHER}:role/x"}, True),
    ("lambda", "AddPermission20150331v2", {"principal": ACCOUNT}, False),
    ("lambda", "AddPermission20150331v2", {"principal": "s3.amazonaws.com", "sourceAccount": ACCOUNT}, False),
    ("lambda", "AddLayerVersionPermission20181031", {"principal": "*"}, True),
    ("lambda", "AddLayerVersionPermission20181031", {"principal": "*", "organizationId": "o-zzzzzzzzzz"}, True),
    ("events", "PutPermission", {"principal": "*", "action": "events:PutEvents"}, True),
    ("events", "PutPermission", {"principal": OTHER, "action": "events:PutEvents"}, True),
    ("sqs", "AddPermission", {"aWSAccountIds": [ACCOUNT, OTHER]}, True),
    ("sqs", "AddPermission", {"aWSAccountIds": [ACCOUNT]}, False),
    ("kms", "CreateGrant", {"granteePrincipal": f"arn:aws:sts::{OTHER}:assumed-role/x/y"}, True),
    ("kms", "CreateGrant", {"granteePrincipal": "rds.us-east-1.amazonaws.com"}, False),
    ("ram", "CreateResourceShare", {"principals": [f"arn:aws:organizations::{OTHER}:organization/o-zzzzzzzzzz"]}, True),
    ("ram", "CreateResourceShare", {"principals": [ACCOUNT]}, False),
    ("ec2", "ModifyImageAttribute", {"launchPermission": {"add": {"items": [{"group": "all"}]}}}, False),
    ("rds", "ModifyDBSnapshotAttribute", {"attributeName": "restore", "valuesToAdd": ["all"]}, False),
    ("rds", "ModifyDBSnapshotAttribute", {"attributeName": "restore", "valuesToRemove": [OTHER]}, False),
])
def test_principals_that_are_no_document(
    source: str, event: str, parameters: dict[str, Any], outside: bool
) -> None:
    """What everybody got of disks and databases is for the policies that take it back."""
    ours = {"resource-policy-outside-alert", "function-exposed-alert", "data-shared-outside-alert"}
    assert bool(_seen(source, event, **parameters) & ours) == outside


def test_a_trusted_organization_may_use_a_layer() -> None:
    [policy] = [policy for policy in realtime() if policy.name == "function-exposed-alert"]
    metadata = {**policy.metadata, "parameters": {**policy.metadata["parameters"],
                                                  "trusted_accounts": f"{ACCOUNT}|o-abc1234567"}}
    trusting = Policy({**policy.data, "metadata": metadata}, policy.source, policy.index)
    parameters = {"principal": "*", "organizationId": "o-abc1234567"}
    attack = Attack("t", "T1", "One", "lambda.amazonaws.com", "AddLayerVersionPermission20181031", "x",
                    example={"requestParameters": parameters})
    assert seen_by(attack, [policy]) == [policy]
    assert seen_by(attack, [trusting]) == []


@pytest.mark.parametrize("parameters", [
    None, {}, {"policyDocument": "no JSON"}, {"policyDocument": "[]"}, {"policyDocument": "7"}, {"omitted": True},
    {"policyDocument": '{"Statement": "x"}'}, {"attributeValue": "true"}, {"policy": {"a": [1]}},
])
def test_parameters_of_any_shape_are_no_error(parameters: Any) -> None:
    for source, event in (("iam", "PutRolePolicy"), ("iam", "CreateRole"), ("sns", "SetTopicAttributes"),
                          ("kms", "CreateGrant"), ("lambda", "AddPermission20150331v2"), ("s3", "PutBucketPolicy")):
        attack = Attack("t", "T1", "One", f"{source}.amazonaws.com", event, "x",
                        example={"requestParameters": parameters})
        assert seen_by(attack, realtime()) == []
