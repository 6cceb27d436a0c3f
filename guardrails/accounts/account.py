"""The accounts that a verb works on: those of accounts.yml, or the one that the credentials belong to."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from custom_actions.patches import prepare_sessions

from ..command import command
from ..errors import GuardrailsError
from ..limits import ACCOUNTS_CHECKED
from ..yamlfile import YamlError, YamlFile, read
from .choice import EVERY, AccountChoice
from .credentials import Credentials, ThreadCredentials
from .entries import ALL, HUB, check_entry, check_regions, check_top, known_regions
from .regions import partition_of

# The errors of an AWS call. ResponseParserError, raised for a response that is not AWS's (a proxy's page), has no
# base class in common with the others.
AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
_NO_VARS: Mapping[str, Any] = {}
_SESSION_NAME = "guardrails"
# Many accounts are checked: an endpoint that does not respond must not block each of them for minutes.
_CLIENT = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 3})
_SHARED = _CLIENT.merge(Config(max_pool_connections=ACCOUNTS_CHECKED))


@dataclass(frozen=True)
class Hub:
    """The account whose functions answer the events of every account of accounts.yml, and their region."""

    account: str
    region: str
    members: tuple[Account, ...]
    """Every account of accounts.yml, including the hub."""

    @property
    def entry(self) -> Account:
        """The hub's own entry among the members."""
        return next(member for member in self.members if member.id == self.account)


@dataclass(frozen=True)
class Account:
    """One account, and how to access it."""

    id: str
    name: str
    regions: tuple[str, ...]
    entry: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Its entry in accounts.yml without `regions`; empty for the current credentials."""
    hub: Hub | None = field(default=None, compare=False, repr=False)
    """The hub that handles its events; None if the account handles them itself."""
    credentials: Credentials | None = field(default=None, compare=False, repr=False)
    """Of its last role, from the check that it can be accessed; None without a role, or if it was not checked."""

    @property
    def keys(self) -> tuple[str, str]:
        """Its name and its id: what people write to name it, or globs of them."""
        return self.name, self.id

    def __str__(self) -> str:
        return self.id if self.name == self.id else f"{self.name} ({self.id})"

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles to assume, one after another; none for the current credentials or a profile."""
        given = self.entry.get("role") or ()
        named = (given,) if isinstance(given, str) else tuple(given)
        partition = partition_of(next(iter(self.regions), ""))
        return tuple(
            role if role.startswith("arn") else f"arn:{partition}:iam::{self.id}:role/{role}" for role in named)

    def session(self, region: str) -> boto3.Session:
        """A session in the account. Raises one of AWS_ERRORS when the account cannot be accessed."""
        if self.credentials and self.credentials.lasts():
            return self.credentials.session(region)
        assumed = self.assume(region, CallerClients())
        return assumed.session(region) if assumed else self._own_session(region)

    def assume(self, region: str, clients: CallerClients) -> Credentials | None:
        """Credentials of its last role, assumed now; None if it has no role. Raises one of AWS_ERRORS."""
        assumed = None
        for role in self.roles:
            extra = {"ExternalId": self.entry["external_id"]} if self.entry.get("external_id") else {}
            sts = (assumed.session(region).client("sts", config=_CLIENT) if assumed
                   else clients.sts(self.entry.get("profile"), region))
            assumed = Credentials.of(sts.assume_role(RoleArn=role, RoleSessionName=_SESSION_NAME, **extra))
        return assumed

    def _own_session(self, region: str) -> boto3.Session:
        return make_session(region_name=region, profile_name=self.entry.get("profile"))


class CallerClients:
    """The clients with which accounts are checked, shared by all: a client takes longer to make than its call.

    A client for an account signs with the credentials that the thread has last asked for it with.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[str, str | None, str], Any] = {}
        self._making = Lock()
        self._signs = ThreadCredentials()
        self.known: set[str] = set()
        """Accounts to which the caller's own credentials are known to belong."""

    def sts(self, profile: str | None, region: str) -> Any:
        """STS for a profile, or for the current credentials. Raises one of AWS_ERRORS."""
        return self._once("sts", profile, region, lambda: make_session(region_name=region, profile_name=profile))

    def ec2(self, account: Account, region: str) -> Any:
        """EC2 in the account, for this thread. Raises one of AWS_ERRORS."""
        if account.credentials is None:
            profile = account.entry.get("profile")
            return self._once("ec2", profile, region, lambda: make_session(region_name=region, profile_name=profile))
        self._signs.use(account.credentials.keys())
        return self._once("ec2 in an account", None, region, lambda: self._signs.session(region))

    def _once(self, what: str, profile: str | None, region: str, session: Callable[[], boto3.Session]) -> Any:
        with self._making:
            if (what, profile, region) not in self._made:
                self._made[what, profile, region] = session().client(what.partition(" ")[0], config=_SHARED)
            return self._made[what, profile, region]


