"""accounts.yml, and what c7n-org is given of it."""
from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from guardrails.accounts import AccountChoice
from guardrails.accounts.account import Account, accounts_file, find_accounts
from guardrails.errors import GuardrailsError


def test_c7n_org_takes_what_we_write() -> None:
    from c7n_org.cli import CONFIG_SCHEMA

    accounts = [
        (Account("111111111111", "red", (), {"role": "sweep", "external_id": "x", "tags": ["a:b"]}), ["eu-west-1"]),
        (Account("222222222222", "blue", (), {"profile": "blue", "vars": {"a": 1}}), ["us-east-1"]),
        (Account("333333333333", "333333333333", ()), ["us-east-1"]),  # the current credentials
    ]
    written = accounts_file(accounts, {"b": 2})
    jsonschema.validate(written, CONFIG_SCHEMA)
    assert [account["regions"] for account in written["accounts"]] == [["eu-west-1"], ["us-east-1"], ["us-east-1"]]
    assert written["accounts"][2]["role"] == []
    assert accounts[0][0].roles == ("arn:aws:iam::111111111111:role/sweep",)


@pytest.mark.parametrize(("text", "message"), [
    ("accounts: []", r":1: `accounts` must be a list with at least one account"),
    ("accounts:\n- {account_id: 123456789012, role: x}",
     r":2: account_id must be 12 digits in quotes, got 123456789012"),
    ("accounts:\n- {name: a, account_id: '123456789012'}\n- {name: a, account_id: '123456789013'}",
     r":3: another account is already named a"),
    ("accounts:\n- {name: a, account_id: '123456789012'}\n- {name: b, account_id: '123456789012'}",
     r":3: account 123456789012 is listed twice"),
    ("accounts:\n- {name: ../a, account_id: '123456789012'}", r"cannot be a directory name"),
    ("accounts:\n- {account_id: '123456789012', regions: eu-west-1}", r"regions must be a list of region names"),
    ("accounts: [", r":1: invalid YAML"),
])
def test_a_bad_accounts_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "accounts.yml"
    file.write_text(text)
    with pytest.raises(GuardrailsError, match=message):
        find_accounts(file, ["us-east-1"])


def test_no_credentials_is_an_error_with_a_way_on(monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3
    from botocore.exceptions import NoCredentialsError

    def client(self: object, *args: object, **kwargs: object) -> None:
        raise NoCredentialsError

    monkeypatch.setattr(boto3.Session, "client", client)
    with pytest.raises(GuardrailsError, match="AWS cannot be accessed") as caught:
        find_accounts(None, [])
    assert "sandbox start" in caught.value.fix


def test_only_the_chosen_accounts_are_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "accounts.yml"
    file.write_text(
        "accounts:\n- {account_id: '111111111111', name: prod, role: r, regions: [eu-west-1]}\n"
        "- {account_id: '222222222222', name: test, role: r, regions: [eu-west-1]}\n")
    called: list[str] = []
    monkeypatch.setattr("guardrails.accounts.account._caller", lambda: "arn:aws:iam::333333333333:user/ann")
    monkeypatch.setattr(
        "guardrails.accounts.account._reach", lambda account, clients: (called.append(account.name) or account, None))
    for chosen, names in (("prod", ["prod"]), ("2222*", ["test"]), ("*", ["prod", "test"])):
        called.clear()
        found = find_accounts(file, (), AccountChoice(names=[chosen]))
        assert [account.name for account in found.all] == names == sorted(called)
        assert found.caller == "arn:aws:iam::333333333333:user/ann"
    with pytest.raises(GuardrailsError, match="no account matches --accounts tset") as caught:
        find_accounts(file, (), AccountChoice(names=["prod", "tset"]))
    assert caught.value.fix == "did you mean test?"
