"""`accounts`: accounts.yml from AWS Organizations, so that no account is forgotten because nobody wrote it down.

The organization is walked by c7n-org's own functions. Here it is seen to that every account ends in the file or is
named with the reason why not, and that the file is one that c7n-org and our verbs take as it is: names that can be
directories and differ, ids in quotes, roles in the organization's own partition.
"""
from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from ..errors import GuardrailsError

DEFAULT_ROLE = "OrganizationAccountAccessRole"
_ACTIVE = "ACTIVE"


@dataclass(frozen=True)
class Member:
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
        return f"{_shown(self.name)} ({self.id})"


@dataclass(frozen=True)
class Organization:
    """An organization, as far as it was asked for."""

    id: str
    management: str
    """The id of its management account."""
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Chosen:
    """Which accounts go into the file."""

    taken: tuple[Member, ...]
    left_out: tuple[tuple[Member, str], ...]
    """Each with the reason."""


def choose(organization: Organization, *, exclude: Sequence[str], active_only: bool) -> Chosen:
    """Sort the accounts into those that are taken and those that are not.

    Raises GuardrailsError when an excluded id is no account of the organization: a typing error would let one in.
    """
    ids = {member.id for member in organization.members}
    if strange := [number for number in exclude if number not in ids]:
        raise GuardrailsError(
            f"--exclude {', '.join(strange)}: no such account in what was asked for", "ids have 12 digits")
    taken, left_out = [], []
    for member in sorted(organization.members, key=lambda member: (member.path, member.name, member.id)):
        if member.id in exclude:
            left_out.append((member, "excluded"))
        elif active_only and member.state != _ACTIVE:
            left_out.append((member, member.state.lower().replace("_", " ")))
        else:
            taken.append(member)
    return Chosen(tuple(taken), tuple(left_out))


def entries(members: Sequence[Member], *, organization: str, role: str, regions: Sequence[str]) -> list[dict[str, Any]]:
    """The accounts as accounts.yml has them.

    `role` is a role's name, or an ARN in which `{Id}` stands for the account's id. The tags are those that c7n-org
    itself would give: the path of the organizational unit, step by step, and the account's own. Its own tags do not
    become `vars`, as they do with c7n-org, for there a tag would silently overrule a policy's parameter.
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


_OURS = ("account_id", "name", "display_name", "email", "org_id", "role", "tags")
"""What `entries` writes; whatever else an entry has was written by a person."""


@dataclass(frozen=True)
class ByHand:
    """What people have written into an accounts.yml."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    """The file's `vars`."""
    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By the account's id: `guardrails`, `vars`, `external_id`, `regions` and the like."""


def by_hand(file: Path) -> ByHand:
    """What is to stay of the file when it is written anew. Raises GuardrailsError when it is no accounts.yml."""
    from ..yamlfile import YamlError, read

    try:
        data = read(file).data
    except YamlError as error:
        raise GuardrailsError(
            f"{file}:{error.line}: {error.message}", "mend it, or write another file with -o") from None
    listed = data.get("accounts") if isinstance(data, Mapping) else None
    if not isinstance(listed, list) or not all(isinstance(entry, Mapping) for entry in listed):
        raise GuardrailsError(f"{file} is no accounts.yml: what is in it would be lost", "write another file with -o")
    return ByHand(data.get("vars") or {}, {
        str(entry.get("account_id")): extra for entry in listed
        if (extra := {key: value for key, value in entry.items() if key not in _OURS})
    })


def _role_of(member: Member, role: str) -> str:
    if role.startswith("arn:"):
        return role.replace("{Id}", member.id)
    partition = member.arn.split(":")[1] if member.arn.count(":") > 1 else "aws"
    return f"arn:{partition}:iam::{member.id}:role/{role.replace('{Id}', member.id)}"


def _path_tags(path: str) -> Iterator[str]:
    steps = path.strip("/").split("/")
    for index in range(len(steps)):
        yield "path:/" + "/".join(steps[:index + 1])


def _names(members: Sequence[Member]) -> dict[str, str]:
    """A name for each account that can be a directory's, and that no other has, on any file system."""
    names = {
        member.id: "".join(c if c.isprintable() and c not in "/\\" else "-" for c in member.name).strip()
        for member in members
    }
    names = {number: number if name in ("", ".", "..") else name for number, name in names.items()}
    # A name with an id at its end may be another account's own name: until no two are the same.
    while shared := {name for name, times in Counter(map(str.casefold, names.values())).items() if times > 1}:
        names = {
            number: f"{name}-{number}" if name.casefold() in shared else name for number, name in names.items()
        }
    return names


def render(
    accounts: Sequence[Mapping[str, Any]], organization: Organization, *, command: str, when: datetime,
    left_out: Sequence[tuple[Member, str]], variables: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """The text of accounts.yml: a head that says where it comes from, `vars` for all accounts, and the accounts."""
    lines = [
        f"# {len(accounts)} accounts of the organization {organization.id}, read on {when:%Y-%m-%d %H:%M} UTC with",
        f"#   {_shown(command)}",
        "# Accounts that were added or closed since then are not in it: run it again, with --force.",
        *(f"# Left out: {member}, {reason}" for member, reason in left_out),
        *([_yaml({"vars": dict(variables)})] if variables else []),
        "accounts:",
    ]
    for account in accounts:
        if account["account_id"] == organization.management:
            lines += [
                "# The management account. AWS makes no OrganizationAccountAccessRole in it: name a role that you made",
                "# there.",
            ]
        lines.append(_yaml([{**account, "account_id": _Quoted(account["account_id"])}]))
    return "\n".join(lines) + "\n"


class _Quoted(str):
    """A text that YAML has in quotes; without them 012345678901 is a number to some readers."""

    __slots__ = ()


def _yaml(data: Any) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def quoted(dumper: Any, text: str) -> Any:
        # Other than in double quotes, YAML folds what it takes for the end of a line (U+0085).
        style = "'" if isinstance(text, _Quoted) else None if text.isprintable() else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=style)

    Dumper.add_representer(str, quoted)
    Dumper.add_representer(_Quoted, quoted)
    return str(yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000)).rstrip("\n")