def make_session(**settings: Any) -> boto3.Session:
    """A boto3 session with these settings, by default of the current credentials.

    Its clients read the services' models once (0.2 seconds for each account), and accept only responses from AWS.
    """
    prepare_sessions()
    return boto3.Session(**settings)


@dataclass(frozen=True)
class Accounts:
    """The accounts of one run."""

    reached: tuple[Account, ...]
    unreachable: tuple[tuple[Account, str], ...]
    """Each with the reason."""
    vars: Mapping[str, Any] = field(default_factory=dict)
    """c7n-org's `vars` for all accounts."""
    caller: str = ""
    """The ARN of the user or role that runs the verb; empty if AWS was not asked, or did not answer."""
    listed: tuple[str, ...] | None = None
    """The names and ids of every account of accounts.yml, chosen or not; None without accounts.yml."""

    @property
    def all(self) -> tuple[Account, ...]:
        return (*self.reached, *(account for account, _ in self.unreachable))

    def vars_of(self, account: Account) -> dict[str, Any]:
        """The `vars` with which policies run in the account."""
        return {**self.vars, **(account.entry.get("vars") or {})}

    def different_vars(self) -> list[Mapping[str, Any]]:
        """The distinct `vars` with which policies run in the accounts."""
        found: list[Mapping[str, Any]] = []
        for account in self.all:
            given = self.vars_of(account)
            if given not in found:
                found.append(given)
        return found


def find_accounts(config: Path | None, regions: Sequence[str], choice: AccountChoice = EVERY) -> Accounts:
    """The accounts of `config`, or the current one. Checks once for each that it can be accessed and has the right id.

    `regions` override an account's own; `all` means every region that is enabled in the account. Accounts that are not
    chosen are not called. Raises GuardrailsError when `config` is not a valid accounts.yml, when `choice` names an
    account that there is not, when there are no credentials, or when no region is set.
    """
    check_regions(regions)
    if config is None:
        if choice.tags or choice.without:
            raise GuardrailsError(
                "--not-accounts and --tags select accounts of accounts.yml, and there is none",
                "add -c accounts.yml, or `accounts:` in guardrails.yml")
        account, caller = _current_account()
        listed, variables = [account], _NO_VARS
    else:
        (listed, variables), caller = _read(config), _caller()
    wanted = [replace(account, regions=_regions(account, regions)) for account in choice.choose(listed)]
    accounts = Accounts(tuple(wanted), (), variables, caller, _keys(listed) if config else None)
    # AWS has just said that the current credentials belong to the current account.
    return reach(accounts, known=() if config else [account.id for account in wanted])


def reach(accounts: Accounts, *, known: Iterable[str] = ()) -> Accounts:
    """The same accounts, each checked once: whether it can be accessed and has the right id; with `all` resolved.

    `known`: ids of accounts to which the current credentials are known to belong.

    Raises GuardrailsError for a region that an account has not enabled.
    """
    clients = CallerClients()
    clients.known.update(known)
    with ThreadPoolExecutor(ACCOUNTS_CHECKED) as pool:
        checked = list(pool.map(lambda account: _reach(account, clients), accounts.all))
    return replace(
        accounts, reached=tuple(account for account, problem in checked if problem is None),
        unreachable=tuple((account, problem) for account, problem in checked if problem is not None))


def unchecked_accounts(config: Path, regions: Sequence[str], choice: AccountChoice = EVERY) -> Accounts:
    """The accounts of `config`, without entering them; only the caller is asked for. `all` stays as it is.

    Raises GuardrailsError as `find_accounts` does.
    """
    return replace(_chosen(config, regions, choice), caller=_caller())


