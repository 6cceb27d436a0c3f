"""`deploy`: deploy policies as Lambda functions, and verify the result."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..command import command
from ..errors import GuardrailsError
from .options import (
    INCOMPLETE,
    account_options,
    exceptions_option,
    json_option,
    mode_option,
    output_option,
    policies_option,
    policy_names_option,
    talk_options,
    yes_option,
)
from .talk import is_verbose

if TYPE_CHECKING:
    from ..accounts import AccountChoice
    from ..deployment import Rollout, RolloutReport, RolloutRequest
    from ..policies import Policy, PolicySources

CHANGES = 2
"""The exit code of --dry-run --json if a deployment would change something, as Terraform's -detailed-exitcode."""


@click.command()
@click.argument("names", nargs=-1, metavar="[POLICY]...")
@policy_names_option
@account_options
@mode_option
@policies_option
@exceptions_option
@click.option(
    "--reports", metavar="S3URL",
    help="Where functions on a schedule write their findings: s3://BUCKET/PREFIX, which several accounts may share. "
         "`report` reads it.",
)
@click.option(
    "--heal", "heals", is_flag=True,
    help="Let fixes run in the account of the current credentials. In accounts.yml, set `guardrails: heal` instead.",
)
@click.option(
    "--grouped", is_flag=True,
    help="Let policies with the same mode, role and settings share one function; each keeps its own rule or schedule.")
@click.option(
    "--stop-fixing", is_flag=True,
    help="Also deploy functions that fix today, and would then only observe. Without it, `deploy` asks.")
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@json_option("With --dry-run, the result is the plan, and the exit code is 0 if nothing would change, 2 if something "
             "would, and 1 if something could not be read.")
@output_option
@yes_option
@talk_options
def deploy(
    names: tuple[str, ...], config: Path | None, regions: tuple[str, ...], kinds: tuple[str, ...],
    choice: AccountChoice, policy_sources: PolicySources, exceptions: Path | None, reports: str | None, heals: bool,
    grouped: bool, stop_fixing: bool, dry_run: bool, as_json: bool, output: str | None, yes: bool,
) -> None:
    """Deploy policies as Lambda functions, through c7n-org. POLICY is a name or a glob; the default is all policies.

    Functions only alert, and change nothing, until the account's entry in accounts.yml says `guardrails: heal`.

    Compares what c7n would deploy with what is deployed, shows the plan and asks for confirmation. Unchanged functions
    are not touched. A function that fixes today and would only observe needs a confirmation of its own. Afterwards it
    verifies every account and region; one account's failure does not stop the others. Exits with 2 when a function is
    missing or differs from its policy.

    \b
    Example:
      {command} deploy security-group-admin-ports-revert
      {command} deploy -c accounts.yml --mode realtime --yes
      {command} deploy -c accounts.yml --mode periodic --reports s3://central-reports/guardrails
    """
    from ..deployment import apply_rollout, plan_rollout
    from ..paths import output_directory, write_json
    from .console import confirm, need_an_answer, print_json
    from .progress import progress_bar

    if heals and config is not None:
        raise click.UsageError(
            "--heal applies to the current account only; write `guardrails: heal` into accounts.yml")
    if not dry_run:
        need_an_answer(yes=yes)
    rollout = plan_rollout(_request(
        names, config, regions, kinds, choice, policy_sources, exceptions, reports, heals=heals,
        grouped=grouped))
    if as_json and dry_run:
        print_json(rollout.to_dict())
        raise SystemExit(CHANGES if rollout.changes and rollout.known else int(not rollout.known))
    _show_plan(rollout, needed=dry_run or not yes)
    if dry_run:
        raise SystemExit(0 if rollout.known else INCOMPLETE)
    if rollout.stop_fixing and not stop_fixing:
        _confirm_stop(len(rollout.stop_fixing), yes=yes)
    if rollout.to_deploy or rollout.shared_to_deploy:
        triggers = rollout.triggers_to_deploy
        confirm(f"Deploy {rollout.to_deploy - triggers} functions"
                f"{f', with {triggers} policies that share functions' if triggers else ''}"
                f"{f', and {rollout.shared_to_deploy} shared resources' if rollout.shared_to_deploy else ''}?", yes=yes)
    target = output_directory(output, "deploy")
    report = apply_rollout(rollout, target, progress_bar)
    written = write_json(target / "deploy.json", report.to_dict())
    if as_json:
        print_json(report.to_dict())
    else:
        _show_report(report)
        click.echo(f"report: {written}")
    raise SystemExit(0 if report.complete else INCOMPLETE)


