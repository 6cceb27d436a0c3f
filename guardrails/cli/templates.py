"""`templates`: write the CloudFormation templates of everything that functions need around them."""
from __future__ import annotations

from pathlib import Path

import click

from .options import output_option, policies_option


@click.command()
@click.option(
    "-c", "--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help="accounts.yml. If an account's entry has `guardrails-hub: REGION`, the templates of the hub and its "
         "members are written, too.",
)
@policies_option
@output_option
def templates(config: Path | None, directory: Path, output: str | None) -> None:
    """Write CloudFormation templates: the compliance topic, the mailer, and the two sides of a central deployment.

    Does not call AWS. With a hub in accounts.yml, it also prints how many functions and rules a central deployment
    saves.

    \b
    Example:
      ./run.sh templates -o output/templates
      ./run.sh templates -c accounts.yml -o output/templates
    """
    from ..accounts import listed_accounts
    from ..paths import output_directory, write_json
    from ..policies import load
    from ..stacks import deployment_sizes, templates_for
    from .console import out, table

    target = output_directory(output, "templates")
    policies = load(directory)
    accounts = listed_accounts(config, ()) if config else None
    found = templates_for(policies, accounts)
    if accounts and (sizes := deployment_sizes(policies, accounts)):
        out().print(table("Realtime policies", ("deployed", "functions", "event rules", "forwarding rules"), [
            (each.where, each.functions, each.rules, each.forwarding_rules) for each in sizes]))
    for name, template in found.items():
        write_json(target / f"{name}.template.json", template)
    click.echo(f"written to {target}")
