"""Creates accounts.yml from AWS Organizations, so that no account is forgotten.

c7n-org's own functions walk the organization. This module ensures that every account is either in the file or named
with the reason why it is not, and that c7n-org and our verbs can read the file: unique names that are valid directory
names, quoted ids, and roles in the organization's own partition.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from custom_actions.escaping import escaped

from ..errors import GuardrailsError

DEFAULT_ROLE = "OrganizationAccountAccessRole"
_ACTIVE = "ACTIVE"


@dataclass(frozen=True)
class OrganizationMember:
    """One account of the organization."""

    id: str
    name: str
    email: str
    state: str
    """ACTIVE, SUSPENDED, PENDING_CLOSURE and so on."""
    arn: str
    path: str
    """Its organizational unit: `/` or `/production/web`."""
    tags: Mapping[str, str]

    def __str__(self) -> str:
        return f"{escaped(self.name)} ({self.id})"

    @property
    def active(self) -> bool:
        return self.state == _ACTIVE

    @property
    def shown_state(self) -> str:
        """The state in words: `pending closure`."""
        return self.state.lower().replace("_", " ")


@dataclass(frozen=True)
class Organization:
    """An organization, or the part of it that was selected."""

    id: str
    management: str
    """The id of its management account."""
    members: tuple[OrganizationMember, ...]


@dataclass(frozen=True)
class MemberSelection:
    """Which accounts go into the file."""

    selected: tuple[OrganizationMember, ...]
    left_out: tuple[tuple[OrganizationMember, str], ...]
    """Each with the reason."""


@dataclass(frozen=True)
class ManualSettings:
    """What people have added to an accounts.yml."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    """The file's `vars`."""
    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By the account's id: `guardrails`, `vars`, `external_id`, `regions` and the like."""


@dataclass(frozen=True)
class OrganizationFile:
    """The accounts.yml of an organization: its entries, and what it keeps of the file that it replaces."""

    organization: Organization
    selection: MemberSelection
    entries: tuple[Mapping[str, Any], ...]
    manual: ManualSettings

    @property
    def dropped(self) -> dict[str, tuple[str, ...]]:
        """By account id: the settings of accounts that are no longer in the file."""
        ids = {entry["account_id"] for entry in self.entries}
        return {number: tuple(self.manual.entries[number]) for number in sorted(self.manual.entries.keys() - ids)}

    def to_dict(self) -> dict[str, Any]:
        """The organization, the accounts as the file has them, and those that are not in it, for JSON."""
        return {
            "organization": self.organization.id, "management": self.organization.management,
            "accounts": [dict(entry) for entry in self.entries],
            "states": {member.id: member.state for member in self.selection.selected},
            "left_out": [{"account_id": member.id, "display_name": member.name, "reason": reason}
                         for member, reason in self.selection.left_out],
            "dropped": {number: list(settings) for number, settings in self.dropped.items()},
        }

    def text(self, *, command: str, when: datetime) -> str:
        """The file's text. `command` is how it was made, and `when` in UTC."""
        return render(
            self.entries, self.organization, command=command, when=when, left_out=self.selection.left_out,
            variables=self.manual.variables)


def organization_file(
    organization: Organization, manual: ManualSettings, *, role: str, regions: Sequence[str], exclude: Sequence[str],
    active_only: bool,
) -> OrganizationFile:
    """The accounts.yml of the organization, with the manual settings of the file that it replaces.

    `role` and `regions` are as for `entries`. Raises GuardrailsError when no account is left, and as `choose` does.
    """
    selection = choose(organization, exclude=exclude, active_only=active_only)
    if not selection.selected:
        raise GuardrailsError(
            f"no account is left to write: {len(selection.left_out)} were left out",
            "select more with --ou, or exclude fewer")
    given = {"regions": list(regions)} if regions else {}
    return OrganizationFile(organization, selection, tuple(
        {**entry, **manual.entries.get(entry["account_id"], {}), **given}
        for entry in entries(selection.selected, organization=organization.id, role=role, regions=regions)
    ), manual)


def choose(organization: Organization, *, exclude: Sequence[str], active_only: bool) -> MemberSelection:
    """Divide the accounts into those that are selected and those that are left out.

    Raises GuardrailsError if an excluded id is not an account of the organization, because a typing error would include
    the wrong account.
    """
    ids = {member.id for member in organization.members}
    if strange := [number for number in exclude if number not in ids]:
        raise GuardrailsError(
            f"--exclude {', '.join(strange)}: no such account in the selected part of the organization",
            "account ids have 12 digits")
    selected, left_out = [], []
    for member in sorted(organization.members, key=lambda member: (member.path, member.name, member.id)):
        if member.id in exclude:
            left_out.append((member, "excluded"))
        elif active_only and not member.active:
            left_out.append((member, member.shown_state))
        else:
            selected.append(member)
    return MemberSelection(tuple(selected), tuple(left_out))


def entries(
    members: Sequence[OrganizationMember], *, organization: str, role: str, regions: Sequence[str]
) -> list[dict[str, Any]]:
    """The accounts as entries of accounts.yml.

    `role` is a role's name, or an ARN in which `{Id}` is replaced by the account's id. The tags are those that c7n-org
    itself would write: the path of the organizational unit, level by level, and the account's own tags. Unlike c7n-org,
    this does not copy the account's tags to `vars`, where a tag would silently override a policy's parameter.
    """
    names = _names(members)
    return [
        {
            "account_id": member.id,
            "name": names[member.id],
            "display_name": member.name,
            "email": member.email,
            "org_id": organization,
            "role": _role_of(member, role),
            **({"regions": list(regions)} if regions else {}),
            "tags": [*_path_tags(member.path), *(f"{key}:{value}" for key, value in sorted(member.tags.items()))],
        }
        for member in members
    ]