def listed_accounts(config: Path, regions: Sequence[str], choice: AccountChoice = EVERY) -> Accounts:
    """The accounts of `config`, without calling AWS.

    Raises GuardrailsError as `find_accounts` does, and for the region `all`, which only AWS could resolve.
    """
    found = _chosen(config, regions, choice)
    if every := next((account for account in found.all if ALL in account.regions), None):
        raise GuardrailsError(
            f"{config}: account {every} has the region `all`, which only AWS can resolve; this verb does not call AWS",
            "list the account's regions in accounts.yml")
    return found


def _chosen(config: Path, regions: Sequence[str], choice: AccountChoice) -> Accounts:
    check_regions(regions)
    listed, variables = _read(config)
    found = tuple(replace(account, regions=_regions(account, regions)) for account in choice.choose(listed))
    return Accounts(found, (), variables, listed=_keys(listed))


def _keys(accounts: Iterable[Account]) -> tuple[str, ...]:
    return tuple(key for account in accounts for key in account.keys)


def accounts_file(accounts: Iterable[tuple[Account, Sequence[str]]], variables: Mapping[str, Any]) -> dict[str, Any]:
    """The content of accounts.yml for c7n-org: the accounts, each with the regions to run in."""
    entries = []
    for account, regions in accounts:
        entry = {**account.entry, "account_id": account.id, "name": account.name, "regions": list(regions)}
        if account.roles or "profile" not in entry:
            # c7n-org assumes ARNs only. Its schema requires a role or a profile; with an empty list it uses the current
            # credentials.
            entry["role"] = list(account.roles)
        entries.append(entry)
    return {"accounts": entries, **({"vars": dict(variables)} if variables else {})}


def reason_of(error: Exception) -> str:
    """An AWS error on one line, with its code and operation."""
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        return f"{details.get('Code', 'error')} on {error.operation_name}: {details.get('Message', '')}".rstrip(": ")
    return " ".join(str(error).split())[:300]


def _identity() -> Mapping[str, str]:
    """Who the current credentials belong to. Raises one of AWS_ERRORS."""
    sts = make_session().client("sts", config=_CLIENT, region_name=_default_region() or "us-east-1")
    return cast("Mapping[str, str]", sts.get_caller_identity())


def _caller() -> str:
    """The ARN of the current credentials. accounts.yml may work without them, with a profile for each account."""
    try:
        return _identity()["Arn"]
    except AWS_ERRORS:
        return ""


def _current_account() -> tuple[Account, str]:
    """The account of the current credentials, and the ARN of the user or role."""
    try:
        identity = _identity()
    except AWS_ERRORS as error:
        raise GuardrailsError(
            f"AWS cannot be accessed: {reason_of(error)}",
            "set credentials (AWS_PROFILE, or the AWS_… variables), name accounts with -c accounts.yml, "
            f"or use the local AWS: {command('sandbox start')}",
        ) from None
    return Account(identity["Account"], identity["Account"], ()), identity["Arn"]


def _default_region() -> str | None:
    return make_session().region_name


def _regions(account: Account, given: Sequence[str]) -> tuple[str, ...]:
    chosen = tuple(given) or account.regions
    if not chosen:
        default = _default_region()
        if not default:
            raise GuardrailsError(
                f"no region for account {account}", "give --region, set AWS_REGION, or add `regions` in accounts.yml"
            )
        chosen = (default,)
    return tuple(dict.fromkeys(region.strip() for part in chosen for region in part.split(",") if region.strip()))


def _reach(account: Account, clients: CallerClients) -> tuple[Account, str | None]:
    """The account with its regions resolved and its role assumed, and why it cannot be accessed, or None."""
    from .regions import account_region

    first = account_region([region for region in account.regions if region != ALL])
    try:
        account = replace(account, credentials=account.assume(first, clients))
        if account.id not in clients.known:
            # AWS says in its response to AssumeRole whose role it is, so nothing more is called.
            identity = account.credentials.account if account.credentials else clients.sts(
                account.entry.get("profile"), first).get_caller_identity()["Account"]
            if identity != account.id:
                return account, f"its credentials belong to account {identity}"
        ec2 = clients.ec2(account, first)
        if ALL in account.regions:
            enabled = ec2.describe_regions()["Regions"]
            account = replace(account, regions=tuple(sorted(region["RegionName"] for region in enabled)))
        else:
            _refuse_disabled(ec2, account)
    except AWS_ERRORS as error:
        role = f"could not assume {account.roles[-1]}: " if account.roles else ""
        return account, role + reason_of(error)
    return account, None


