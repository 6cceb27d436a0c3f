"""The accounts that a verb works on: those of accounts.yml, or the one that the credentials belong to."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from custom_actions.patches import read_once

from ..errors import GuardrailsError
from ..limits import ACCOUNTS_CHECKED
from ..yamlfile import YamlError, YamlFile, read

# What a call of AWS may end with; the last comes from an answer that is none (a proxy's page), and has no base.
AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
_SESSION_NAME = "guardrails"
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
# Reached or not is asked of many accounts: a dead endpoint must not hold each for minutes.
_CLIENT = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 3})


HUB = "guardrails-hub"
"""The key of an account's entry that says: in this region, this account answers the events of all the others."""


@dataclass(frozen=True)
class Hub:
    """The account whose functions answer the events of every account of accounts.yml, and the region they are in."""

    account: str
    region: str
    members: tuple[Account, ...]
    """Every account of accounts.yml as it stands there, the hub too."""

    @property
    def entry(self) -> Account:
        """The hub's own among them."""
        return next(member for member in self.members if member.id == self.account)


@dataclass(frozen=True)
class Account:
    """One account, and how to get into it."""

    id: str
    name: str
    regions: tuple[str, ...]
    entry: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Its entry in accounts.yml as it stands there, without `regions`; empty for the current credentials."""
    hub: Hub | None = field(default=None, compare=False, repr=False)
    """Where its events are answered, when that is not in itself."""

    def __str__(self) -> str:
        return self.id if self.name == self.id else f"{self.name} ({self.id})"

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles to assume, one from the other; none for the current credentials or a profile."""
        given = self.entry.get("role") or ()
        named = (given,) if isinstance(given, str) else tuple(given)
        return tuple(role if role.startswith("arn") else f"arn:aws:iam::{self.id}:role/{role}" for role in named)

    def session(self, region: str) -> boto3.Session:
        """A session in the account. Raises one of AWS_ERRORS when there is no way in."""
        session = _session(region_name=region, profile_name=self.entry.get("profile"))
        for role in self.roles:
            extra = {"ExternalId": self.entry["external_id"]} if self.entry.get("external_id") else {}
            got = session.client("sts", config=_CLIENT).assume_role(
                RoleArn=role, RoleSessionName=_SESSION_NAME, **extra
            )["Credentials"]
            session = _session(
                aws_access_key_id=got["AccessKeyId"], aws_secret_access_key=got["SecretAccessKey"],
                aws_session_token=got["SessionToken"], region_name=region)
        return session


def _session(**settings: Any) -> boto3.Session:
    # Each session would read the services' models anew: three megabytes and a fifth of a second an account.
    read_once()
    return boto3.Session(**settings)


@dataclass(frozen=True)
class Accounts:
    """The accounts of one run."""

    reached: tuple[Account, ...]
    unreachable: tuple[tuple[Account, str], ...]
    """Each with the reason."""
    vars: Mapping[str, Any] = field(default_factory=dict)
    """c7n-org's `vars` for all accounts."""

    @property
    def all(self) -> tuple[Account, ...]:
        return (*self.reached, *(account for account, _ in self.unreachable))

    def different_vars(self) -> list[Mapping[str, Any]]:
        """The different `vars` under which policies run in them."""
        found: list[Mapping[str, Any]] = []
        for account in self.all:
            given = {**self.vars, **(account.entry.get("vars") or {})}
            if given not in found:
                found.append(given)
        return found


def find_accounts(config: Path | None, regions: Sequence[str]) -> Accounts:
    """The accounts of `config`, or the current one, each asked once whether it can be reached and is the one it says.

    `regions` go before an account's own; `all` means every region that is enabled in the account. Raises
    GuardrailsError when accounts.yml is no such file, when there are no credentials, or when no region is known.
    """
    wanted, variables = ([_current_account()], {}) if config is None else _read(config)
    wanted = [replace(account, regions=_regions(account, regions)) for account in wanted]
    with ThreadPoolExecutor(ACCOUNTS_CHECKED) as pool:
        asked = list(pool.map(_reach, wanted))
    return Accounts(
        tuple(account for account, problem in asked if problem is None),
        tuple((account, problem) for account, problem in asked if problem is not None),
        variables,
    )


def listed_accounts(config: Path, regions: Sequence[str]) -> Accounts:
    """The accounts of `config` as they stand there: none is asked whether it can be reached.

    Raises GuardrailsError as `find_accounts` does, and for the region `all`, which only the account itself can tell.
    """
    listed, variables = _read(config)
    found = tuple(replace(account, regions=_regions(account, regions)) for account in listed)
    if every := next((account for account in found if "all" in account.regions), None):
        raise GuardrailsError(
            f"{config}: account {every} has the region all, which nobody is asked for here", "name its regions")
    return Accounts(found, (), variables)


def accounts_file(accounts: Iterable[tuple[Account, Sequence[str]]], variables: Mapping[str, Any]) -> dict[str, Any]:
    """accounts.yml for c7n-org: the accounts, each with the regions to run in."""
    entries = []
    for account, regions in accounts:
        entry = {**account.entry, "account_id": account.id, "name": account.name, "regions": list(regions)}
        if not account.roles and "profile" not in entry:
            # c7n-org's schema wants a role or a profile; with an empty list it takes the current credentials.
            entry["role"] = []
        entries.append(entry)
    return {"accounts": entries, **({"vars": dict(variables)} if variables else {})}