_GENERATED = ("account_id", "name", "display_name", "email", "org_id", "role", "tags")
"""The keys that `entries` writes; a person added every other key of an entry."""


def manual_settings(file: Path) -> ManualSettings:
    """What must be kept of the file when it is replaced. Raises GuardrailsError when it is not an accounts.yml."""
    from ..yamlfile import YamlError, read

    try:
        data = read(file).data
    except YamlError as error:
        raise GuardrailsError(
            f"{file}:{error.line}: {error.message}", "fix the file, or write another file with -o") from None
    listed = data.get("accounts") if isinstance(data, Mapping) else None
    if not isinstance(listed, list) or not all(isinstance(entry, Mapping) for entry in listed):
        raise GuardrailsError(
            f"{file} is not an accounts.yml, and its content would be lost", "write another file with -o")
    return ManualSettings(data.get("vars") or {}, {
        str(entry.get("account_id")): extra for entry in listed
        if (extra := {key: value for key, value in entry.items() if key not in _GENERATED})
    })


def _role_of(member: OrganizationMember, role: str) -> str:
    if role.startswith("arn:"):
        return role.replace("{Id}", member.id)
    partition = member.arn.split(":")[1] if member.arn.count(":") > 1 else "aws"
    return f"arn:{partition}:iam::{member.id}:role/{role.replace('{Id}', member.id)}"


def _path_tags(path: str) -> Iterator[str]:
    steps = path.strip("/").split("/")
    for index in range(len(steps)):
        yield "path:/" + "/".join(steps[:index + 1])


def _names(members: Sequence[OrganizationMember]) -> dict[str, str]:
    """A name for each account that is unique and valid as a directory name, on any file system."""
    names = {
        member.id: "".join(c if c.isprintable() and c not in "/\\" else "-" for c in member.name).strip()
        for member in members
    }
    names = {number: number if name in ("", ".", "..") else name for number, name in names.items()}
    # A name with an appended id can equal another account's own name, so repeat until no two are the same.
    while shared := {name for name, times in Counter(map(str.casefold, names.values())).items() if times > 1}:
        names = {
            number: f"{name}-{number}" if name.casefold() in shared else name for number, name in names.items()
        }
    return names


def render(
    accounts: Sequence[Mapping[str, Any]], organization: Organization, *, command: str, when: datetime,
    left_out: Sequence[tuple[OrganizationMember, str]], variables: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """The text of accounts.yml: a header that says how it was made, `vars` for all accounts, and the accounts."""
    lines = [
        f"# {len(accounts)} accounts of the organization {organization.id}, read on {when:%Y-%m-%d %H:%M} UTC with",
        f"#   {escaped(command)}",
        "# Accounts that were created or closed since then are missing: run the command again, with --force.",
        *(f"# Left out: {member}, {reason}" for member, reason in left_out),
        *([_yaml({"vars": dict(variables)})] if variables else []),
        "accounts:",
    ]
    for account in accounts:
        if account["account_id"] == organization.management:
            lines += [
                "# The management account. AWS creates no OrganizationAccountAccessRole in it: name a role that you",
                "# created there.",
            ]
        lines.append(_yaml([{**account, "account_id": _Quoted(account["account_id"])}]))
    return "\n".join(lines) + "\n"


class _Quoted(str):
    """A string that YAML writes in quotes; without them, some parsers read 012345678901 as a number."""

    __slots__ = ()


def _yaml(data: Any) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def quoted(dumper: Any, text: str) -> Any:
        # Except in double quotes, YAML folds characters that it treats as line breaks (U+0085).
        style = "'" if isinstance(text, _Quoted) else None if text.isprintable() else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=style)

    Dumper.add_representer(str, quoted)
    Dumper.add_representer(_Quoted, quoted)
    return str(yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000)).rstrip("\n")


def read_organization(units: Sequence[str], *, client: Any = None) -> Organization:
    """The organization of the current credentials: all of it, or these units with everything below (`/production/web`).

    `client`: a boto3 client of Organizations; by default one is created. Raises GuardrailsError when there is no
    organization, no permission, or no such unit.
    """
    from botocore.config import Config
    from c7n_org.orgaccounts import get_accounts_for_ou, get_ou_from_path

    from .account import AWS_ERRORS, make_session, reason_of

    try:
        # Organizations is a global service, and reading it account by account is easily throttled.
        client = client or make_session().client(
            "organizations", region_name=make_session().region_name or "us-east-1",
            config=Config(retries={"mode": "adaptive", "max_attempts": 10}))
        described = client.describe_organization()["Organization"]
        found: dict[str, OrganizationMember] = {}
        for path in units or ("/",):
            try:
                unit = get_ou_from_path(client, path)
            except ValueError:
                raise GuardrailsError(
                    f"--ou {path}: the organization {described['Id']} has no such organizational unit",
                    "give the full path from the root: /production/web") from None
            for account in get_accounts_for_ou(client, unit, active=False):
                found[account["Id"]] = _member(account)
    except AWS_ERRORS as error:
        raise GuardrailsError(
            f"the organization cannot be read: {reason_of(error)}",
            "use credentials of its management account or of a delegated administrator, with organizations:Describe* "
            "and organizations:List*") from None
    return Organization(str(described["Id"]), str(described["MasterAccountId"]), tuple(found.values()))


def _member(account: Mapping[str, Any]) -> OrganizationMember:
    # Status is the older name of State, and some regions have only one of them.
    state = str(account.get("State") or account.get("Status") or "of unknown state")
    path = "/" + str(account["Path"]).strip("/")
    return OrganizationMember(
        str(account["Id"]), str(account["Name"]), str(account["Email"]), state, str(account["Arn"]), path,
        dict(account["Tags"]))
