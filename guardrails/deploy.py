"""`deploy`: put policies to work in the accounts, as Lambda functions, and see that they are there."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from .errors import GuardrailsError
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
from .policies import Policy, Selection, load


def deployable(policies: Sequence[Policy], names: Sequence[str], kinds: Sequence[str]) -> list[Policy]:
    """The policies that the arguments name and that become functions.

    Raises GuardrailsError when there is none, and when one that is named in full becomes none.
    """
    chosen = [
        policy for policy in Selection(names).choose(policies) if not kinds or policy.kind.value in kinds
    ]
    for policy in chosen:
        if policy.name in names and not policy.deploys:
            raise GuardrailsError(f"{policy.where}: {policy.name} has no mode: nothing to deploy", "give it a mode")
    found = [policy for policy in chosen if policy.deploys]
    if not found:
        raise GuardrailsError("no policy to deploy meets the criteria", "see --help")
    return found


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
@output_option
@yes_option
@verbose_option
def deploy(
    names: tuple[str, ...], config: Path | None, regions: tuple[str, ...], kinds: tuple[str, ...],
    directory: Path, exceptions: Path | None, reports: str | None, output: str | None, yes: bool, verbose: bool,
) -> None:
    """Deploy policies as Lambda functions, through c7n-org; POLICY is a name or a glob, without one all.

    Shows the plan and asks. Afterwards Lambda is asked for every function, in every account and region: an account
    that failed is named and does not stop the others. Exits with 2 when a function is not there or was not updated.

    \b
    Example:
      ./run.sh deploy security-group-admin-ports-revert
      ./run.sh deploy -c accounts.yml --mode realtime --yes
      ./run.sh deploy -c accounts.yml --mode periodic --reports s3://central-reports/guardrails
    """
    from .accounting import Check, not_reached
    from .accounts import find_accounts
    from .console import confirm, err, need_an_answer, out, table, text
    from .deployment import functions, outcomes, regions_for
    from .exceptions import load as load_exceptions
    from .outputs import S3Url, with_output
    from .paths import output_directory, write_json
    from .runner import DEPLOY, work_for
    from .sweep import execute

    need_an_answer(yes=yes)
    policies = deployable(load(directory), names, kinds)
    if reports:
        place = S3Url.parse(reports).located()
        policies = [with_output(policy, place) for policy in policies]
    allowed = load_exceptions(exceptions)
    accounts = find_accounts(config, regions)
    work = work_for(policies, accounts.reached, regions_for)
    before = functions(work)
    rows = []
    for (account, region), chosen in work.items():
        for policy in chosen:
            function = before[account.name, region, policy.name]
            change = "update" if function.exists else function.problem or "create"
            rows.append((change, account, region, policy.name, policy.mode["type"], policy.function))
    if rows:
        err().print(table("Plan", ("change", "account", "region", "policy", "mode", "function"), rows))
        for account, problem in accounts.unreachable:
            click.echo(f"no way into account {account}: {problem}", err=True)
        confirm(f"Deploy {len(rows)} functions?", yes=yes)
    target = output_directory(output, "deploy")
    checks: list[Check] = []
    execute(work, DEPLOY, target / "c7n-org", accounts, checks.extend, exceptions=allowed.path)
    ended = outcomes(checks, before, functions(work))
    unreachable = work_for(policies, [account for account, _ in accounts.unreachable], regions_for)
    ended += outcomes(not_reached(accounts.unreachable, unreachable), {}, {})
    failed = [each for each in ended if each.failed]
    counts = Counter(each.outcome for each in ended)
    said = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))
    written = write_json(target / "deploy.json", {
        "complete": not failed,
        "functions": [
            {
                "account": each.account.id, "account_name": each.account.name, "region": each.region,
                "policy": each.policy.name, "mode": each.policy.mode["type"], "function": each.policy.function,
                "outcome": each.outcome, "reason": each.reason,
            }
            for each in ended
        ],
    })
    console = out()
    console.print(text(f"{'INCOMPLETE' if failed else 'COMPLETE'}: {said}", "bold red" if failed else "green"))
    shown = ended if verbose else failed
    if shown:
        console.print(table(
            "Functions" if verbose else "Failed", ("outcome", "account", "region", "policy", "reason"),
            [(each.outcome, each.account, each.region, each.policy.name, each.reason) for each in shown],
        ))
    click.echo(f"report: {written}")
    raise SystemExit(INCOMPLETE if failed else 0)
