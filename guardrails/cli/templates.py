"""`templates`: what functions need around them, as CloudFormation templates."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import output_option, policies_option

if TYPE_CHECKING:
    from ..accounts import Account, Accounts
    from ..policies import Policy


@click.command()
@click.option(
    "-c", "--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help="accounts.yml; with `guardrails-hub: REGION` in an account's entry, the templates of both sides are written.",
)
@policies_option
@output_option
def templates(config: Path | None, directory: Path, output: str | None) -> None:
    """Write CloudFormation templates: the compliance topic, the mailer, and a central deployment's two sides.

    Asks no AWS. With a hub in accounts.yml it also prints what a central deployment saves, and what it costs.

    \b
    Example:
      ./run.sh templates -o output/templates
      ./run.sh templates -c accounts.yml -o output/templates
    """
    from ..accounts import listed_accounts
    from ..deployment import hub_of
    from ..paths import output_directory, write_json
    from ..policies import load
    from ..stacks import compliance, hub_template, mailer, member_template
    from .console import out, table

    target = output_directory(output, "templates")
    found: dict[str, Mapping[str, Any]] = {"compliance": compliance(), "mailer": mailer()}
    policies = load(directory)
    accounts = listed_accounts(config, ()) if config else None
    if accounts and (hub := hub_of(accounts.all)):
        found |= {"hub": hub_template(), "member": member_template(policies, hub, accounts.different_vars())}
        console = out()
        console.print(table("Realtime policies", ("deployed", "functions", "their rules", "rules that send on"),
                            costs(policies, accounts)))
    for name, template in found.items():
        write_json(target / f"{name}.template.json", template)
    click.echo(f"written: {target}")


def costs(policies: list[Policy], accounts: Accounts) -> list[tuple[str, int, int, int]]:
    """How many functions and event rules the realtime policies are, in each account and with the hub."""
    from dataclasses import replace

    from ..deployment import answered_centrally, regions_for
    from ..stacks import patterns

    def functions(account: Account) -> int:
        return sum(len(regions_for(policy, account)) for policy in answered)

    answered = [policy for policy in policies if answered_centrally(policy, accounts.all[0])]
    apart = sum(functions(replace(account, hub=None)) for account in accounts.all)
    together = sum(functions(account) for account in accounts.all)
    sending = len(patterns(answered)) * sum(
        (account.hub is not None and (account.id, region) != (account.hub.account, account.hub.region))
        for account in accounts.all for region in account.regions)
    return [("in each account", apart, apart, 0), ("in the hub", together, together, sending)]
