"""`iam`: write the least-privilege IAM policies of each role, as JSON and as CloudFormation templates."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import json_option, output_option, policies_option, selection_options, talk_options

if TYPE_CHECKING:
    from ..accounts import Response
    from ..policies import PolicySources
    from ..stacks import NeededRoles


@click.command()
@click.option(
    "-c", "--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help="accounts.yml, for its `vars`. [default: the policies' own parameters]",
)
@click.option(
    "-r", "--region", "regions", multiple=True, metavar="REGION",
    help="A region in which the policies run; may be repeated. [default: all regions]",
)
@selection_options
@policies_option
@click.option(
    "--reports", metavar="S3URL", help="Where functions on a schedule write their findings; as for `deploy`.")
@click.option("--securityhub", is_flag=True, help="Let the sweep role also import findings into Security Hub.")
@click.option("--partition", default="aws", show_default=True, metavar="NAME",
              help="The partition in the JSON's ARNs; the templates use the stack's.")
@click.option("--account", default="*", metavar="ID", help="The account in the JSON's ARNs. [default: any]")
@click.option("--at-most", default=10, show_default=True, metavar="N",
              help="How many managed policies AWS allows for one role.")
@output_option
@json_option()
@talk_options
def iam(
    config: Path | None, regions: tuple[str, ...], names: tuple[str, ...], services: tuple[str, ...],
    severities: tuple[str, ...], excluded: tuple[str, ...], policy_sources: PolicySources, reports: str | None,
    securityhub: bool, partition: str, account: str, at_most: int, output: str | None,
    as_json: bool,
) -> None:
    """Write the least-privilege permissions of each role: of the functions, of sweeps, of healing, of the responder,
    of deploy and doctor, and of the hub.

    Does not call AWS. -c is read for its `vars`: parameters can add calls, and a policy whose profile no account
    chooses needs no permissions, unless it is selected by name. If every account in it says `guardrails: respond`,
    the functions may change nothing. --region limits regional calls to these regions.

    \b
    Example:
      {command} iam -o output/iam
      {command} iam -c accounts.yml --region eu-west-1 --reports s3://central-reports/guardrails
    """
    from ..accounts import S3Url, check_regions
    from ..errors import GuardrailsError
    from ..paths import output_directory, write_json
    from ..policies import Selection
    from ..stacks import RoleRequest, in_force, needed_roles
    from .console import print_json

    check_regions(regions)
    variables, responses = _settings(config)
    chosen = Selection(names, services, severities, excluded).choose(policy_sources.load())
    policies = in_force(chosen, names, variables)
    if not policies:
        raise GuardrailsError(
            "no policy that is in force matches the selection", "name one with --policy, or see --help")
    roles = needed_roles(RoleRequest(
        policies, variables, responses, S3Url.parse(reports) if reports else None, securityhub,
        () if "all" in regions else tuple(part.strip() for given in regions for part in given.split(",")), at_most))
    files = list(roles.files(partition=partition, account=account))
    target = output_directory(output, "iam")
    written = [write_json(target / file, content) for file, content in files]
    off = len(chosen) - len(policies)
    if as_json:
        print_json({
            "files": written, "roles": _rows(roles), "function_roles": len(roles.own), "largest": roles.largest,
            "policies_left_out": off})
    else:
        _show(roles, off=off)
        click.echo(f"written to {target}")


def _settings(config: Path | None) -> tuple[list[Mapping[str, Any]], frozenset[Response]]:
    """The distinct `vars` of the accounts, and what functions may do there; without accounts.yml, anything."""
    from ..accounts import Response, listed_accounts, response_of

    if config is None:
        return [{}], frozenset(Response)
    # The regions do not matter here; without one, an account with the region `all` would be an error.
    accounts = listed_accounts(config, ("us-east-1",))
    return accounts.different_vars(), frozenset(response_of(account) for account in accounts.all)


def _rows(roles: NeededRoles) -> list[dict[str, Any]]:
    """Each shared role, with how many actions it allows, and the characters of each of its policies."""
    from ..stacks import size

    return [{"role": each.role.name, "actions": each.actions, "characters": [size(one) for one in each.role.documents]}
            for each in roles.shared]


def _show(roles: NeededRoles, *, off: int) -> None:
    """A table of the roles, and what is not in it; `off` policies were left out."""
    from .console import out, table

    console = out()
    console.print(table("Roles", ("role", "actions", "policies", "characters"), [
        (each["role"], each["actions"], len(each["characters"]), ", ".join(map(str, each["characters"])))
        for each in _rows(roles)
    ]))
    console.print(f"{len(roles.own)} roles for single functions, at most {roles.largest} characters each")
    if off:
        console.print(f"{off} policies left out: no account chooses their profile (`vars` in accounts.yml)")
