"""Which accounts of accounts.yml are selected."""
from __future__ import annotations

from pathlib import Path

import pytest

from guardrails.accounts import AccountChoice, listed_accounts
from guardrails.errors import GuardrailsError

from ..conftest import Cloud, guardrails

ACCOUNTS = """\
accounts:
- {account_id: "111111111111", name: shop-prod, role: [], regions: [us-east-1], tags: [env:prod, team:shop]}
- {account_id: "222222222222", name: shop-test, role: [], regions: [us-east-1], tags: [env:test, team:shop]}
- {account_id: "333333333333", name: bank, role: [], regions: [us-east-1], tags: [env:prod]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "accounts.yml"
    found.write_text(ACCOUNTS)
    return found


@pytest.mark.parametrize(("choice", "expected"), [
    (AccountChoice(), ["shop-prod", "shop-test", "bank"]),
    (AccountChoice(names=("bank", "111111111111")), ["shop-prod", "bank"]),
    (AccountChoice(names=("shop-*",)), ["shop-prod", "shop-test"]),
    (AccountChoice(without=("shop-*",)), ["bank"]),
    (AccountChoice(tags=("env:prod",)), ["shop-prod", "bank"]),
    (AccountChoice(tags=("env:prod", "team:shop")), ["shop-prod"]),
    (AccountChoice(names=("shop-*",), without=("222222222222",), tags=("team:shop",)), ["shop-prod"]),
])
def test_every_selector_narrows(file: Path, choice: AccountChoice, expected: list[str]) -> None:
    assert [account.name for account in listed_accounts(file, (), choice).all] == expected


@pytest.mark.parametrize(("choice", "problem", "fix"), [
    (AccountChoice(names=("bnak",)), "no account matches --accounts bnak", "did you mean bank?"),
    (AccountChoice(without=("shop-prd",)), "no account matches --not-accounts shop-prd", "did you mean shop-prod"),
    (AccountChoice(tags=("env:prd",)), "no account has the tag of --tags env:prd", "did you mean env:prod"),
    (AccountChoice(names=("bank",), tags=("team:shop",)), "no account is left", "relax one of them"),
])
def test_a_wrong_selector_is_an_error_and_no_smaller_scope(
    file: Path, choice: AccountChoice, problem: str, fix: str
) -> None:
    with pytest.raises(GuardrailsError) as found:
        listed_accounts(file, (), choice)
    assert problem in found.value.problem
    assert fix in (found.value.fix or "")


def test_the_options_are_those_of_c7n_org(file: Path, cloud: Cloud, tmp_path: Path) -> None:
    result = guardrails(
        "audit", "-c", file, "-a", "shop-prod,bank", "--not-accounts", "33*", "-t", "env:prod", "-p", "iam-user-*",
        "--exclude-policy", "iam-user-[a-lo-z]*", "-o", tmp_path / "out", "--format", "json", "-v")
    assert "over 1 accounts" in result.stderr
    again = guardrails("audit", "--resume", tmp_path / "out", "-v")
    assert "over 1 accounts" in again.stderr, "a resumed audit keeps its accounts"
    alone = guardrails("audit", "-t", "env:prod")
    assert (alone.exit_code, "there is none" in alone.stderr) == (1, True)
    # Without accounts.yml it guards against the credentials of another account.
    other = guardrails("audit", "-a", "999999999999")
    assert (other.exit_code, "no account matches --accounts 999999999999" in other.stderr) == (1, True)


def test_a_profile_wins_over_keys_in_the_environment(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[profile other]\nregion = eu-west-1\n")
    (tmp_path / "credentials").write_text("[other]\naws_access_key_id = other\naws_secret_access_key = x\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.setenv(name, "kept" if name != "AWS_PROFILE" else "")  # restored after the test
    monkeypatch.delenv("AWS_PROFILE")
    import boto3

    guardrails("doctor", "--profile", "other", "s3-bucket-encryption")
    assert boto3.Session().get_credentials().access_key == "other"
    missing = guardrails("audit", "--profile", "nobody")
    assert (missing.exit_code, "nobody" in missing.stderr) == (1, True)