def reason_of(error: Exception) -> str:
    """An AWS error in a few words, with its code."""
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        return f"{details.get('Code', 'error')} on {error.operation_name}: {details.get('Message', '')}".rstrip(": ")
    return " ".join(str(error).split())[:300]


def _current_account() -> Account:
    try:
        sts = boto3.Session().client("sts", config=_CLIENT, region_name=_default_region() or "us-east-1")
        number = sts.get_caller_identity()["Account"]
    except AWS_ERRORS as error:
        raise GuardrailsError(
            f"no way into AWS: {reason_of(error)}",
            "set credentials (AWS_PROFILE, or the AWS_… variables), name accounts with -c accounts.yml, "
            "or use the local AWS: ./run.sh sandbox start",
        ) from None
    return Account(number, number, ())


def _default_region() -> str | None:
    return boto3.Session().region_name


def _regions(account: Account, given: Sequence[str]) -> tuple[str, ...]:
    chosen = tuple(given) or account.regions
    if not chosen:
        default = _default_region()
        if not default:
            raise GuardrailsError(
                f"no region for account {account}", "give --region, set AWS_REGION, or regions: in accounts.yml"
            )
        chosen = (default,)
    return tuple(dict.fromkeys(region.strip() for part in chosen for region in part.split(",") if region.strip()))


def _reach(account: Account) -> tuple[Account, str | None]:
    """The account with its regions resolved, and why it cannot be reached, or None."""
    from .regions import account_region

    first = account_region([region for region in account.regions if region != "all"])
    try:
        session = account.session(first)
        identity = session.client("sts", config=_CLIENT).get_caller_identity()["Account"]
        if identity != account.id:
            return account, f"its credentials belong to account {identity}"
        if "all" in account.regions:
            enabled = session.client("ec2", config=_CLIENT).describe_regions()["Regions"]
            account = replace(account, regions=tuple(sorted(region["RegionName"] for region in enabled)))
    except AWS_ERRORS as error:
        role = f"could not assume {account.roles[-1]}: " if account.roles else ""
        return account, role + reason_of(error)
    return account, None


def _read(config: Path) -> tuple[list[Account], Mapping[str, Any]]:
    try:
        source = read(config)
    except YamlError as error:
        raise GuardrailsError(f"{config}:{error.line}: {error.message}") from None
    listed = source.data.get("accounts") if isinstance(source.data, Mapping) else None
    if not isinstance(listed, list) or not listed:
        raise GuardrailsError(f"{config}:1: no accounts in it", "accounts: [{account_id: '…', name: …, role: …}]")
    accounts: dict[str, Account] = {}
    for index, entry in enumerate(listed):
        at = f"{config}:{source.line(('accounts', index))}"
        account = _account(at, entry)
        if account.name in accounts:
            raise GuardrailsError(f"{at}: the name {account.name} is taken", "results go by the name: give each one")
        if any(other.id == account.id for other in accounts.values()):
            raise GuardrailsError(f"{at}: account {account.id} is in it twice", "findings go by the id: one entry each")
        accounts[account.name] = account
    hub = _hub(config, source, accounts.values())
    return [replace(account, hub=hub) for account in accounts.values()], source.data.get("vars") or {}


def _hub(config: Path, source: YamlFile, accounts: Iterable[Account]) -> Hub | None:
    """The hub that an entry names. Raises GuardrailsError for two of them, and for one without a region."""
    members = tuple(accounts)
    hubs = [(index, account) for index, account in enumerate(members) if HUB in account.entry]
    for index, account in hubs[:1]:
        region = account.entry[HUB]
        if not isinstance(region, str) or not _REGION.fullmatch(region):
            at = f"{config}:{source.line(('accounts', index, HUB))}"
            raise GuardrailsError(f"{at}: {HUB}: {region!r} is no region", f"{HUB}: eu-west-1")
    if len(hubs) > 1:
        raise GuardrailsError(
            f"{config}:{source.line(('accounts', hubs[1][0], HUB))}: a second hub: {hubs[0][1]} is one already",
            "an event would be answered twice: leave one of them")
    return Hub(hubs[0][1].id, hubs[0][1].entry[HUB], members) if hubs else None


def _account(at: str, entry: Any) -> Account:
    if not isinstance(entry, Mapping) or not entry.get("account_id"):
        raise GuardrailsError(f"{at}: an account has an account_id", "account_id: '123456789012'")
    number = entry["account_id"]
    if not (isinstance(number, str) and len(number) == 12 and number.isdigit()):
        # Unquoted, YAML reads 012345678901 as another number.
        raise GuardrailsError(f"{at}: account_id {number!r} is not 12 digits in quotes", "account_id: '012345678901'")
    name = str(entry.get("name") or number)
    if "/" in name or name in (".", "..") or not name.isprintable():
        raise GuardrailsError(f"{at}: the name {name!r} cannot be a directory's", "results go by the name: use another")
    regions = entry.get("regions") or ()
    if isinstance(regions, str) or not all(isinstance(region, str) for region in regions):
        raise GuardrailsError(f"{at}: regions is no list of names", "regions: [eu-central-1]")
    rest = {key: value for key, value in entry.items() if key not in ("account_id", "name", "regions")}
    return Account(number, name, tuple(regions), rest)