def _confirm_stop(number: int, *, yes: bool) -> None:
    """Ask before functions stop fixing. `yes` is no answer to it. Raises GuardrailsError if nobody can be asked."""
    from .console import confirm

    if yes:
        raise GuardrailsError(
            f"{number} functions fix today, and would only observe; nothing was deployed",
            "set `guardrails: heal` in their accounts' entries (or --heal without accounts.yml); if they are to stop, "
            "add --stop-fixing")
    confirm(f"{number} functions fix today, and would only observe. Stop fixing there?", yes=False)


def _request(
    names: tuple[str, ...], config: Path | None, regions: tuple[str, ...], kinds: tuple[str, ...],
    choice: AccountChoice, policy_sources: PolicySources, exceptions: Path | None, reports: str | None, *, heals: bool,
    grouped: bool,
) -> RolloutRequest:
    """What the options select. Raises GuardrailsError for what cannot be deployed."""
    from ..accounts import S3Url, find_accounts, healing
    from ..deployment import RolloutRequest, deployable, marked, responder
    from ..policies import require_team_elements
    from ..results import load as load_exceptions
    from ..runs import with_output

    require_team_elements()
    every = policy_sources.load()
    place = S3Url.parse(reports).located() if reports else None

    def prepared(policies: Sequence[Policy]) -> list[Policy]:
        return [with_output(policy, place) if place else policy for policy in map(marked, policies)]

    policies = prepared(deployable(every, names, kinds))
    allowed = load_exceptions(exceptions)
    accounts = find_accounts(config, regions, choice)
    if heals:
        accounts = replace(accounts, reached=tuple(healing(account) for account in accounts.reached))
    responder.refuse_partial(accounts.all, policy_sources)
    return RolloutRequest(
        policies, every, accounts, allowed.path, all_selected=not names and not kinds, grouped=grouped,
        known=prepared([policy for policy in every if policy.deploys]) if grouped else ())


def _show_plan(rollout: Rollout, *, needed: bool) -> None:
    """The plan on standard error: a table of what changes, the totals, and what is unknown.

    `needed`: whether --quiet must not hide it: a question about it follows, or it is all that the verb does.
    """
    from ..deployment import DeploymentChange, response_label
    from .console import err, say, table, talk, text

    console = err() if needed else talk()
    quiet = () if is_verbose() else (DeploymentChange.UNCHANGED, DeploymentChange.OFF)
    rows = [
        (each.change, each.account, response_label(each), each.region, each.policy.name, each.policy.mode["type"],
         each.reason)
        for each in rollout.all_planned if each.change not in quiet
    ] + [
        (each.change, each.account, "", each.region, each.kind.resource, each.kind, each.reason)
        for each in rollout.shared if each.change not in quiet
    ] + [
        (DeploymentChange.REMOVE, function.account, "", function.region, function.policy, "", reason)
        for function, reason in rollout.surplus
    ]
    if rows:
        console.print(table("Plan", ("change", "account", "response", "region", "policy", "mode", "reason"), rows))
    if rollout.shared:
        found = Counter(each.change for each in rollout.shared)
        shared = ", ".join(f"{found[change]} {change}" for change in DeploymentChange if found[change])
        console.print(text(f"Dead-letter queues and state tables of realtime functions: {shared}"))
    counts = rollout.counts
    totals = ", ".join(f"{counts[change]} {change}" for change in DeploymentChange if counts[change])
    console.print(text(f"Plan: {totals or 'nothing'}"))
    if counts[DeploymentChange.REMOVE]:
        say(f"{command('undeploy')} removes functions that no policy needs any more")
    for account, problem in rollout.request.accounts.unreachable:
        click.echo(f"account {account} cannot be reached: {problem}", err=True)
    for account, region, problem in rollout.unknown:
        click.echo(
            f"unknown whether account {account}, {region}, has functions that no policy needs: {problem}", err=True)


def _show_report(report: RolloutReport) -> None:
    """The first line, and a table of what failed, or of everything."""
    from .console import out, table, text

    counts = Counter(each.outcome for each in report.results)
    summary = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))
    word, style = ("COMPLETE", "green") if report.complete else ("INCOMPLETE", "bold red")
    console = out()
    console.print(text(f"{word}: {summary}", style))
    for failed in report.failed_shared:
        console.print(text(f"account {failed.account}, {failed.region}: the {failed.kind} {failed.kind.resource}: "
                           f"{failed.reason}"))
    verbose = is_verbose()
    if shown := report.results if verbose else report.failed:
        console.print(table(
            "Functions" if verbose else "Failed", ("outcome", "account", "region", "policy", "reason"),
            [(each.outcome, each.account, each.region, each.policy.name, each.reason) for each in shown],
        ))