def _shown(text: str) -> str:
    """A text in one line, whatever is in it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def find(units: Sequence[str], *, client: Any = None) -> Organization:
    """The organization of the current credentials: all of it, or the subtrees of these units (`/production/web`).

    Raises GuardrailsError when there is no organization, no permission, or no such unit.
    """
    import boto3
    from botocore.config import Config
    from c7n_org.orgaccounts import get_accounts_for_ou, get_ou_from_path

    from ..accounts import AWS_ERRORS, reason_of

    try:
        # The organization is in no region, and asked account by account it throttles easily.
        client = client or boto3.Session().client(
            "organizations", region_name=boto3.Session().region_name or "us-east-1",
            config=Config(retries={"mode": "adaptive", "max_attempts": 10}))
        described = client.describe_organization()["Organization"]
        found: dict[str, Member] = {}
        for path in units or ("/",):
            try:
                unit = get_ou_from_path(client, path)
            except ValueError:
                raise GuardrailsError(
                    f"--ou {path}: the organization {described['Id']} has no such organizational unit",
                    "give the names from the root on: /production/web") from None
            for account in get_accounts_for_ou(client, unit, active=False):
                found[account["Id"]] = _member(account)
    except AWS_ERRORS as error:
        raise GuardrailsError(
            f"the organization cannot be read: {reason_of(error)}",
            "use credentials of its management account or of a delegated administrator, with organizations:Describe* "
            "and organizations:List*") from None
    return Organization(str(described["Id"]), str(described["MasterAccountId"]), tuple(found.values()))


def _member(account: Mapping[str, Any]) -> Member:
    # Status is the older name of State, and some regions have only one of them.
    state = str(account.get("State") or account.get("Status") or "of unknown state")
    path = "/" + str(account["Path"]).strip("/")
    return Member(
        str(account["Id"]), str(account["Name"]), str(account["Email"]), state, str(account["Arn"]), path,
        dict(account["Tags"]))


@click.command()
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("accounts.yml"), metavar="FILE",
    show_default=True, help="The file to write.",
)
@click.option(
    "--role", default=DEFAULT_ROLE, show_default=True, metavar="NAME",
    help="The role to assume in each account: a name, or an ARN with {Id} for the account's id.",
)
@click.option("-r", "--region", "regions", multiple=True, metavar="REGION", help="Regions of every account.")
@click.option("--ou", "units", multiple=True, metavar="PATH", help="Only this organizational unit and what is below.")
@click.option("--exclude", multiple=True, metavar="ID", help="Leave this account out.")
@click.option("--active-only", is_flag=True, help="Leave out accounts that are suspended or not yet active.")
@click.option("--force", is_flag=True, help="Write the file anew when it is there; what was added by hand stays.")
def accounts(
    output: Path, role: str, regions: tuple[str, ...], units: tuple[str, ...], exclude: tuple[str, ...],
    active_only: bool, force: bool,
) -> None:
    """Write accounts.yml from AWS Organizations.

    Needs credentials of the organization's management account or of a delegated administrator. Without
    --active-only suspended accounts are in the file too, and an audit reports that there was no way into them.

    \b
    Example:
      ./run.sh accounts --active-only --region eu-central-1 --region us-east-1
      ./run.sh accounts --ou /production --role security-audit -o production.yml
    """
    from ..paths import write_text

    if output.exists() and not force:
        raise GuardrailsError(f"{output} is there already", "write another file with -o, or replace it with --force")
    before = by_hand(output) if output.exists() else ByHand()
    organization = find(units)
    chosen = choose(organization, exclude=exclude, active_only=active_only)
    if not chosen.taken:
        raise GuardrailsError(
            f"no account is left to write: {len(chosen.left_out)} were left out", "widen --ou, or leave out fewer")
    written = [
        {**entry, **before.entries.get(entry["account_id"], {}), **({"regions": list(regions)} if regions else {})}
        for entry in entries(chosen.taken, organization=organization.id, role=role, regions=regions)]
    command = shlex.join([
        "./run.sh", "accounts", "-o", str(output), "--role", role, *_repeated("--region", regions),
        *_repeated("--ou", units), *_repeated("--exclude", exclude), *(["--active-only"] if active_only else []),
    ])
    write_text(output, render(
        written, organization, command=command, when=datetime.now(UTC), left_out=chosen.left_out,
        variables=before.variables))
    click.echo(f"{len(written)} accounts of the organization {organization.id} are in {output}")
    for number in sorted(before.entries.keys() - {entry["account_id"] for entry in written}):
        click.echo(f"no longer in it: {number}, and with it {', '.join(before.entries[number])}")
    for member, reason in chosen.left_out:
        click.echo(f"left out: {member}, {reason}")
    for member in chosen.taken:
        if member.state != _ACTIVE:
            click.echo(f"not active: {member} is {member.state.lower().replace('_', ' ')}; --active-only leaves it out")
        if member.id == organization.management:
            click.echo(f"note: {member} is the management account; AWS makes no {DEFAULT_ROLE} in it")


def _repeated(option: str, values: Sequence[str]) -> list[str]:
    return [part for value in values for part in (option, value)]
