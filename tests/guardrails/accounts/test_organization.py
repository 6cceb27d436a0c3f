"""accounts.yml from AWS Organizations."""
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
import yaml
from c7n_org.cli import CONFIG_SCHEMA, filter_accounts
from hypothesis import given
from hypothesis import strategies as st

from guardrails.accounts.account import find_accounts
from guardrails.accounts.organization import Organization, OrganizationMember, choose, entries, render
from guardrails.errors import GuardrailsError
from tests.guardrails.conftest import guardrails
from tests.moto_server import ACCOUNT, REGION, Moto


def member(number: str, name: str = "red", state: str = "ACTIVE", path: str = "/", **tags: str) -> OrganizationMember:
    arn = f"arn:aws-cn:organizations::{ACCOUNT}:account/o-1/{number}"
    return OrganizationMember(number, name, f"{number}@example.com", state, arn, path, tags)


def test_an_account_is_written_as_c7n_org_has_it() -> None:
    [entry] = entries(
        [member("012345678901", path="/production/web", owner="ann")], organization="o-1", role="audit",
        regions=["cn-north-1"])
    assert entry == {
        "account_id": "012345678901", "name": "red", "display_name": "red", "email": "012345678901@example.com",
        "org_id": "o-1", "role": "arn:aws-cn:iam::012345678901:role/audit", "regions": ["cn-north-1"],
        "tags": ["path:/production", "path:/production/web", "owner:ann"],
    }
    [entry] = entries([member("012345678901")], organization="o-1", role="arn:aws:iam::{Id}:role/a-{Id}", regions=[])
    assert entry["role"] == "arn:aws:iam::012345678901:role/a-012345678901"
    assert "regions" not in entry


@given(st.lists(st.text(max_size=6), min_size=1, max_size=6))
def test_whatever_accounts_are_called_the_file_is_read_as_it_was_meant(names: list[str]) -> None:
    members = [member(f"{number:012}", name, note=name) for number, name in enumerate(names)]
    organization = Organization("o-1", members[0].id, tuple(members))
    written = entries(members, organization="o-1", role="audit", regions=[])
    text = render(written, organization, command="./run.sh accounts\n", when=datetime.now(UTC), left_out=[
        (member("999999999999", "a\naccounts: []"), "excluded")])
    assert yaml.safe_load(text) == {"accounts": written}
    assert "account_id: '000000000000'" in text
    directories = [entry["name"] for entry in written]
    assert len({name.casefold() for name in directories}) == len(names)
    assert all(name.isprintable() and name not in ("", ".", "..") and "/" not in name for name in directories)


def test_no_two_accounts_share_a_directory() -> None:
    members = [member("1" * 12, "Red"), member("2" * 12, "red"), member("3" * 12, "red-" + "2" * 12)]
    names = [entry["name"] for entry in entries(members, organization="o-1", role="audit", regions=[])]
    assert len({name.casefold() for name in names}) == 3
    assert names[0] == "Red-" + "1" * 12


def test_what_is_left_out_is_named_with_its_reason() -> None:
    members = (member("1" * 12), member("2" * 12, state="SUSPENDED"), member("3" * 12, state="PENDING_CLOSURE"))
    organization = Organization("o-1", "1" * 12, members)
    chosen = choose(organization, exclude=["1" * 12], active_only=True)
    assert chosen.selected == ()
    assert [(m.id[0], reason) for m, reason in chosen.left_out] == [
        ("1", "excluded"), ("2", "suspended"), ("3", "pending closure")]
    assert choose(organization, exclude=[], active_only=False).selected == members
    with pytest.raises(GuardrailsError, match="--exclude 444: no such account"):
        choose(organization, exclude=["444"], active_only=False)


@pytest.fixture
def organization(moto: Moto) -> dict[str, str]:
    """23 accounts below the management account: more than a page, in nested units, one of them suspended."""
    client = moto.client("organizations")
    client.create_organization(FeatureSet="ALL")
    root = client.list_roots()["Roots"][0]["Id"]
    production = client.create_organizational_unit(ParentId=root, Name="production")["OrganizationalUnit"]["Id"]
    web = client.create_organizational_unit(ParentId=production, Name="web")["OrganizationalUnit"]["Id"]
    made = {}
    for number in range(23):
        name = f"account-{number}"
        made[name] = client.create_account(
            AccountName=name, Email=f"{number}@example.com", Tags=[{"Key": "number", "Value": str(number)}],
        )["CreateAccountStatus"]["AccountId"]
        if number % 2:
            client.move_account(
                AccountId=made[name], SourceParentId=root, DestinationParentId=web if number % 4 == 1 else production)
    client.close_account(AccountId=made["account-4"])
    return made


