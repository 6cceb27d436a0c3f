"""`doctor`: is what is deployed alive? Asks AWS about each function and all that it needs, and changes nothing."""
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import click

from ..limits import HEALTH_REGIONS
from .options import INCOMPLETE, account_options, exceptions_option, mode_option, policies_option, verbose_option

if TYPE_CHECKING:
    from ..accounts import Account, Accounts
    from ..health import AccountReader, ExpectedFunction, HealthVerdict, RegionReading
    from ..policies import Policy

# c7n loads policies with state that all threads share.
_ONE_AT_A_TIME = Lock()
BROKEN = 1
_STYLES = {"ok": "green", "broken": "bold red", "unknown": "yellow"}


@dataclass(frozen=True)
class Row:
    """One verdict, and of what."""

    account: Account
    region: str
    subject: str
    """A function's policy; empty for what a whole region needs."""
    verdict: HealthVerdict

    def to_dict(self) -> dict[str, str]:
        """The row as JSON has it."""
        return {
            "account": self.account.id, "account_name": self.account.name, "region": self.region,
            "policy": self.subject, "check": self.verdict.check, "state": self.verdict.state.value,
            "reason": self.verdict.reason, "remedy": self.verdict.remedy,
        }


@dataclass(frozen=True)
class Examination:
    """What is to be examined."""

    policies: Sequence[Policy]
    every: Sequence[Policy]
    """All that deploy, the chosen ones too: what they stand for is no stranger."""
    named: frozenset[str]
    """Policies that were asked for by their full name."""
    all_chosen: bool
    """Whether strangers are to be looked for."""
    exceptions: Path | None
    declared: bool
    """Whether accounts.yml says what functions may do in an account."""
    wait: float | None
    """Seconds to wait for a probe's log line; None: none is sent."""


@click.command()
@click.argument("names", nargs=-1, metavar="[POLICY]...")
@account_options
@mode_option
@policies_option
@exceptions_option
@click.option("--fire", is_flag=True, help="Send each realtime function a harmless event, and wait for its log line.")
@click.option("--wait", type=click.FloatRange(min=1), default=90.0, show_default=True, metavar="SECONDS",
              help="How long --fire waits for the log lines of a region.")
@click.option("--json", "as_json", is_flag=True, help="Every check as JSON.")
@verbose_option
def doctor(
    names: tuple[str, ...], config: Path | None, regions: tuple[str, ...], kinds: tuple[str, ...], directory: Path,
    exceptions: Path | None, fire: bool, wait: float, as_json: bool, verbose: bool,
) -> None:
    """Is what is deployed alive? POLICY is a name or a glob, without one all.

    Looks at each function and at what it needs: its event rule or Config rule, its permission, its role, its policy
    and code against today's, its dead-letter queue, its errors of the last day, CloudTrail, AWS Config's recorder and
    its topics. Changes nothing. What could not be read is unknown, never fine.

    The first line is HEALTHY (exit code 0), BROKEN (1) or INCOMPLETE (2): nothing is known to be broken, and not
    everything is known.

    \b
    Example:
      ./run.sh doctor
      ./run.sh doctor -c accounts.yml --region all
      ./run.sh doctor security-group-admin-ports-revert --fire
    """
    from ..accounts import find_accounts
    from ..deployment import deployable
    from ..policies import load
    from ..results import load as load_exceptions
    from .console import out, table, text

    every = [policy for policy in load(directory) if policy.deploys]
    asked_for = Examination(
        policies=deployable(every, names, kinds), every=every, named=frozenset(names), declared=config is not None,
        wait=wait if fire else None,
        all_chosen=not names and not kinds, exceptions=load_exceptions(exceptions).path)
    rows = examine(asked_for, find_accounts(config, regions))
    headline, code = verdict_of(rows)
    if as_json:
        click.echo(json.dumps({"verdict": headline.partition(":")[0], "checks": [row.to_dict() for row in rows]},
                              indent=2))
        raise SystemExit(code)
    console = out()
    console.print(text(headline, {0: "green", BROKEN: "bold red"}.get(code, "yellow")))
    shown = rows if verbose else [row for row in rows if row.verdict.state.value != "ok"]
    if shown:
        console.print(table(
            "Checks", ("state", "account", "region", "policy", "check", "reason", "remedy"),
            [(text(row.verdict.state.value, _STYLES[row.verdict.state.value]), row.account, row.region, row.subject,
              row.verdict.check, row.verdict.reason, row.verdict.remedy) for row in shown]))
    raise SystemExit(code)


