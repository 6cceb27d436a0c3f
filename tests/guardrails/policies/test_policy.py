"""Loading, choosing and merging policies, and where each of them runs."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from c7n.utils import load_file

from guardrails.accounts.regions import account_region
from guardrails.errors import GuardrailsError
from guardrails.paths import POLICIES as PROJECT
from guardrails.policies.policy import Kind, Policy, Selection, load, merged
from guardrails.policies.scope import Scope, audit_scope, deploy_scope
from guardrails.yamlfile import dump, read
from tests.guardrails.conftest import POLICIES


@pytest.fixture(scope="module")
def policies() -> dict[str, Policy]:
    return {policy.name: policy for policy in load(POLICIES)}


@pytest.mark.parametrize("directory", [POLICIES, PROJECT])
def test_the_merged_file_is_what_c7n_would_have_loaded(directory: Path) -> None:
    """Anchors resolved, braces kept: c7n-org reads it with yaml.safe_load."""
    loaded = load(directory)
    by_c7n = [policy for file in sorted({p.source.path for p in loaded}) for policy in load_file(str(file))["policies"]]
    again = yaml.safe_load(dump(merged(loaded, mode=True, actions=True)))
    assert sorted(again["policies"], key=lambda p: p["name"]) == sorted(by_c7n, key=lambda p: p["name"])


def test_a_merged_file_for_a_sweep_can_change_nothing(policies: dict[str, Policy]) -> None:
    for data in merged(policies.values(), mode=False, actions=False)["policies"]:
        assert not {"mode", "actions"} & set(data)
    assert policies["open-ssh"].data["actions"] == ["revert-ingress"]


def test_nothing_is_shared_in_the_merged_file(policies: dict[str, Policy]) -> None:
    text = dump(merged(policies.values(), mode=True, actions=True))
    assert "&" not in text.replace("&lt;", "")
    assert text.count("arn:aws:iam::{account_id}:role/guardrails") == 6


@pytest.mark.parametrize(("selection", "names"), [
    (Selection(), {"open-ssh", "a-user-mfa", "bucket-versioning", "volume-encryption", "user-made", "group-made"}),
    (Selection(names=["*-made"]), {"user-made", "group-made"}),
    (Selection(services=["iam-*", "s3"]), {"a-user-mfa", "bucket-versioning", "user-made"}),
    (Selection(services=["iam-*"], severities=["high"]), {"a-user-mfa"}),
    (Selection(names=["open-ssh"], severities=["low"]), set()),
])
def test_selection(policies: dict[str, Policy], selection: Selection, names: set[str]) -> None:
    assert {policy.name for policy in selection.choose(policies.values())} == names


def test_a_name_that_nothing_has_is_no_empty_selection(policies: dict[str, Policy]) -> None:
    with pytest.raises(GuardrailsError) as caught:
        Selection(names=["open-shh"]).choose(policies.values())
    assert "open-ssh" in caught.value.fix


def test_a_name_used_twice_is_refused(tmp_path: Path) -> None:
    for name in ("a.yml", "b.yml"):
        (tmp_path / name).write_text("policies: [{name: x, resource: s3}]")
    with pytest.raises(GuardrailsError, match=r"b\.yml:1: duplicate policy name x; the other one is in .*a\.yml:1"):
        load(tmp_path)


@pytest.mark.parametrize(("name", "kind", "audit", "deploy"), [
    ("open-ssh", Kind.CONFIG_RULE, Scope.REGION, Scope.REGION),
    ("a-user-mfa", Kind.PERIODIC, Scope.ACCOUNT, Scope.ACCOUNT),
    ("bucket-versioning", Kind.PERIODIC, Scope.ACCOUNT, Scope.ACCOUNT),
    # c7n calls aws.account global; encryption by default is a setting of each region.
    ("volume-encryption", Kind.PERIODIC, Scope.REGION, Scope.REGION),
    ("user-made", Kind.REALTIME, Scope.ACCOUNT, Scope.ACCOUNT),
    ("group-made", Kind.REALTIME, Scope.REGION, Scope.REGION),
])
def test_where_a_policy_runs(policies: dict[str, Policy], name: str, kind: Kind, audit: Scope, deploy: Scope) -> None:
    policy = policies[name]
    assert (policy.kind, audit_scope(policy), deploy_scope(policy)) == (kind, audit, deploy)


@pytest.mark.parametrize(("text", "audit", "deploy"), [
    ("{resource: s3, mode: {type: config-rule}}", Scope.ACCOUNT, Scope.REGION),
    ("{resource: s3, mode: {type: cloudtrail, events: [CreateBucket]}}", Scope.ACCOUNT, Scope.REGION),
    ("{resource: account, filters: [password-policy]}", Scope.ACCOUNT, Scope.ACCOUNT),
    ("{resource: account, filters: [{not: [check-config]}]}", Scope.REGION, Scope.REGION),
    ("{resource: account, filters: [check-config], metadata: {scope: account}}", Scope.ACCOUNT, Scope.ACCOUNT),
])
def test_where_other_policies_run(tmp_path: Path, text: str, audit: Scope, deploy: Scope) -> None:
    file = tmp_path / "p.yml"
    file.write_text(f"policies: [{text.replace('{', '{name: x, ', 1)}]")
    policy = Policy(read(file).data["policies"][0], read(file), 0)
    assert (audit_scope(policy), deploy_scope(policy)) == (audit, deploy)


@pytest.mark.parametrize(("regions", "region"), [
    (["eu-west-1"], "us-east-1"), ([], "us-east-1"), (["us-gov-east-1"], "us-gov-west-1"),
    (["cn-northwest-1"], "cn-north-1"),
])
def test_the_region_of_what_has_none(regions: list[str], region: str) -> None:
    assert account_region(regions) == region


def test_lines_follow_merge_keys_and_anchors(tmp_path: Path) -> None:
    file = tmp_path / "p.yml"
    file.write_text("a: &a\n  x: 1\n  y: 2\nb:\n  <<: *a\n  y: 3\nc:\n- 1\n- {z: 4}\n")
    source = read(file)
    assert source.data["b"] == {"x": 1, "y": 3}
    assert [source.line(p) for p in (("b", "x"), ("b", "y"), ("c", 1, "z"), ("c", 9), ("no",))] == [2, 6, 9, 7, 1]


@pytest.mark.parametrize(("name", "scope"), [
    ("account-no-public-image", "region"), ("config-enabled", "region"), ("config-rules-exist", "region"),
    ("cloudtrail-enabled", "region"), ("ebs-encryption-by-default", "region"), ("security-group-used", "region"),
    ("iam-policy-exists", "account"), ("iam-password-length", "account"), ("iam-password-policy-strengthen", "account"),
    ("s3-account-public-acls-blocked", "account"), ("s3-bucket-encryption", "account"), ("alarm-root-use", "account"),
])
def test_a_sweep_looks_in_every_region_where_the_answer_differs(name: str, scope: str) -> None:
    [policy] = [policy for policy in load() if policy.name == name]
    assert audit_scope(policy) == scope
