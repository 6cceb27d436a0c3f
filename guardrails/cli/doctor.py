"""`doctor`: check that deployed functions work. Reads each function and everything it needs, and changes nothing."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import (
    INCOMPLETE,
    account_options,
    exceptions_option,
    json_option,
    mode_option,
    policies_option,
    policy_names_option,
    talk_options,
)
from .talk import is_verbose

if TYPE_CHECKING:
    from ..accounts import AccountChoice
    from ..health import HealthReport
    from ..policies import PolicySources

BROKEN = 1
_WORDS = {"ok": ("HEALTHY", 0), "broken": ("BROKEN", BROKEN), "unknown": ("INCOMPLETE", INCOMPLETE)}
"""By the report's state: the first word, and the exit code."""
_STYLES = {"ok": "green", "broken": "bold red", "unknown": "yellow"}


@click.command()
@click.argument("names", nargs=-1, metavar="[POLICY]...")
@policy_names_option
@account_options
@mode_option
@policies_option
@exceptions_option
@click.option("--fire", is_flag=True, help="Send each realtime function a harmless event, and wait for its log line.")
@click.option("--wait", type=click.FloatRange(min=1), default=90.0, show_default=True, metavar="SECONDS",
              help="How long --fire waits for the log lines of a region.")
@json_option()
@talk_options
def doctor(
    names: tuple[str, ...], config: Path | None, regions: tuple[str, ...], kinds: tuple[str, ...],
    choice: AccountChoice, policy_sources: PolicySources, exceptions: Path | None, fire: bool, wait: float,
    as_json: bool,
) -> None:
    """Check that deployed functions work. POLICY is a name or a glob; the default is all policies.

    Checks each function and everything it needs: its event rule or Config rule, its permission, its role, whether its
    policy and code are current, its dead-letter queue, its errors of the last day, CloudTrail, AWS Config's recorder
    and its topics. Changes nothing. What cannot be read is reported as unknown, never as ok.

    The first line is HEALTHY (exit code 0), BROKEN (1) or INCOMPLETE (2). INCOMPLETE means that nothing is known to be
    broken, but not everything could be read.

    \b
    Example:
      {command} doctor
      {command} doctor -c accounts.yml --region all
      {command} doctor security-group-admin-ports-revert --fire
    """
    from ..accounts import find_accounts
    from ..deployment import deployable
    from ..health import ExaminationRequest, examine
    from ..results import load as load_exceptions
    from .console import print_json

    every = [policy for policy in policy_sources.load() if policy.deploys]
    request = ExaminationRequest(
        policies=deployable(every, names, kinds), every=every, named=frozenset(names), declared=config is not None,
        wait=wait if fire else None, all_selected=not names and not kinds,
        exceptions=load_exceptions(exceptions).path)
    accounts = find_accounts(config, regions, choice)
    report = examine(request, accounts)
    word, code = _WORDS[report.state]
    if as_json:
        print_json({"verdict": word, "checks": [row.to_dict() for row in report.rows]})
    else:
        _show(report)
    raise SystemExit(code)


def _show(report: HealthReport) -> None:
    """The first line, and a table of every verdict that is not ok, or of all."""
    from .console import out, table, text

    console, number = out(), report.functions
    counts = {state.value: count for state, count in report.counts.items()}
    checks = ", ".join(f"{counts[state]} {state}" for state in ("broken", "unknown", "ok") if state in counts)
    console.print(text(
        f"{_WORDS[report.state][0]}: {number} function{'' if number == 1 else 's'}; checks: {checks}",
        _STYLES[report.state]))
    shown = [row for row in report.rows if is_verbose() or row.verdict.state.value != "ok"]
    if shown:
        console.print(table(
            "Checks", ("state", "account", "region", "policy", "check", "reason", "remedy"),
            [(text(row.verdict.state.value, _STYLES[row.verdict.state]), row.account, row.region, row.subject,
              row.verdict.check, row.verdict.reason, row.verdict.remedy) for row in shown]))
