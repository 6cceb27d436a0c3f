"""`templates`: write the templates of everything that functions need around them, and what protects them."""
from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import json_option, output_option, policies_option, talk_options

if TYPE_CHECKING:
    from ..policies import PolicySources


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "-c", "--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help="accounts.yml. If an account's entry has `guardrails-hub: REGION`, the templates of the hub and its "
         "members are written, too.",
)
@click.option("--operator", "operators", multiple=True, metavar="ROLE",
              help="A role that may change our resources, by name or glob; may be repeated. "
                   "[default: guardrails-deploy, and the roles of stack sets]")
@click.option("--partition", default="aws", show_default=True, metavar="NAME",
              help="The partition in the ARNs of the two policies; the templates use the stack's.")
@click.option("--archive", is_flag=True,
              help="Also write guardrails-worker.zip, the archive of the functions of `sweep`, from this Python "
                   "environment.")
@policies_option
@output_option
@json_option()
@talk_options
def templates(
    names: tuple[str, ...], config: Path | None, operators: tuple[str, ...], partition: str, archive: bool,
    policy_sources: PolicySources, output: str | None, as_json: bool,
) -> None:
    """Write CloudFormation templates: the compliance topic, the mailer, a nightly audit, sweeps on Step Functions, and
    the two sides of a central deployment. NAME is compliance, mailer, schedule (the nightly audit), sweep, hub or
    member; the default is all of them.

    Without NAME, also writes a service control policy and a permissions boundary. Only the roles of --operator can then
    change this project's functions, roles, rules, topics and other resources.

    Does not call AWS. With a hub in accounts.yml, it also prints how many functions and rules a central deployment
    saves.

    \b
    Example:
      {command} templates -o output/templates
      {command} templates -c accounts.yml -o output/templates
      {command} templates schedule -o output/schedule
      {command} templates sweep --archive -o output/sweep
    """
    from ..accounts import listed_accounts
    from ..distributed import write_archive
    from ..errors import GuardrailsError
    from ..paths import output_directory, write_json
    from ..stacks import OPERATORS, deployment_sizes, permissions_boundary, service_control_policy, templates_for
    from ..suggest import nearest
    from .console import out, print_json, table

    if archive and names and "sweep" not in names:
        raise click.UsageError("--archive is for the template sweep")
    policies = policy_sources.load()
    accounts = listed_accounts(config, ()) if config else None
    found = templates_for(policies, accounts)
    for name in names:
        if name not in found:
            raise GuardrailsError(f"there is no template {name}", nearest(name, found, give_all=True))
    target = output_directory(output, "templates")
    sizes = deployment_sizes(policies, accounts) if accounts and not names else []
    if sizes and not as_json:
        out().print(table("Realtime policies", ("deployed", "functions", "event rules", "forwarding rules"), [
            (each.where, each.functions, each.rules, each.forwarding_rules) for each in sizes]))
    files: dict[str, Any] = {f"{name}.template.json": found[name] for name in names or found}
    if not names:
        allowed = operators or OPERATORS
        files["service-control-policy.json"] = service_control_policy(partition, allowed)
        files["permissions-boundary.json"] = permissions_boundary(partition, allowed)
    written = [write_json(target / name, content) for name, content in files.items()]
    if archive:
        written.append(target / "guardrails-worker.zip")
        write_archive(written[-1])
    if as_json:
        print_json({"files": written, "realtime": [asdict(each) for each in sizes]})
    else:
        click.echo(f"written to {target}")
