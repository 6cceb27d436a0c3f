"""`heal`: run the fixes of what an audit finds, and look again."""
from __future__ import annotations

from pathlib import Path

import click

from ..policies import Policy
from .options import (
    INCOMPLETE,
    account_options,
    controls_option,
    exceptions_option,
    framework_option,
    output_option,
    policies_option,
    selection_options,
    verbose_option,
    yes_option,
)


@click.command()
@account_options
@selection_options
@framework_option
@policies_option
@controls_option
@exceptions_option
@output_option
@yes_option
@verbose_option
def heal(
    config: Path | None, regions: tuple[str, ...], names: tuple[str, ...], services: tuple[str, ...],
    severities: tuple[str, ...], frameworks: tuple[str, ...], directory: Path, controls: tuple[Path, ...],
    exceptions: Path | None, output: str | None, yes: bool, verbose: bool,
) -> None:
    """Sweep, show what would be fixed, ask, fix it, and sweep again.

    Runs the config-rule and periodic policies that have a fix (response revert, encrypt, stop, terminate or
    disable); what an exception covers is left alone. The report holds the outcome of each finding; receipts.json is
    what `rollback` takes. Exits with 2 when a fix failed, drift is still there, or something did not run.

    \b
    Example:
      ./run.sh heal --policy security-group-admin-ports
      ./run.sh heal -c accounts.yml --severity critical --yes
    """
    from ..accounts import find_accounts
    from ..assessment import assess, missing_rows
    from ..paths import output_directory, write_json
    from ..report import write
    from ..results import FILE, RunStore, Status
    from ..results import load as load_exceptions
    from ..runs import HEAL, Plan, Question, Run, Target, describe, sweep
    from ..runs import heal as healing
    from .console import confirm, err, need_an_answer, out, severity, table, text
    from .progress import progress_bar
    from .show import show_missing

    need_an_answer(yes=yes)
    question = Question.of(
        config=config, regions=regions, names=names, services=services, severities=severities, frameworks=frameworks,
        directory=directory, controls=controls, exceptions=exceptions, history=None)
    chosen = [policy for policy in question.policies() if policy.sweeps]
    policies = [policy for policy in chosen if policy.heals]
    if not policies:
        raise click.UsageError(f"nothing to run: none of the {len(chosen)} chosen policies has a fix")
    accounts = find_accounts(config, regions)
    allowed = load_exceptions(exceptions)
    target = output_directory(output, "heal")
    if verbose:
        click.echo(f"{len(policies)} policies with a fix over {len(accounts.all)} accounts, into {target}", err=True)
    with RunStore.create(target / FILE) as store:
        describe(store, "heal", policies, accounts, question.every)
        plan = Plan(policies, accounts)
        before = sweep(plan, target / "before", progress=progress_bar)
        run = Run(target, store, question, plan, allowed)
        run.take(before.checks)
        findings = list(store.findings(Status.OPEN))
        if findings:
            err().print(table(
                "Would be fixed", ("severity", "account", "region", "policy", "resource", "response"),
                [(severity(f.severity), f.account_name, f.region, f.policy, f.resource, f.response) for f in findings],
            ))
            confirm(f"Run the fixes of {len({f.policy for f in findings})} policies on these {len(findings)}?", yes=yes)
        drifted = {(f.account, f.region, f.policy) for f in findings}

        def where_it_drifts(where: Target, policy: Policy) -> bool:
            return (where[0].id, plan.reported(policy, where[1]), policy.name) in drifted

        part = Plan(policies, accounts, where_it_drifts)
        fixing = sweep(part, target / "fix", how=HEAL, exceptions=allowed.path,
                       progress=progress_bar)
        after = sweep(part, target / "after", progress=progress_bar)
        ended = healing.fixes(findings, fixing, after)
        receipts = [dict(receipt) for receipt in healing.receipts_of(fixing)]
        line = healing.headline(ended, (before, fixing, after))
        complete = line.startswith("COMPLETE")
        assessment = assess(store, controls=controls, exceptions=allowed, headline=line, extra={
            "complete": complete, "fixes": [vars(fix) for fix in ended], "receipts": receipts})
        written = write(("json", "markdown"), assessment, target)
        if receipts:
            written.append(write_json(target / "receipts.json", receipts))
        console = out()
        console.print(text(line, "green" if complete else "bold red"))
        if ended:
            console.print()
            console.print(table(
                "Fixes", ("outcome", "account", "region", "policy", "resource", "reason"),
                [
                    (text(fix.outcome, "green" if fix.done else "red"), fix.account, fix.region, fix.policy,
                     fix.resource, fix.reason)
                    for fix in ended
                ],
            ))
        for swept in (before, fixing, after):
            show_missing(missing_rows(run.row(check) for check in swept.missing), console)
    click.echo("report: " + ", ".join(str(path) for path in written))
    raise SystemExit(0 if complete else INCOMPLETE)