def test_every_account_of_an_organization_is_written_or_named(
    moto: Moto, organization: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "accounts.yml"
    result = guardrails("accounts", "-o", file, "--active-only", "--exclude", organization["account-6"], "-r", REGION)
    assert result.exit_code == 0, result.output
    assert f"account-4 ({organization['account-4']}), suspended" in result.stdout
    assert f"account-6 ({organization['account-6']}), excluded" in result.stdout
    assert f"({ACCOUNT}) is the management account" in result.stdout
    written = yaml.safe_load(file.read_text())
    jsonschema.validate(written, CONFIG_SCHEMA)
    left_out = {organization["account-4"], organization["account-6"]}
    ids = {entry["account_id"] for entry in written["accounts"]}
    assert ids == {ACCOUNT, *organization.values()} - left_out
    assert f"{len(ids)} accounts of the organization o-" in result.stdout
    head = file.read_text().partition("accounts:\n")[0]
    assert f"--region {REGION} --exclude {organization['account-6']} --active-only" in head
    # Our own verbs get into each of them, and c7n-org finds a unit with what is below it.
    found = find_accounts(file, [])
    assert {account.id for account in found.reached} == ids
    filter_accounts(written, ("path:/production",), ())
    assert {entry["name"] for entry in written["accounts"]} == {f"account-{number}" for number in range(1, 23, 2)}


def test_a_part_of_an_organization(moto: Moto, organization: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "accounts.yml"
    # Units that overlap give each account once.
    result = guardrails("accounts", "-o", file, "--ou", "/production/web", "--ou", "/production", "--role", "audit")
    assert result.exit_code == 0, result.output
    written = yaml.safe_load(file.read_text())["accounts"]
    assert sorted(entry["name"] for entry in written) == sorted(f"account-{number}" for number in range(1, 23, 2))
    paths = {entry["name"]: entry["tags"] for entry in written}
    assert paths["account-1"] == ["path:/production", "path:/production/web", "number:1"]
    before = file.read_text()
    assert "already exists" in guardrails("accounts", "-o", file).stderr
    # What fails leaves the file as it was.
    result = guardrails("accounts", "-o", file, "--force", "--ou", "/production/none")
    assert result.exit_code == 1
    assert "no such organizational unit" in result.stderr
    assert file.read_text() == before
    # What people have written into it stays when it is written anew, and what went with an account is named.
    kept = {"guardrails": "heal", "vars": {"admin_ports": ["tcp 1 from world"]}, "regions": ["eu-west-1"]}
    data = yaml.safe_load(before)
    data["vars"] = {"profiles": ["strict"]}
    for entry in data["accounts"]:
        entry.update(kept)
    data["accounts"].append({"account_id": "9" * 12, "name": "gone", "external_id": "x"})
    file.write_text(yaml.safe_dump(data))
    result = guardrails("accounts", "-o", file, "--force", "--ou", "/production/web", "--role", "other")
    assert result.exit_code == 0, result.output
    assert f"no longer in the file: {'9' * 12}, and its settings external_id" in result.stdout
    again = yaml.safe_load(file.read_text())
    assert again["vars"] == data["vars"]
    assert all(kept.items() <= entry.items() and entry["role"].endswith("/other") for entry in again["accounts"])
    file.write_text("no: accounts\n")
    assert "its content would be lost" in guardrails("accounts", "-o", file, "--force").stderr


def test_no_organization_is_an_error_with_a_way_on(moto: Moto, tmp_path: Path) -> None:
    result = guardrails("accounts", "-o", tmp_path / "accounts.yml")
    assert result.exit_code == 1
    assert "AWSOrganizationsNotInUseException" in result.stderr
    assert "management account" in result.stderr
    assert not (tmp_path / "accounts.yml").exists()
