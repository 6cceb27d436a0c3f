"""`iam`: the least that each role must be allowed, as JSON and as CloudFormation templates."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from custom_actions.names import DEPLOY_ROLE, DOCTOR_ROLE, FUNCTION_ROLE, HEAL_ROLE, RESPONDER_ROLE, SWEEP_ROLE

from ..accounts import Response, response_of
from ..deployment import as_deployed
from ..policies import Policy
from .options import output_option, policies_option, selection_options


@click.command()
@click.option(
    "-c", "--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help="accounts.yml, for its vars. [default: the policies' own parameters]",
)
@click.option(
    "-r", "--region", "regions", multiple=True, metavar="REGION",
    help="A region in which the policies run; may be repeated. [default: no limit]",
)
@selection_options
@policies_option
@click.option(
    "--reports", metavar="S3URL", help="Where functions on a schedule leave what they find; as for `deploy`.")
@click.option("--securityhub", is_flag=True, help="The sweep role also imports into Security Hub.")
@click.option("--partition", default="aws", show_default=True, metavar="NAME", help="For the JSON; templates ask AWS.")
@click.option("--account", default="*", metavar="ID", help="The account in the JSON's ARNs. [default: any]")
@click.option("--at-most", default=10, show_default=True, metavar="N", help="Managed policies that AWS takes a role.")
@output_option
def iam(
    config: Path | None, regions: tuple[str, ...], names: tuple[str, ...], services: tuple[str, ...],
    severities: tuple[str, ...], directory: Path, reports: str | None, securityhub: bool, partition: str, account: str,
    at_most: int, output: str | None,
) -> None:
    """Write the least that each role must be allowed: each function's, the sweep's, the healing one's, the responder's,
    those of deploy and doctor, the hub's.

    Asks no AWS. -c is read for its `vars`: parameters switch calls on, and a policy whose profile no account has
    chosen needs nothing, unless it is named. Where every account in it says `guardrails: respond`, functions may change
    nothing. --region limits what is called region by region to these.

    \b
    Example:
      ./run.sh iam -o output/iam
      ./run.sh iam -c accounts.yml --region eu-west-1 --region us-east-1 --reports s3://central-reports/guardrails
    """

    from ..errors import GuardrailsError
    from ..paths import output_directory, write_json
    from ..policies import Selection, load
    from ..runs import S3Url, with_output
    from ..stacks import (
        IamRole,
        document,
        documents,
        file_names,
        filled,
        functions,
        grants,
        members,
        of_deploy,
        of_doctor,
        of_function,
        of_hub,
        of_responder,
        of_securityhub,
        of_sweep,
        size,
    )
    from .console import out, table

    variables, words = _asked(config)
    chosen = Selection(names, services, severities).choose(load(directory))
    policies = [policy for policy in chosen if policy.name in names or _is_on(policy, variables)]
    if not policies:
        raise GuardrailsError("no policy that is on meets the criteria", "name one with --policy, or see --help")
    only = () if "all" in regions else tuple(part.strip() for given in regions for part in given.split(","))
    swept = [policy for policy in policies if policy.sweeps]
    place = S3Url.parse(reports) if reports else None
    deployed = [with_output(policy, place) if place else policy for policy in policies if policy.deploys]
    healing = [policy for policy in swept if policy.heals]
    answered = [policy for policy in policies if policy.deploys and policy.heals and Response.RESPOND in words]
    # One role for all accounts: it may do what functions do in any of them.
    form = Response.RESPOND if words == {Response.RESPOND} else Response.HEAL
    deployed = [as_deployed(policy, form) for policy in deployed]

    by_function = {policy.function: of_function(policy, variables) for policy in deployed}
    shared = [need for policy in deployed for need in of_function(policy, variables, shared=True)]
    sweep = of_sweep(swept, variables, heal=False) + (of_securityhub() if securityhub else [])
    fixes = of_sweep(healing, variables, heal=True)
    every = [
        (IamRole(key, name, description, documents(grants(need, only), role=name, at_most=at_most), hub), need)
        for key, name, description, need, hub in (
            ("Sweep", SWEEP_ROLE, "audit: reads what the policies judge", sweep, True),
            ("Heal", HEAL_ROLE, "heal: reads, and runs the fixes", fixes, True),
            ("Function", FUNCTION_ROLE, "every function of the policies", shared, False),
            ("Respond", RESPONDER_ROLE, "the responder: reads, and runs the fixes of all policies",
             of_responder(answered, variables), False),
            ("Deploy", DEPLOY_ROLE, "deploy, undeploy: the functions and what starts them", of_deploy(deployed), True),
            ("Doctor", DOCTOR_ROLE, "doctor: reads what is deployed", of_doctor(), True),
        )
        if {"Sweep": swept, "Heal": healing, "Respond": answered}.get(key, deployed)
    ]
    target = output_directory(output, "iam")
    rows: list[tuple[object, ...]] = []

    def put(stem: str, found: Sequence[Mapping[str, Any]]) -> None:
        for file, one in zip(file_names(stem, len(found)), found, strict=True):
            write_json(target / file, filled(one, partition=partition, account=account))

    for role, need in every:
        put(role.key.lower(), role.documents)
        rows.append((role.name, len({one.action for one in need}), len(role.documents),
                     ", ".join(str(size(one)) for one in role.documents)))
    own = {name: document(grants(need, only)) for name, need in by_function.items()}
    for name, one in own.items():
        put(f"functions/{name}", [one])
    put("hub", [document(grants(of_hub([role.name for role, _ in every if role.hub])))])
    write_json(target / "member.template.json", members([role for role, _ in every]))
    templates = functions(own)
    for file, template in zip(file_names("functions", len(templates), ".template.json"), templates, strict=True):
        write_json(target / file, template)
    write_json(target / "permissions.json", {
        role.name: _reasons(need) for role, need in every
    } | {f"function {name}": _reasons(need) for name, need in by_function.items()})
    console = out()
    console.print(table("Roles", ("role", "actions", "policies", "characters"), rows))
    largest = max((size(one) for one in own.values()), default=0)
    console.print(f"{len(own)} functions' own roles, at most {largest} characters")
    if off := len(chosen) - len(policies):
        console.print(f"{off} policies left out: their profile is not chosen (vars in accounts.yml)")
    click.echo(f"written: {target}")


def _asked(config: Path | None) -> tuple[list[Mapping[str, Any]], set[Response]]:
    """The different `vars` under which the policies run, and what functions may do; anything without accounts.yml."""
    if config is None:
        return [{}], set(Response)
    from ..accounts import listed_accounts, refuse_invalid_responses

    # Regions are not asked of the file: accounts may have `all`.
    accounts = listed_accounts(config, ("us-east-1",))
    refuse_invalid_responses(accounts.all, config)
    return accounts.different_vars(), {response_of(account) for account in accounts.all}


def _is_on(policy: Policy, variables: Iterable[Mapping[str, Any]]) -> bool:
    from ..policies import conditions_hold

    return not policy.metadata.get("profile") or any(
        conditions_hold(policy, account="000000000000", region="us-east-1", variables=given) for given in variables)


def _reasons(needs: Iterable[Any]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for need in needs:
        found.setdefault(need.action, set()).add(need.by)
    return {action: sorted(found[action]) for action in sorted(found)}
