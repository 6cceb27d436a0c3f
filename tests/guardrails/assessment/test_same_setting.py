"""Findings of one setting are one row of a list, and nothing is lost or counted twice."""
from __future__ import annotations

from collections import Counter
from pathlib import Path

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardrails.assessment import same_setting
from guardrails.assessment.same_setting import finding_groups, setting_of
from guardrails.policies.policy import load
from guardrails.results.finding import Finding, Status

from ..report.html import runs

INGRESS = ("security-group-admin-ports", "security-group-no-all-ports", "security-group-web-ports")
POLICIES = (*INGRESS, "security-group-default-closed", "s3-bucket-versioning")


def found(policy: str, resource: str = "sg-1", region: str = "eu-west-1", account: int = 0, **more: object) -> Finding:
    return runs.finding(runs.policies()[policy], runs.ACCOUNTS[account], region, resource, **more)


def test_the_file_names_policies_of_one_resource_type_that_an_audit_runs() -> None:
    known = {policy.name: policy for policy in load()}
    listed = yaml.safe_load(Path(same_setting.__file__).with_name("same_setting.yml").read_text())["settings"]
    names = [name for policies in listed.values() for name in policies]
    assert len(names) == len(set(names)) and all(known[name].sweeps for name in names)
    assert all(len(policies) > 1 and len({known[name].resource for name in policies}) == 1
               for policies in listed.values())


def test_one_wide_rule_is_one_row(tmp_path: Path) -> None:
    findings = [found(policy) for policy in POLICIES[:4]] + [found(INGRESS[1], "sg-2")]
    findings.append(found(INGRESS[2], "sg-1", status=Status.EXCEPTED, account=1))
    made = runs.run(tmp_path, findings)
    with made.store:
        rows = list(finding_groups(made.store, Status.OPEN))
    assert [(row.first.policy, row.first.resource, row.others, row.setting) for row in rows] == [
        (INGRESS[0], "sg-1", INGRESS[1:], "Inbound rules"), ("security-group-default-closed", "sg-1", (), ""),
        (INGRESS[1], "sg-2", (), "")]


@given(st.sets(st.tuples(
    st.sampled_from(POLICIES), st.sampled_from(["a", "b"]), st.sampled_from(["eu-west-1", "us-east-1"]),
    st.sampled_from([0, 1])), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
def test_every_finding_is_in_one_row(tmp_path_factory: object, keys: set[tuple[str, str, str, int]]) -> None:
    findings = [found(policy, resource, region, account) for policy, resource, region, account in keys]
    made = runs.run(tmp_path_factory.mktemp("run"), findings)  # type: ignore[attr-defined]
    with made.store:
        rows = list(finding_groups(made.store, Status.OPEN))
        listed = Counter((row.first.account, row.first.arn, policy) for row in rows for policy in row.policies)
        assert listed == Counter((one.account, one.arn, one.policy) for one in made.findings(Status.OPEN))
    places = Counter((row.first.account, row.first.arn, setting_of(row.first.policy)) for row in rows)
    assert all(number == 1 for (_, _, setting), number in places.items() if setting)
