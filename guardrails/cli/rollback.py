"""`rollback`: undo fixes with the calls in their receipts."""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from custom_actions.fixing import printable

from ..command import command
from ..errors import GuardrailsError
from .options import json_option, output_option, policies_option, talk_options, wait_option, waiting, yes_option
from .receipts import filter_of, receipt_options, request_for

if TYPE_CHECKING:
    from ..health import FixesAgain
    from ..policies import Policy, PolicySources
    from ..runs import FoundReceipts, Rollback, RollbackCheck, RollbackPlan, RollbackResult, SourcedReceipt

_NAMES_SHOWN = 200
"""Characters of the arguments in a message: a receipt can be an argument itself."""


@click.command()
@click.argument("given", nargs=-1, required=True, metavar="RECEIPTS...")
@click.option("--from", "sources", multiple=True, metavar="SOURCE",
              help="Where the ids are looked up: a SOURCE of `receipts`. Can be repeated. [default: every run of heal "
                   "and rollback below output/]")
@receipt_options
@click.option("--force", is_flag=True, help="Make the calls even if a resource has changed since its fix.")
@click.option("--write-exception", "exception", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write an exception with an end date for each resource to a new file, to copy to exceptions.yml.")
@policies_option
@output_option
@wait_option
@yes_option
@json_option()
@talk_options
def rollback(
    given: tuple[str, ...], sources: tuple[str, ...], config: Path | None, regions: tuple[str, ...],
    numbers: tuple[str, ...], since: datetime | None, names: tuple[str, ...], resources: tuple[str, ...],
    outcomes: tuple[str, ...], force: bool, exception: Path | None, policy_sources: PolicySources, output: str | None,
    wait: bool, yes: bool, as_json: bool,
) -> None:
    """Undo fixes with the AWS API calls in their receipts.

    RECEIPTS are ids (as `receipts` lists them), run directories, files, `-` for standard input, s3://BUCKET/PREFIX,
    `logs`, log groups, or receipts and log lines themselves, in quotes. Only calls that the fix of the receipt declares
    are made, on the resource of the receipt, with credentials of its account. If a resource has changed since its fix,
    the command shows the difference and stops, unless you add --force.

    The command shows the calls and which deployed functions will make the fix again, asks for confirmation, and stops
    at the first call that fails. Then it reads every resource again, and exits with 1 if the earlier state is not back.
    To continue an interrupted rollback, run the same command again. It writes its own receipts. While another heal or
    rollback on this machine works on the account, it stops; with --wait it waits.

    \b
    Example:
      {command} rollback 20260101-120000-k3v9qt7m
      {command} rollback output/heal-20260101T120000Z --policy 's3-*'
      {command} rollback 20260101-120000-k3v9qt7m --from /aws/lambda/custodian-s3-bucket-public
    """
    from ..paths import output_directory, output_path, output_root
    from ..runs import (
        AwsClients,
        Rollback,
        RollbackJournal,
        RollbackPlan,
        RollbackRecord,
        RollbackResult,
        account_of_credentials,
        check_resources,
        locked_accounts,
    )
    from .console import confirm, print_json

    def read(places: Sequence[str]) -> FoundReceipts:
        return request_for(places, config, regions, numbers, since).find()

    chosen = filter_of(regions, numbers, since, names, resources, outcomes)
    plan = RollbackPlan.of(each for each in _selected(given, sources, read) if chosen.takes(each))
    if not as_json:
        for receipt in plan.empty:
            _echo(f"nothing to undo: {receipt}")
    if not plan.receipts:
        if not plan.empty:
            named = printable(", ".join([*given, *sources])[:_NAMES_SHOWN])
            raise GuardrailsError(
                f"{named}: no receipt is selected" if named else "no receipt is selected",
                f"list them: {command('receipts SOURCE')}")
        if as_json:
            print_json(_as_json(plan, RollbackResult(), (), ()))
        return
    account, clients = account_of_credentials(plan.region), AwsClients()
    plan.refuse_other_accounts(account)
    plan.check_parameters(clients)
    target = output_path(output, "rollback")
    with (
        locked_accounts([account], target, wait=waiting if wait else None),
        RollbackJournal(output_root() / "rollbacks" / f"{account}.jsonl") as journal,
    ):
        checked = check_resources(plan, journal, clients)
        _show(plan, checked, asks=not yes)
        checked.refuse_differences(force=force)
        policies = _policies(policy_sources)
        again = _fixes_again(plan, account, policies)
        _show_again(again)
        if again or exception:
            _offer_exceptions(plan, policies, exception)
        confirm(f"Make these {len(plan.calls)} calls?", yes=yes)
        with RollbackRecord(output_directory(str(target), "rollback", new=output is None)) as record:
            result = _undo(Rollback(plan, journal, record, clients), checked, as_json=as_json)
        # The record is complete only now.
        if as_json:
            print_json(_as_json(plan, result, again, record.receipts))
        else:
            _show_again_after(again)
            click.echo(f"receipts of this rollback: {record.path}")
        result.refuse_incomplete()


def _selected(
    given: Sequence[str], sources: Sequence[str], read: Callable[[Sequence[str]], FoundReceipts]
) -> list[SourcedReceipt]:
    """The receipts that the arguments name: those of sources, and those with an id."""
    from ..runs import default_sources, is_source, refuse_unread

    places = [each for each in given if is_source(each)]
    ids = [each for each in given if not is_source(each)]
    found: list[SourcedReceipt] = []
    if places:
        named = read(places)
        refuse_unread(named)
        found += named.receipts
    if ids:
        known = read(sources or default_sources(every=True))
        found += [each for each in known.receipts if each.id in ids]
        if missing := [each for each in ids if each not in {receipt.id for receipt in known.receipts}]:
            for line in known.unread:
                click.echo(f"could not be read: {line}", err=True)
            raise GuardrailsError(
                f"no receipt with the id {', '.join(missing)} in {', '.join(known.sources)}",
                f"name the run, file, bucket or log that has it with --from; {command('receipts SOURCE')} lists ids")
    return found


def _policies(sources: PolicySources) -> list[Policy]:
    """The policies. An error in their files must not keep anybody from undoing a fix."""
    try:
        return sources.load()
    except GuardrailsError as error:
        click.echo(f"the policies cannot be read, so functions are looked up by c7n's default name: {error}", err=True)
        return []


def _fixes_again(plan: RollbackPlan, account: str, policies: Sequence[Policy]) -> list[FixesAgain]:
    """The deployed functions that will make the fixes again. A receipt of a rollback repeats the fix itself."""
    from custom_actions.fixing import ROLLS_BACK

    from ..accounts import Account
    from ..health import UndoneFix, fixes_again

    undone = [UndoneFix.of(each.receipt) for each in plan.receipts if ROLLS_BACK not in each.receipt]
    return fixes_again(undone, Account(account, account, ()), policies)


def _show_again(again: Sequence[FixesAgain]) -> None:
    from .console import err, text

    for known, title in ((True, "Will be fixed again"), (False, "May be fixed again")):
        if rows := [each for each in again if each.known == known]:
            err().print(text(title, "bold red"))
            for each in rows:
                err().print(text(f"  {each.fix.resource} in {each.fix.region} by {each.function}: {each.when}"))


def _offer_exceptions(plan: RollbackPlan, policies: Sequence[Policy], file: Path | None) -> None:
    """Print an exception for each resource, and write them to a file if there is one."""
    from custom_actions.resources import whole_account

    from ..results import as_yaml, propose, write_proposal
    from ..runs import arn_of_credentials
    from .console import say

    regional = {policy.name: not whole_account(policy.data) for policy in policies}
    rules = propose([each.receipt for each in plan.receipts], arn_of_credentials(plan.region),
                    datetime.now(UTC).date(), regional)
    say("To keep the earlier state, add an exception to exceptions.yml, and deploy the policy again before you "
        "roll back (docs/exceptions.md):")
    say(as_yaml(rules))
    if file:
        say(f"exceptions: {write_proposal(file, rules)}")


def _echo(line: str) -> None:
    """Print a line, with control characters in texts from AWS escaped."""
    from .console import text

    click.echo(text(line).plain)


def _show(plan: RollbackPlan, check: RollbackCheck, *, asks: bool) -> None:
    """The calls and what is known of the resources, on standard error. `asks`: whether a question follows."""
    from .console import err, table, talk, text

    console = err() if asks else talk()
    console.print(table(
        "Calls", ("account", "region", "resource", "call", "parameters"),
        [
            (call.account, call.region, call.resource, f"{call.service}:{call.operation}",
             json.dumps(call.parameters, default=str))
            for call in plan.calls
        ],
    ))
    for line in dict.fromkeys(f"receipts from {each.where}" for each in plan.receipts):
        console.print(text(line))
    if any(each.in_log for each in plan.receipts):
        console.print(text("Everybody who may write to the log (logs:PutLogEvents) can forge a receipt in it: check "
                           "the calls."))
    for title, lines in (("Changed since the fix", check.differences), ("Cannot be compared", check.unknown)):
        if lines:
            err().print(text(title, "bold"))
        for line in lines:
            err().print(text(line))


def _undo(work: Rollback, check: RollbackCheck, *, as_json: bool) -> RollbackResult:
    """Make the calls, and read the resources again; prints each result as soon as it is known."""
    from ..runs import RollbackResult

    steps = []
    for step in work.undo(check):
        steps.append(step)
        if not as_json:
            _echo(f"{step.state}: {step.call}")
            if step.reason:
                _echo(f"  {step.reason}")
    result = RollbackResult(tuple(steps), tuple(work.restored()))
    if not as_json:
        for each in result.resources:
            _echo(f"{each.state}: {each.source.receipt['resource']}" + (f": {each.detail}" if each.detail else ""))
    return result


def _as_json(
    plan: RollbackPlan, result: RollbackResult, again: Sequence[FixesAgain], receipts: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The result for --json; `receipts` is what receipts.json of this rollback has."""
    return {
        **result.to_dict(), "nothing_to_undo": list(plan.empty),
        "fixed_again": [
            {"resource": each.fix.resource, "region": each.fix.region, "function": each.function, "when": each.when,
             "known": each.known} for each in again],
        "receipts": list(receipts)}


def _show_again_after(again: Sequence[FixesAgain]) -> None:
    for other in again:
        _echo(f"{'will' if other.known else 'may'} be fixed again: {other.fix.resource} by {other.function}: "
              f"{other.when}")
