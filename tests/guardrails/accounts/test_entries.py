"""accounts.yml and --region: what is not known is an error before anything is asked of AWS, in every verb alike."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from guardrails.accounts.account import find_accounts, listed_accounts
from guardrails.accounts.entries import known_regions
from guardrails.errors import GuardrailsError
from guardrails.paths import POLICIES
from tests.guardrails.conftest import RED, Cloud, guardrails, role

GOOD = """\
vars: {profiles: []}
x-note: our own
accounts:
- account_id: '111111111111'
  name: red
  role: arn:aws:iam::111111111111:role/sweep
  regions: [us-east-1]
  tags: [owner:ann]
  x-team: payments
"""
VERBS = [
    ("audit",), ("heal", "--yes"), ("deploy", "--dry-run"), ("undeploy", "--yes"), ("doctor",), ("iam",),
    ("templates",), ("diff", POLICIES / "periodic", POLICIES / "config-rule")]


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    def client(self: object, *args: Any, **kwargs: Any) -> None:
        raise AssertionError("AWS was asked")

    monkeypatch.setattr(boto3.Session, "client", client)


@pytest.mark.usefixtures("no_aws")
@pytest.mark.parametrize(("old", "new", "line", "problem", "fix"), [
    ("  regions:", "  region:", 7, "unknown key region of an account", "did you mean regions"),
    ("  name:", "  nmae:", 5, "unknown key nmae of an account", "name"),
    ("vars:", "var:", 1, "unknown key var at the top", "did you mean vars"),
    ("vars: {profiles: []}", "projects: []", 1, "unknown key projects at the top", "use one of accounts, vars"),
    ("  x-team: payments", "  guardrails: heel", 9, "guardrails: 'heel' is not valid", "did you mean heal"),
    ("[us-east-1]", "[eu-centrl-1]", 7, "AWS has no region 'eu-centrl-1'", "did you mean eu-central-1"),
    ("[us-east-1]", "us-east-1", 7, "regions must be a list", "regions: ["),
    ("[us-east-1]", "[[us-east-1]]", 7, "regions must be a list", "regions: ["),
    ("[owner:ann]", "{owner: ann}", 8, "tags must be a list of strings", "tags: ["),
    ("  x-team: payments", "  vars: []", 9, "vars must be a mapping", "vars: {"),
])
def test_what_is_not_known_is_an_error_with_line_and_nearest_name(
    tmp_path: Path, old: str, new: str, line: int, problem: str, fix: str
) -> None:
    file = tmp_path / "accounts.yml"
    assert old in GOOD
    file.write_text(GOOD.replace(old, new))
    for read in (find_accounts, listed_accounts):
        with pytest.raises(GuardrailsError) as caught:
            read(file, [])
        assert str(caught.value).startswith(f"{file}:{line}: {problem}")
        assert fix in caught.value.fix


@pytest.mark.usefixtures("no_aws")
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: str(verb[0]))
def test_every_verb_refuses_a_misspelled_scope(tmp_path: Path, verb: tuple[object, ...]) -> None:
    (tmp_path / "accounts.yml").write_text(GOOD.replace("regions:", "region:"))
    result = guardrails(*verb, "-c", "accounts.yml")
    assert result.exit_code == 1
    assert "accounts.yml:7: unknown key region of an account" in result.stderr
    assert "did you mean regions" in result.stderr
    (tmp_path / "accounts.yml").write_text(GOOD)
    if verb == ("templates",):
        return  # it has no --region
    result = guardrails(*verb, "-c", "accounts.yml", "--region", "eu-centrl-1")
    assert result.exit_code == 1
    assert "AWS has no region 'eu-centrl-1'" in result.stderr
    assert "did you mean eu-central-1" in result.stderr
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["accounts.yml"]


def test_a_region_that_the_account_has_not_enabled_is_an_error(cloud: Cloud, tmp_path: Path) -> None:
    ec2 = cloud.client("ec2", RED)
    regions = ec2.describe_regions(AllRegions=True)["Regions"]
    closed = next(region["RegionName"] for region in regions if region["OptInStatus"] == "not-opted-in")
    file = tmp_path / "accounts.yml"
    file.write_text(GOOD.replace("[us-east-1]", f"[us-east-1, {closed}]"))
    with pytest.raises(GuardrailsError, match=rf"account red \({RED}\) has not enabled the region {closed}"):
        find_accounts(file, [])
    file.write_text(GOOD)
    assert [account.regions for account in find_accounts(file, []).reached] == [("us-east-1",)]
    assert role(RED) in file.read_text()


def test_every_partition_has_regions() -> None:
    assert {"us-east-1", "us-gov-west-1", "cn-north-1", "eu-central-1"} <= known_regions()
