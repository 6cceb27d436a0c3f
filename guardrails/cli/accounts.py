"""`accounts`: write accounts.yml from AWS Organizations."""
from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..accounts import DEFAULT_ROLE
from ..command import command
from .options import json_option, talk_options

if TYPE_CHECKING:
    from ..accounts import OrganizationFile


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
@click.option("--ou", "units", multiple=True, metavar="PATH",
              help="Only this organizational unit, with everything below it.")
@click.option("--exclude", multiple=True, metavar="ID", help="Leave this account out.")
@click.option("--active-only", is_flag=True, help="Leave out accounts that are suspended or not yet active.")
@click.option("--force", is_flag=True, help="Replace an existing file; what was added to it by hand is kept.")
@json_option()
@talk_options
def accounts(
    output: Path, role: str, regions: tuple[str, ...], units: tuple[str, ...], exclude: tuple[str, ...],
    active_only: bool, force: bool, as_json: bool,
) -> None:
    """Write accounts.yml from AWS Organizations.

    Needs credentials of the organization's management account or of a delegated administrator. Without
    --active-only, the file also holds suspended accounts, which an audit reports as not reachable.

    \b
    Example:
      {command} accounts --active-only --region eu-central-1 --region us-east-1
      {command} accounts --ou /production --role security-audit -o production.yml
    """
    from ..accounts import ManualSettings, check_regions, manual_settings, organization_file, read_organization
    from ..errors import GuardrailsError
    from ..paths import write_text
    from .console import print_json

    check_regions(regions)
    if output.exists() and not force:
        raise GuardrailsError(f"{output} already exists", "write another file with -o, or replace it with --force")
    manual = manual_settings(output) if output.exists() else ManualSettings()
    file = organization_file(
        read_organization(units), manual, role=role, regions=regions, exclude=exclude, active_only=active_only)
    written_by = command(shlex.join([
        "accounts", "-o", str(output), "--role", role, *_repeated("--region", regions),
        *_repeated("--ou", units), *_repeated("--exclude", exclude), *(["--active-only"] if active_only else []),
    ]))
    write_text(output, file.text(command=written_by, when=datetime.now(UTC)))
    if as_json:
        print_json({"files": [output], **file.to_dict()})
    else:
        _report(file, output)


def _report(file: OrganizationFile, output: Path) -> None:
    """What was written, what is missing from it, and what needs attention."""
    click.echo(f"wrote {len(file.entries)} accounts of the organization {file.organization.id} to {output}")
    for number, settings in file.dropped.items():
        click.echo(f"no longer in the file: {number}, and its settings {', '.join(settings)}")
    for member, reason in file.selection.left_out:
        click.echo(f"left out: {member}, {reason}")
    for member in file.selection.selected:
        if not member.active:
            click.echo(f"not active: {member} is {member.shown_state}; --active-only leaves it out")
        if member.id == file.organization.management:
            click.echo(f"note: {member} is the management account; AWS creates no {DEFAULT_ROLE} in it")


def _repeated(option: str, values: Sequence[str]) -> list[str]:
    return [part for value in values for part in (option, value)]