def _refuse_disabled(ec2: Any, account: Account) -> None:
    """Raise GuardrailsError for a region that the account has not enabled. Without the permission to list regions, each
    check says what AWS answers in its region."""
    try:
        listed = ec2.describe_regions(
            AllRegions=True, Filters=[{"Name": "region-name", "Values": list(account.regions)}])["Regions"]
    except AWS_ERRORS:
        return
    disabled = sorted({region["RegionName"] for region in listed if region.get("OptInStatus") == "not-opted-in"}
                      & set(account.regions))
    if disabled:
        raise GuardrailsError(
            f"account {account} has not enabled the region {', '.join(disabled)}",
            "enable it in the account, or leave it out of --region and of the account's regions")


def _read(config: Path) -> tuple[list[Account], Mapping[str, Any]]:
    try:
        source = read(config)
    except YamlError as error:
        raise GuardrailsError(f"{config}:{error.line}: {error.message}") from None
    listed = source.data.get("accounts") if isinstance(source.data, Mapping) else None
    if not isinstance(listed, list) or not listed:
        raise GuardrailsError(f"{config}:1: `accounts` must be a list with at least one account",
            "accounts: [{account_id: '…', name: …, role: …}]")
    check_top(source)
    accounts: dict[str, Account] = {}
    for index, entry in enumerate(listed):
        at = f"{config}:{source.line(('accounts', index))}"
        account = _account(at, entry)
        check_entry(source, index, entry)
        if account.name in accounts:
            raise GuardrailsError(f"{at}: another account is already named {account.name}",
                "give each account its own name: results are stored by name")
        if any(other.id == account.id for other in accounts.values()):
            raise GuardrailsError(f"{at}: account {account.id} is listed twice", "keep one entry for each account")
        accounts[account.name] = account
    hub = _hub(config, source, accounts.values())
    return [replace(account, hub=hub) for account in accounts.values()], source.data.get("vars") or {}


def _hub(config: Path, source: YamlFile, accounts: Iterable[Account]) -> Hub | None:
    """The hub that an entry declares. Raises GuardrailsError for a second one, and for one without a region."""
    members = tuple(accounts)
    hubs = [(index, account) for index, account in enumerate(members) if HUB in account.entry]
    for index, account in hubs[:1]:
        region = account.entry[HUB]
        if not isinstance(region, str) or region not in known_regions():
            at = f"{config}:{source.line(('accounts', index, HUB))}"
            raise GuardrailsError(f"{at}: {HUB} must be a region, got {region!r}", f"{HUB}: eu-west-1")
    if len(hubs) > 1:
        raise GuardrailsError(
            f"{config}:{source.line(('accounts', hubs[1][0], HUB))}: only one account can be the hub, and {hubs[0][1]} "
            "already is", f"remove {HUB} from one of them: every event would be answered twice")
    return Hub(hubs[0][1].id, hubs[0][1].entry[HUB], members) if hubs else None


def _account(at: str, entry: Any) -> Account:
    if not isinstance(entry, Mapping) or not entry.get("account_id"):
        raise GuardrailsError(f"{at}: `account_id` is missing", "account_id: '123456789012'")
    number = entry["account_id"]
    if not (isinstance(number, str) and len(number) == 12 and number.isdigit()):
        # Without quotes, YAML reads 012345678901 as another number.
        raise GuardrailsError(
            f"{at}: account_id must be 12 digits in quotes, got {number!r}", "account_id: '012345678901'")
    name = str(entry.get("name") or number)
    if "/" in name or name in (".", "..") or not name.isprintable():
        raise GuardrailsError(
            f"{at}: the name {name!r} cannot be a directory name", "use another name: results are stored by name")
    rest = {key: value for key, value in entry.items() if key not in ("account_id", "name", "regions")}
    regions = entry.get("regions")
    return Account(number, name, tuple(regions) if isinstance(regions, list) else (), rest)