def verdict_of(rows: Sequence[Row]) -> tuple[str, int]:
    """The first line, and the exit code."""
    counts = Counter(row.verdict.state.value for row in rows)
    functions = len({(row.account.name, row.region, row.subject) for row in rows if row.subject})
    said = ", ".join(f"{counts[state]} {state}" for state in ("broken", "unknown", "ok") if counts[state])
    word, code = ("BROKEN", BROKEN) if counts["broken"] else (
        ("INCOMPLETE", INCOMPLETE) if counts["unknown"] else ("HEALTHY", 0))
    return f"{word}: {functions} function{'' if functions == 1 else 's'}; checks: {said}", code


def examine(asked_for: Examination, accounts: Accounts) -> list[Row]:
    """Every verdict, the broken first, then the unknown."""
    from ..accounts import response_of
    from ..deployment import places
    from ..health import HealthState, unknown
    from ..results import exceptions_in_force

    if asked_for.declared:
        for account in accounts.all:
            response_of(account)  # another word than these is refused before anything is asked
    rows = [Row(account, "", "", unknown("account", problem, "see accounts.yml and the role's trust policy"))
            for account, problem in accounts.unreachable]
    with exceptions_in_force(asked_for.exceptions), ThreadPoolExecutor(HEALTH_REGIONS) as pool:
        found = list(pool.map(
            lambda place: _place(asked_for, place[0], place[1], accounts.vars), places(accounts.reached)))
    rows += [row for each in found for row in each]
    for account in accounts.reached:
        if not any(row.account == account for row in rows):
            rows.append(Row(account, "", "", unknown(
                "functions", "nothing of ours is deployed there: there is nothing to be judged", "./run.sh deploy")))
    order = {HealthState.BROKEN: 0, HealthState.UNKNOWN: 1, HealthState.OK: 2}
    return sorted(rows, key=lambda row: (
        order[row.verdict.state], row.account.name, row.region, row.subject, row.verdict.check))


