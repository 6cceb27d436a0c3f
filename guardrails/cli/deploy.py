"""`deploy`: put policies to work in the accounts, as Lambda functions, and see that they are as they should be."""
from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..deployment import deployable
from ..policies import load
from .options import (
    INCOMPLETE,
    account_options,
    exceptions_option,
    mode_option,
    output_option,
    policies_option,
    verbose_option,
    yes_option,
)

if TYPE_CHECKING:
    from ..deployment import Deployed, Planned
    from ..runs import Work

CENTRAL = "central"
"""In the plan, in the place of what an account's functions may do: the function answers for many accounts."""




def _response(each: Planned | Deployed) -> str:
    """What the policy's function may do there; the hub's functions know it for each account."""
    from ..accounts import response_of

    return CENTRAL if "member-role" in each.policy.mode else response_of(each.account).value


@click.command()
@click.argument("names", nargs=-1, metavar="[POLICY]...")
@account_options
@mode_option
@policies_option
@exceptions_option
@click.option(
    "--reports", metavar="S3URL",
    help="Where functions on a schedule leave what they find, s3://BUCKET/PREFIX; `report` reads it. Many accounts may "
         "share one.",
)
@click.option(
    "--heal", "heals", is_flag=True,
    help="Let fixes run, in the account of the current credentials; in accounts.yml an account has `guardrails: heal`.",
)
@click.option("--dry-run", is_flag=True, help="Show the plan, and change nothing.")
@output_option
@yes_option
@verbose_option
def deploy(
    names: tuple[str, ...], config: Path | None, regions: tuple[str, ...], kinds: tuple[str, ...],
    directory: Path, exceptions: Path | None, reports: str | None, heals: bool, dry_run: bool, output: str | None,
    yes: bool, verbose: bool,
) -> None:
    """Deploy policies as Lambda functions, through c7n-org; POLICY is a name or a glob, without one all.

    Functions only tell, and change nothing, until the account's entry in accounts.yml says `guardrails: heal`.

    Compares what c7n would deploy with what is there, shows the plan and asks. What is unchanged is not touched.
    Afterwards the same is compared again, in every account and region: an account that failed is named and does not
    stop the others. Exits with 2 when a function is not there or is not as it should be.

    \b
    Example:
      ./run.sh deploy security-group-admin-ports-revert
      ./run.sh deploy -c accounts.yml --mode realtime --yes
      ./run.sh deploy -c accounts.yml --mode periodic --reports s3://central-reports/guardrails
    """
    from ..accounts import Response, find_accounts, healing, refuse_other_words, response_of
    from ..deployment import (
        Change,
        answered_centrally,
        as_central,
        as_deployed,
        gone,
        hub_of,
        inventory,
        marked,
        outcomes,
        own_regions,
        plan,
        regions_for,
        responder,
        settled,
        still_to_do,
        why_gone,
    )
    from ..paths import output_directory, write_json
    from ..results import exceptions_in_force
    from ..results import load as load_exceptions
    from ..runs import DEPLOY, Check, S3Url, execute, not_reached, with_output, work_for
    from .console import confirm, err, need_an_answer, out, table, text
    from .progress import progress_bar

    if heals and config is not None:
        raise click.UsageError("--heal is for the current account; write `guardrails: heal` into accounts.yml")
    if not dry_run:
        need_an_answer(yes=yes)
    everything = load(directory)
    policies = [marked(policy) for policy in deployable(everything, names, kinds)]
    if reports:
        place = S3Url.parse(reports).located()
        policies = [with_output(policy, place) for policy in policies]
    allowed = load_exceptions(exceptions)
    accounts = find_accounts(config, regions)
    if heals:
        accounts = replace(accounts, reached=tuple(healing(account) for account in accounts.reached))
    refuse_other_words(accounts.all, config)
    responder.refuse_partial(accounts.all, directory)
    # One c7n-org takes one list of policies, and the same policy has another form where it only tells.
    works: dict[str, Work] = {
        response.value: work_for(
            [as_deployed(policy, response) for policy in policies],
            [account for account in accounts.reached if response_of(account) is response], own_regions)
        for response in Response
    }

    def respond() -> list[responder.Wanted]:
        # Whatever is named: the one function has the fixes of all policies.
        with exceptions_in_force(allowed.path):
            return responder.plan(everything, accounts.reached, accounts.vars, own_regions)

    if hub := hub_of(accounts.reached):
        works[CENTRAL] = work_for(
            [as_central(policy, hub, accounts.vars) for policy in policies if answered_centrally(policy, hub)],
            [hub], regions_for)
    with exceptions_in_force(allowed.path):
        planned = [each for work in works.values() for each in plan(work, accounts.vars)]
    responders = respond()
    to_do = {form: still_to_do(work, planned) for form, work in works.items()}
    # Only who looks at every policy can say which are gone.
    found = None if names or kinds else inventory(accounts.reached)
    surplus = gone(found.functions, everything) if found else []
    plans = [*planned, *(each.planned for each in responders)]
    rows = [
        (each.change, each.account, _response(each), each.region, each.policy.name, each.policy.mode["type"],
         each.reason)
        for each in plans if verbose or each.change not in (Change.UNCHANGED, Change.OFF)
    ] + [
        (Change.REMOVE, function.account, "", function.region, function.policy, "", why_gone(function, everything))
        for function in surplus
    ]
    if rows:
        err().print(table("Plan", ("change", "account", "response", "region", "policy", "mode", "reason"), rows))
    said = Counter(each.change for each in plans) + Counter(Change.REMOVE for _ in surplus)
    click.echo("Plan: " + (", ".join(f"{said[change]} {change}" for change in Change if said[change]) or "nothing"),
               err=True)
    if said[Change.REMOVE]:
        click.echo("./run.sh undeploy removes what should not be there", err=True)
    for account, problem in accounts.unreachable:
        click.echo(f"no way into account {account}: {problem}", err=True)
    for account, region, problem in found.unknown if found else ():
        click.echo(f"whether functions of policies that are gone are in account {account}, {region} is not known: "
                   f"{problem}", err=True)
    number = said[Change.CREATE] + said[Change.UPDATE]
    if dry_run:
        raise SystemExit(INCOMPLETE if accounts.unreachable or said[Change.UNKNOWN] else 0)
    if number:
        confirm(f"Deploy {number} functions?", yes=yes)
    target = output_directory(output, "deploy")
    before = {each.key: each for each in planned}
    ended = [settled(each) for each in planned if each.change not in (Change.CREATE, Change.UPDATE)]
    for form, work in to_do.items():
        if not work:
            continue
        checks: list[Check] = []
        execute(work, DEPLOY, target / "c7n-org" / form, accounts, checks.extend, exceptions=allowed.path,
                progress=progress_bar)
        with exceptions_in_force(allowed.path):
            after = {each.key: each for each in plan(work, accounts.vars)}
        ended += outcomes(checks, before, after)
    # Last: by then the functions that it fixes for are there.
    ended += responder.deploy(responders, respond)
    unreachable = work_for(policies, [account for account, _ in accounts.unreachable], regions_for)
    ended += outcomes(not_reached(accounts.unreachable, unreachable), {}, {})
    failed = [each for each in ended if each.failed]
    counts = Counter(each.outcome for each in ended)
    summary = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))
    written = write_json(target / "deploy.json", {
        "complete": not failed,
        "functions": [
            {
                "account": each.account.id, "account_name": each.account.name, "region": each.region,
                "policy": each.policy.name, "mode": each.policy.mode["type"], "function": each.policy.function,
                "response": _response(each), "outcome": each.outcome, "reason": each.reason,
            }
            for each in ended
        ],
        "surplus": [
            {"account": each.account.id, "account_name": each.account.name, "region": each.region,
             "function": each.name}
            for each in surplus
        ],
    })
    console = out()
    console.print(text(f"{'INCOMPLETE' if failed else 'COMPLETE'}: {summary}", "bold red" if failed else "green"))
    shown = ended if verbose else failed
    if shown:
        console.print(table(
            "Functions" if verbose else "Failed", ("outcome", "account", "region", "policy", "reason"),
            [(each.outcome, each.account, each.region, each.policy.name, each.reason) for each in shown],
        ))
    click.echo(f"report: {written}")
    raise SystemExit(INCOMPLETE if failed else 0)
