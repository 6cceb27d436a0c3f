"""`undeploy`: take away what was deployed and nothing wants any more, and see that it is gone."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import INCOMPLETE, account_options, output_option, policies_option, yes_option

if TYPE_CHECKING:
    from ..deployment import Thing


@click.command()
@click.argument("names", nargs=-1, metavar="[POLICY]...")
@account_options
@policies_option
@click.option("--keep-logs", is_flag=True, help="Leave the functions' log groups: they hold the receipts of fixes.")
@output_option
@yes_option
def undeploy(
    names: tuple[str, ...], config: Path | None, regions: tuple[str, ...], directory: Path, keep_logs: bool,
    output: str | None, yes: bool,
) -> None:
    """Remove functions of policies that are gone, or those of POLICY (names or globs), with what belongs to them.

    Event rules and their targets, Config rules, schedules, functions with their permissions, and log groups. Only what
    this project deployed, by the functions' tags. Shows what would go, and asks; in a script nothing is removed without
    --yes. Without a name it refuses when the policies look like a part of those that are deployed. Afterwards it looks
    again. Exits with 2 when something is left or could not be asked.

    \b
    Example:
      ./run.sh undeploy -c accounts.yml                          # of policies that are gone
      ./run.sh undeploy security-group-admin-ports-revert --yes
      ./run.sh undeploy '*' -c accounts.yml --region all         # everything
    """
    import sys

    from ..accounts import find_accounts
    from ..deployment import leftovers as garbage
    from ..errors import GuardrailsError
    from ..paths import output_directory, write_json
    from ..policies import is_part, load
    from ..results import exceptions_in_force
    from .console import confirm, err, out, table, text

    policies = load(directory)
    if not names and is_part(directory):
        raise GuardrailsError(
            f"{directory} is a part of the project's policies: what is in the others would look gone",
            "leave --policies out, or name what is to go")
    accounts = find_accounts(config, regions)
    found = garbage.inventory(accounts.reached)
    if names:
        chosen = garbage.named(found.functions, names, policies, garbage.places(accounts.reached))
    else:
        garbage.refuse_partial(found.functions, policies, directory)
        chosen = garbage.gone(found.functions, policies)
        if config is not None:
            # Without accounts.yml, nobody knows which profiles its `vars` choose.
            with exceptions_in_force(None):
                chosen += garbage.off(found.functions, policies, accounts.vars)
    traces = garbage.traces(chosen)
    things = [thing for thing in traces.things if not (keep_logs and thing.kind == "log group")]
    unknown = [
        *(f"account {account}, {region}: {problem}" for account, region, problem in found.unknown),
        *(f"no way into account {account}: {problem}" for account, problem in accounts.unreachable),
        *(f"account {f.account}, {f.region}: {f.name}: {problem}" for f, problem in traces.unknown),
    ]
    if names and not things and not unknown and not traces.notes:
        known = ", ".join(sorted({function.policy for function in found.functions})) or "nothing"
        raise GuardrailsError(f"nothing of {', '.join(names)} is deployed there", f"deployed by this project: {known}")
    if things:
        err().print(table(
            "Would be removed", ("what", "account", "region", "policy", "name"),
            [(thing.kind, thing.function.account, thing.function.region, thing.function.policy, thing.name)
             for thing in things],
        ))
    for function, note in traces.notes:
        click.echo(f"left alone in {function.account}, {function.region}: {note}", err=True)
    for line in unknown:
        click.echo(f"not known: {line}", err=True)
    if not things:
        click.echo("INCOMPLETE: nothing to remove, as far as it is known" if unknown else "COMPLETE: nothing to remove")
        raise SystemExit(INCOMPLETE if unknown else 0)
    if not yes and not sys.stdin.isatty():
        click.echo(f"{len(things)} things would be removed; --yes removes them")
        raise SystemExit(INCOMPLETE if unknown else 0)
    confirm(f"Remove these {len(things)}?", yes=yes)
    target = output_directory(output, "undeploy")
    removed = garbage.remove(things)
    again = garbage.traces({thing.function: None for thing in things})
    left = [thing for thing in again.things if not (keep_logs and thing.kind == "log group")]
    still = {_key(thing) for thing in left}
    unknown += [f"account {f.account}, {f.region}: {f.name}: {problem}" for f, problem in again.unknown]
    why = {_key(each.thing): each.problem for each in removed}
    away = [thing for thing in things if _key(thing) not in still]
    complete = not left and not unknown
    written = write_json(target / "undeploy.json", {
        "complete": complete,
        "removed": [_row(thing) for thing in away],
        "left": [{**_row(thing), "reason": _reason(thing, why)} for thing in left],
        "unknown": unknown,
    })
    line = f"{len(away)} of {len(things)} removed"
    out().print(text(f"{'COMPLETE' if complete else 'INCOMPLETE'}: {line}", "green" if complete else "bold red"))
    if left:
        out().print(table(
            "Left", ("what", "account", "region", "name", "reason"),
            [(t.kind, t.function.account, t.function.region, t.name, _reason(t, why)) for t in left]))
    for problem in unknown:
        click.echo(f"not known: {problem}")
    click.echo(f"report: {written}")
    raise SystemExit(0 if complete else INCOMPLETE)


def _row(thing: Thing) -> dict[str, Any]:
    function = thing.function
    return {
        "account": function.account.id, "account_name": function.account.name, "region": function.region,
        "policy": function.policy, "kind": thing.kind, "name": thing.name,
    }


def _key(thing: Thing) -> tuple[str, str, Any]:
    return (thing.kind, thing.name, thing.function)


def _reason(thing: Thing, why: Mapping[tuple[str, str, Any], str]) -> str:
    return why.get(_key(thing)) or "still there when it was asked again"