def _place(asked_for: Examination, account: Account, region: str, variables: Mapping[str, Any]) -> list[Row]:
    """The verdicts of one account and region."""
    from custom_actions.names import FUNCTION_PREFIX, RESPONDER

    from ..accounts import AWS_ERRORS, Response, has_responder, reason_of, response_of
    from ..deployment import regions_for
    from ..health import (
        AccountReader,
        FunctionFacts,
        RoleFacts,
        Unread,
        expected,
        function_verdicts,
        now,
        read_listing,
        read_region,
        read_responder,
        region_verdicts,
        responder_verdicts,
        responds,
        role_of,
        unknown,
    )

    try:
        reader = AccountReader(account, region, now())
    except AWS_ERRORS as error:
        return [Row(account, region, "", unknown("region", reason_of(error)))]
    # A function may be where it would not be put today; in a region that nobody named, only what is due there counts.
    due = {policy.name for policy in asked_for.policies if region in regions_for(policy, account)}
    here = [policy for policy in asked_for.policies if region in account.regions or policy.name in due]
    listing = read_listing(reader, (policy.function.removesuffix(policy.name) for policy in here))
    # Nothing says whether the current account was deployed to with --heal: both are right.
    responses = [response_of(account)] if asked_for.declared else [Response.OBSERVE, Response.HEAL]
    with _ONE_AT_A_TIME:
        forms = expected(
            [policy for policy in here
             if listing.tells_of(policy.function) or policy.name in asked_for.named & due],
            account, region, variables, responses)
    known = frozenset(policy.function for policy in asked_for.every) | (
        {RESPONDER} if has_responder(account) else frozenset())
    answers = read_region(reader, listing, forms, known if asked_for.all_chosen else None)
    there = [each for each in answers.wanted if each.function in answers.functions and not each.problem]
    rows = [Row(account, region, "", verdict) for verdict in region_verdicts(there, answers.region)]
    rows += _member(asked_for, reader)
    if responds(asked_for.policies, account, region):
        rows += [Row(account, region, RESPONDER.removeprefix(FUNCTION_PREFIX), verdict)
                 for verdict in responder_verdicts(read_responder(reader))]
    if isinstance(answers.region.functions, Unread):
        return rows
    fired = _fire(reader, there, answers, asked_for.wait) if asked_for.wait is not None else {}
    for each in answers.wanted:
        own = answers.functions.get(each.function, FunctionFacts())
        role = answers.roles.get(role_of(own)) or RoleFacts(Unread("the function does not say which it is"))
        verdicts = function_verdicts(each, own, answers.region, role, named=each.policy.name in asked_for.named & due)
        if each.function in fired:
            verdicts.append(fired[each.function])
        rows += [Row(account, region, each.policy.name, verdict) for verdict in verdicts]
    return rows


def _member(asked_for: Examination, reader: AccountReader) -> list[Row]:
    """The verdicts on a region of an account whose events are answered in the hub."""
    from custom_actions.names import FUNCTION_PREFIX

    from ..accounts import AWS_ERRORS, reason_of
    from ..health import AccountReader, Unread, answered, fire, member_verdicts, now, probes, read_member, unknown

    account, region = reader.account, reader.region
    waiting = answered(asked_for.policies, account, region)
    if account.hub is None or not waiting:
        return []
    rows = [Row(account, region, "", verdict)
            for verdict in member_verdicts(waiting, read_member(reader), account, region)]
    if asked_for.wait is None or (account.id, region) == (account.hub.account, account.hub.region):
        return rows
    try:
        listener = AccountReader(account.hub.entry, account.hub.region, now())
        there = listener.functions([FUNCTION_PREFIX])
    except AWS_ERRORS as error:
        there = Unread(reason_of(error))
    if isinstance(there, Unread):
        return [*rows, Row(account, region, "", unknown("fire", f"the hub's functions: {there.reason}"))]
    ready, unfit = probes((each, each.pattern or {}, {}) for each in waiting if each.function in there)
    fired = {**unfit, **fire(reader, ready, asked_for.wait, heard_by=listener)}
    return rows + [Row(account, region, each.policy.name, fired[each.function])
                   for each in waiting if each.function in fired]


def _fire(reader: AccountReader, there: Sequence[ExpectedFunction], answers: RegionReading, wait: float) -> dict[str, HealthVerdict]:
    """The probes' verdicts, by function; of those in realtime modes only."""
    from ..health import Unread, fire, probes
    from ..policies import Kind

    rules = answers.region.rules
    wanted: list[tuple[ExpectedFunction, Mapping[str, Any], Mapping[str, str]]] = []
    for each in there:
        if each.policy.kind is not Kind.REALTIME:
            continue
        rule = None if isinstance(rules, Unread) else rules.get(each.function)
        found = answers.functions[each.function].function
        if rule is None or rule.get("State") == "DISABLED" or found is None or isinstance(found, Unread):
            # Its other checks say so.
            continue
        environment = (found["Configuration"].get("Environment") or {}).get("Variables") or {}
        # The pattern that is in force, not the one that should be.
        wanted.append((each, json.loads(rule.get("EventPattern") or "{}"), environment))
    ready, unfit = probes(wanted)
    return {**unfit, **fire(reader, ready, wait)}
