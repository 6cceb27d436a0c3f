"""`undeploy`: remove deployed functions that no policy needs any more, and verify that they are gone."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import (
    INCOMPLETE,
    account_options,
    json_option,
    output_option,
    policies_option,
    policy_names_option,
    talk_options,
    yes_option,
)

if TYPE_CHECKING:
    from ..accounts import AccountChoice
    from ..deployment import RemovalPlan, RemovalReport
    from ..policies import PolicySources


@click.command()
@click.argument("names", nargs=-1, metavar="[POLICY]...")
@policy_names_option
@account_options
@policies_option
@click.option("--keep-logs", is_flag=True, help="Keep the functions' log groups: they hold the receipts of fixes.")
@output_option
@yes_option
@json_option("Without --yes, the result is the plan, and nothing is asked or removed.")
@talk_options
def undeploy(
    names: tuple[str, ...], config: Path | None, regions: tuple[str, ...], choice: AccountChoice,
    policy_sources: PolicySources, keep_logs: bool, output: str | None, yes: bool, as_json: bool,
) -> None:
    """Remove deployed functions that no policy needs any more, or the functions of POLICY (names or globs).

    Removes event rules and their targets, Config rules, schedules, functions with their permissions, and log groups.
    Where no function is left, it also removes the state table, and the dead-letter queue if it holds no event.
    Only functions that this project deployed are removed; they have its tags and its names. Shows the resources to
    remove, and functions that have only our tags or only our name, and asks for confirmation; in a script, nothing is
    removed without --yes. Without a name, it refuses if --policies seems to contain only a part of the deployed
    policies. Afterwards it verifies the result. Exits with 2 if something still exists or could not be read.

    \b
    Example:
      {command} undeploy -c accounts.yml                    # functions whose policy is gone
      {command} undeploy security-group-admin-ports-revert --yes
      {command} undeploy '*' -c accounts.yml --region all   # everything
    """
    import sys

    from ..accounts import find_accounts
    from ..deployment import removal
    from ..paths import output_directory, write_json
    from .console import confirm, print_json

    policies = policy_sources.load()
    removal.refuse_part_without_names(names, policy_sources)
    accounts = find_accounts(config, regions, choice)
    plan = removal.plan_removal(
        accounts, policies, policy_sources, names, declared=config is not None, keep_logs=keep_logs)
    asks = not yes and not as_json and sys.stdin.isatty()
    _show_plan(plan, needed=not (yes or as_json))
    code = INCOMPLETE if plan.unknown else 0
    if as_json and not yes:
        print_json(plan.to_dict())
        raise SystemExit(code)
    if not plan.number and as_json:
        print_json(removal.RemovalReport((), (), plan.unknown).to_dict())
        raise SystemExit(code)
    if not plan.number:
        click.echo("INCOMPLETE: nothing to remove, but not everything could be read" if plan.unknown
                   else "COMPLETE: nothing to remove")
        raise SystemExit(code)
    number = plan.number
    if not yes and not asks:
        click.echo(f"{number} resources would be removed; add --yes to remove them")
        raise SystemExit(code)
    confirm(f"Remove these {number} resources?", yes=yes)
    target = output_directory(output, "undeploy")
    report = removal.carry_out(plan)
    written = write_json(target / "undeploy.json", report.to_dict())
    if as_json:
        print_json(report.to_dict())
    else:
        _show_report(report, number)
        click.echo(f"report: {written}")
    raise SystemExit(0 if report.complete else INCOMPLETE)


def _show_plan(plan: RemovalPlan, *, needed: bool) -> None:
    """The plan on standard error: a table of what would be removed, what is left alone, and what is unknown.

    `needed`: whether --quiet must not hide it: a question about it follows, or it is all that the verb does.
    """
    from .console import err, table, talk, text

    console = err() if needed else talk()
    if plan.number:
        console.print(table(
            "To be removed", ("resource", "account", "region", "policy", "name"),
            [(each.kind, each.function.account, each.function.region, each.function.policy, each.name)
             for each in plan.leftovers]
            + [(each.kind.value, each.account, each.region, "", each.kind.resource) for each in plan.shared],
        ))
    for (account, region), note in plan.kept:
        console.print(text(f"left alone in account {account}, {region}: {note}"))
    for function, note in plan.notes:
        console.print(text(f"left alone in account {function.account}, {function.region}: {note}"))
    for line in plan.unknown:
        click.echo(f"unknown: {line}", err=True)


def _show_report(report: RemovalReport, number: int) -> None:
    """The first line, a table of what is left of the `number` resources, and what is unknown."""
    from .console import out, table, text

    word, style = ("COMPLETE", "green") if report.complete else ("INCOMPLETE", "bold red")
    console = out()
    console.print(text(f"{word}: {report.number} of {number} removed", style))
    if report.left or report.left_shared:
        console.print(table(
            "Left", ("resource", "account", "region", "name", "reason"),
            [(each.kind, each.function.account, each.function.region, each.name, reason)
             for each, reason in report.left]
            + [(each.kind.value, each.account, each.region, each.kind.resource, reason)
               for each, reason in report.left_shared]))
    for problem in report.unknown:
        click.echo(f"unknown: {problem}")
