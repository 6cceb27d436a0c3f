"""What a wrong case or a wrong policy is called: a runner that passes everything would fail here."""
from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from guardrails.cases import PolicyResult, read_cases
from guardrails.cases.state import check_state
from guardrails.policies import load
from guardrails.sandbox.gaps import rds
from tests.moto_server import Moto

POLICY: Mapping[str, Any] = {
    "name": "old-groups", "resource": "security-group",
    "filters": [{"GroupName": "bad"}, {"tag:keep": "absent"}],
    "actions": [{"type": "tag", "key": "keep", "value": "no"}],
}
CASE: Mapping[str, Any] = {
    "case": "three groups",
    "make": [
        {"ec2.create_security_group": {"GroupName": "bad", "Description": "x"}, "keep": {"bad": "GroupId"}},
        {"ec2.create_security_group": {"GroupName": "good", "Description": "x"}, "keep": {"good": "GroupId"}},
        {"ec2.create_vpc": {"CidrBlock": "10.0.0.0/16"}, "keep": {"vpc": "Vpc.VpcId"}},
        {"ec2.create_security_group": {"GroupName": "bad", "Description": "x", "VpcId": "{vpc}"},
         "keep": {"kept": "GroupId"}},
        {"ec2.create_tags": {"Resources": ["{kept}"], "Tags": [{"Key": "keep", "Value": "x"}]}},
    ],
    "match": ["bad"], "pass": ["good", "kept"], "absent": ["bad"],
    "fixed": [{"ec2.describe_security_groups": {"GroupIds": ["{bad}"]},
               "expect": {"SecurityGroups[0].Tags[0].Value": "no"}}],
}


def run(
    moto: Moto, directory: Path, case: Mapping[str, Any] = CASE, policy: Mapping[str, Any] = POLICY
) -> PolicyResult:
    """The result of one case of one plain policy, without metadata and mode, as files of a team have them."""
    (directory / "policies").mkdir()
    (directory / "policies" / "a.yml").write_text(yaml.safe_dump({"policies": [dict(policy)]}))
    (directory / "cases.yml").write_text(yaml.safe_dump({policy["name"]: [dict(case)]}))
    [loaded] = load(directory / "policies")
    cases = read_cases([directory / "cases.yml"], {loaded.name: loaded.data})
    return check_state(loaded, cases[loaded.name], moto, directory / "output")


def test_a_plain_policy_and_its_fix_pass(moto: Moto, tmp_path: Path) -> None:
    result = run(moto, tmp_path)
    assert result.failures == []
    assert [case.name for case in result.cases] == ["three groups"]


