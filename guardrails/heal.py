"""`heal`: run the fixes of what an audit finds, and look again."""
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from .options import (
    account_options,
    output_option,
    policies_option,
    selection_options,
    verbose_option,
    yes_option,
)
from .policies import Policy, Selection, load


@click.command()
@account_options
@selection_options
@policies_option
@output_option
@yes_option
@verbose_option
def heal(
    config: Path | None, regions: tuple[str, ...], names: tuple[str, ...], services: tuple[str, ...],
    severities: tuple[str, ...], directory: Path, output: str | None, yes: bool, verbose: bool,
) -> None:
    """Sweep, show what would be fixed, ask, fix it, and sweep again.

    Runs the config-rule and periodic policies that have a fix (response revert, encrypt, stop, terminate or
    disable). The report holds the outcome of each finding; receipts.json is what `rollback` takes. Exits with 2 when
    a fix failed, drift is still there, or something did not run.

    \b
    Example:
      ./run.sh heal --policy security-group-admin-ports
      ./run.sh heal -c accounts.yml --severity critical --yes
    """
    from . import healing
    from . import report as reports
    from .accounts import find_accounts
    from .audit import INCOMPLETE, sweepable
    from .console import confirm, err, need_an_answer, out, severity, table, text
    from .paths import output_directory, write_json
    from .runner import HEAL, Target
    from .sweep import sweep

    need_an_answer(yes=yes)
    chosen, not_audited = sweepable(Selection(names, services, severities).choose(load(directory)))
    policies = [policy for policy in chosen if policy.heals]
    if not policies:
        raise click.UsageError(f"nothing to run: none of the {len(chosen)} chosen policies has a fix")
    accounts = find_accounts(config, regions)
    target = output_directory(output, "heal")
    started = datetime.now(UTC)
    if verbose:
        click.echo(f"{len(policies)} policies with a fix over {len(accounts.all)} accounts, into {target}", err=True)
    before = sweep(policies, accounts, target / "before")
    findings = before.findings()
    if findings:
        err().print(table(
            "Would be fixed", ("severity", "account", "region", "policy", "resource", "response"),
            [(severity(f.severity), f.account_name, f.region, f.policy, f.resource, f.response) for f in findings],
        ))
        confirm(f"Run the fixes of {len({f.policy for f in findings})} policies on these {len(findings)}?", yes=yes)
    drifted = {(c.account.name, c.region, c.policy.name) for c in before.checks if c.resources}

    def where_it_drifts(where: Target, policy: Policy) -> bool:
        return (where[0].name, where[1], policy.name) in drifted

    fixing = sweep(policies, accounts, target / "fix", how=HEAL, only=where_it_drifts)
    after = sweep(policies, accounts, target / "after", only=where_it_drifts)
    ended = healing.fixes(findings, fixing, after)
    receipts = [dict(receipt) for receipt in healing.receipts_of(fixing)]
    line = healing.headline(ended, (before, fixing, after))
    complete = line.startswith("COMPLETE")
    report = reports.Report(
        "heal", started, datetime.now(UTC), before, tuple(findings), not_audited, headline=line,
        extra={
            "complete": complete,
            "fixes": [vars(fix) for fix in ended],
            "receipts": receipts,
        },
    )
    written = [*reports.write(report, target)]
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
        reports.show_missing(swept, console)
    click.echo("report: " + ", ".join(str(path) for path in written))
    raise SystemExit(0 if complete else INCOMPLETE)