def test_a_database_that_can_be_restored_to_a_later_time_is_not_touched(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = itertools.count()
    monkeypatch.setattr(rds, "_last_log", lambda: datetime(2026, 11, 30, next(hours) % 24, tzinfo=UTC))
    database = {"DBInstanceClass": "db.t3.micro", "Engine": "postgres", "AllocatedStorage": 20}
    result = run(moto, tmp_path, {
        "case": "two", "match": ["bad"], "pass": ["good"], "absent": ["bad"],
        "make": [{"rds.create_db_instance": {**database, "DBInstanceIdentifier": name, "MultiAZ": name == "good"}}
                 for name in ("bad", "good")],
    }, {"name": "no-standby", "resource": "rds", "filters": [{"MultiAZ": False}]})
    assert next(hours) > 3 and result.failures == []


@pytest.mark.parametrize(("changed", "expected", "seen"), [
    ({"match": ["bad", "good"], "pass": ["kept"]}, "of match and pass, these match", "these match: ['sg-"),
    ({"match": ["bad", "sg-other"]}, "the policy looks at every resource", "['sg-other']"),
    ({"fixed": []}, "the case says under `fixed`", "it does not"),
    ({"fixed": [{**CASE["fixed"][0], "expect": {"SecurityGroups[0].GroupName": "worse"}}]},
     "SecurityGroups[0].GroupName is 'worse'", "'bad' in {"),
    ({"refused": ["bad"]}, "after the fix, these of match still match: ['sg-", "these match: []"),
    ({"make": [*CASE["make"], {"ec2.create_vpc": {"CidrBlock": "x"}}]}, "no error", "step: {'ec2.create_vpc'"),
    ({"make": [{"ec2.create_group": {}}]}, "no error", "AttributeError: 'EC2' object has no attribute 'create_group'"),
    ({"make": [{"ec2": {}}]}, "no error", "a step is one call, such as"),
    ({"make": [{"event": {"detail-type": "x", "detail": {}}}]}, "no error", "only cases of realtime policies"),
    ({"make": [{**CASE["make"][0], "refused": "Denied"}]}, "AWS refuses it with Denied", "the call was accepted"),
])
def test_a_wrong_case_says_what_was_expected_and_seen(
    moto: Moto, tmp_path: Path, changed: Mapping[str, Any], expected: str, seen: str
) -> None:
    result = run(moto, tmp_path, {**CASE, **changed})
    [failure] = [each for each in result.failures if each.case]
    assert expected in failure.expected and seen in failure.seen
    assert failure.where == f"{tmp_path}/cases.yml:2"


@pytest.mark.parametrize(("changed", "expected", "seen"), [
    ({"pass": ["good"]}, "give each filter a resource that only it decides", 'all cases pass without: {"tag:keep": '),
    ({"absent": []}, "a resource without the key that the filter reads (absent)", "none has"),
    ({"absent": ["other"]}, "what is absent is in match or in pass, too", "other"),
    ({"not-applicable": ["bad"]}, "what is not-applicable is in pass, too", "bad"),
])
def test_cases_that_are_not_enough(
    moto: Moto, tmp_path: Path, changed: Mapping[str, Any], expected: str, seen: str
) -> None:
    failures = run(moto, tmp_path, {**CASE, **changed}).failures
    assert [each for each in failures if expected in each.expected and seen in each.seen], failures


@pytest.mark.parametrize(("changed", "expected"), [
    ({"metadata": {"response": "alert"}}, "a policy that only reports changes nothing"),
    ({"actions": [{"type": "tag", "key": "other", "value": "no"}]}, "after the fix, these of match still match: []"),
    ({"filters": [{"GroupName": "bad"}]}, "of match and pass, these match"),
    ({"filters": [{"GroupName": "bad"}, {"tag:keep": "absent"}, {"Description": "x"}]}, "when a filter is left out"),
])
def test_a_wrong_policy(moto: Moto, tmp_path: Path, changed: Mapping[str, Any], expected: str) -> None:
    failures = run(moto, tmp_path, policy={**POLICY, **changed}).failures
    assert [each for each in failures if expected in each.expected], failures


def test_what_a_fix_must_not_touch(moto: Moto, tmp_path: Path) -> None:
    """A good resource that differs after the fix is found."""
    policy = {**POLICY, "resource": "vpc", "filters": [{"tag:bad": "present"}],
              "actions": [{"type": "remove-tag", "tags": ["bad"]}]}
    case = {**CASE, "make": [
        {"ec2.create_vpc": {"CidrBlock": "10.1.0.0/16"}, "keep": {"bad": "Vpc.VpcId"}},
        {"ec2.create_vpc": {"CidrBlock": "10.2.0.0/16"}, "keep": {"good": "Vpc.VpcId"}},
        {"ec2.create_tags": {"Resources": ["{bad}"], "Tags": [{"Key": "bad", "Value": "x"}]}},
    ], "pass": ["good"], "absent": ["good"], "fixed": [
        {"ec2.describe_vpcs": {"VpcIds": ["{bad}"]}, "expect": {"Vpcs[0].Tags": []}},
        # Stands for an action that touches too much: it runs between the fix and the comparison.
        {"ec2.create_tags": {"Resources": ["{good}"], "Tags": [{"Key": "x", "Value": "x"}]}, "expect": {}}]}
    [failure] = run(moto, tmp_path, case, policy).failures
    assert "is not touched" in failure.expected and "'Key': 'x'" in failure.seen


def test_a_policy_without_filters_needs_a_bad_resource_only(moto: Moto, tmp_path: Path) -> None:
    policy = {"name": "every-queue", "resource": "sqs"}
    case = {"case": "one", "make": [{"sqs.create_queue": {"QueueName": "a"}, "keep": {"queue": "QueueUrl"}}],
            "match": ["queue"]}
    assert run(moto, tmp_path, case, policy).failures == []


def test_an_alert_must_arrive(moto: Moto, tmp_path: Path) -> None:
    """A topic of the team's own is heard; a policy that says it alerts, and does not, has failed."""
    notify = {"type": "notify", "to": ["x@example.org"], "transport": {"type": "sns", "topic": "team-alerts"}}
    alerting = {**POLICY, "actions": [notify]}
    assert run(moto, tmp_path, {**CASE, "fixed": []}, alerting).failures == []
    silent = {**POLICY, "actions": [], "metadata": {"response": "alert"}}
    (tmp_path / "silent").mkdir()
    [failure] = run(moto, tmp_path / "silent", {**CASE, "fixed": []}, silent).failures
    assert (failure.expected, failure.seen) == ("one message of the policy", "messages of []")
