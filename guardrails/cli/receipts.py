"""`receipts`: list what fixes did, from runs, files, S3 and the logs of deployed functions."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .options import INCOMPLETE, json_option, talk_options

if TYPE_CHECKING:
    from ..runs import FoundReceipts, ReceiptCheck, ReceiptFilter, ReceiptRequest, SourcedReceipt

Command = TypeVar("Command", bound=Callable[..., Any])
_AGO = re.compile(r"(\d{1,5})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def _since(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    if ago := _AGO.fullmatch(value):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a time: 2026-01-31, 2026-01-31T12:00:00Z, 30m, 12h or 7d") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def receipt_options(command: Command) -> Command:
    """The options that select receipts: --account, --region, --since, --policy, --resource, --outcome, and -c."""
    for name, target, text in (
        ("--outcome", "outcomes", "Only receipts with this outcome: reverted, interrupted, …"),
        ("--resource", "resources", "Only receipts of this resource, or a glob: sg-0123, arn:aws:iam::*:user/ann."),
        ("--policy", "names", "Only receipts of this policy, or a glob."),
        ("--account", "numbers", "Only receipts of this account id."),
    ):
        command = click.option(name, target, multiple=True, metavar=name[2:].upper(), help=f"{text} Can be repeated.")(
            command)
    command = click.option(
        "--since", metavar="TIME", callback=_since,
        help="Only receipts since then: 2026-01-31, 2026-01-31T12:00:00Z (UTC), 30m, 12h, 7d. [default for logs: 7d]",
    )(command)
    command = click.option(
        "-r", "--region", "regions", multiple=True, metavar="REGION",
        help="Only receipts of this region; also the regions whose logs are read. Can be repeated.")(command)
    return click.option(
        "-c", "--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
        help="The accounts.yml of c7n-org, for the logs of several accounts.")(command)


def request_for(
    sources: Sequence[str], config: Path | None, regions: Sequence[str], numbers: Sequence[str],
    since: datetime | None,
) -> ReceiptRequest:
    """Where to look for receipts."""
    from ..accounts import find_accounts
    from ..runs import ReceiptRequest

    def accounts() -> list[Any]:
        found = find_accounts(config, regions)
        for account, reason in found.unreachable:
            click.echo(f"account {account} cannot be read: {reason}", err=True)
        return [account for account in found.reached if not numbers or account.id in numbers]

    return ReceiptRequest(sources, since, accounts)


def filter_of(
    regions: Sequence[str], numbers: Sequence[str], since: datetime | None, names: Sequence[str],
    resources: Sequence[str], outcomes: Sequence[str],
) -> ReceiptFilter:
    """Which receipts are selected."""
    from ..runs import ReceiptFilter

    return ReceiptFilter(numbers, [each for each in regions if each != "all"], names, resources, outcomes, since)


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@receipt_options
@click.option("--check", is_flag=True, help="Read each resource, and say whether the fix is in effect.")
@json_option("`rollback -` reads it.")
@talk_options
def receipts(
    sources: tuple[str, ...], config: Path | None, regions: tuple[str, ...], numbers: tuple[str, ...],
    since: datetime | None, names: tuple[str, ...], resources: tuple[str, ...], outcomes: tuple[str, ...],
    check: bool, as_json: bool,
) -> None:
    """List the receipts of fixes: what was changed, with the id for `rollback`. Changes nothing.

    SOURCE is a run directory, a file (also .gz), `-` for standard input, s3://BUCKET/PREFIX, `logs` for the logs of all
    deployed functions, or a log group (/aws/lambda/custodian-NAME). Without SOURCE it is the newest run of heal or
    rollback below output/. Fixes that were begun and not completed are listed as interrupted. Exits with 2 if
    something could not be read.

    \b
    Example:
      {command} receipts
      {command} receipts logs --since 12h --policy 'security-group-*'
      {command} receipts s3://my-bucket/reports --account 111111111111 --json
    """
    from ..runs import default_sources
    from .console import print_json, say

    given = list(sources) or default_sources()
    found = request_for(given, config, regions, numbers, since).find()
    chosen = found.only(filter_of(regions, numbers, since, names, resources, outcomes))
    checks = _checks(chosen) if check else {}
    if as_json:
        print_json([_as_json(each, checks) for each in chosen.receipts])
    else:
        _show(chosen, checks)
    say(f"{len(chosen.receipts)} of {len(found.receipts)} receipts, read from {', '.join(found.sources)}")
    for line in found.unread:
        click.echo(f"could not be read: {line}", err=True)
    raise SystemExit(INCOMPLETE if found.unread else 0)


def _checks(found: FoundReceipts) -> dict[str, ReceiptCheck]:
    from ..runs import AwsClients, account_of_credentials, true_state

    if not found.receipts:
        return {}
    region = next((each.receipt["region"] for each in found.receipts if not each.problem), "us-east-1")
    account, clients = account_of_credentials(region), AwsClients()
    return {each.key: true_state(each, account, clients) for each in found.receipts}


def _as_json(source: SourcedReceipt, checks: dict[str, ReceiptCheck]) -> dict[str, Any]:
    record: dict[str, Any] = {"from": source.where, "doubts": list(source.doubts), "problem": source.problem}
    if check := checks.get(source.key):
        record |= {"state": check.state.value, "steps": list(check.lines)}
    return record | {"receipt": source.receipt}


def _show(found: FoundReceipts, checks: dict[str, ReceiptCheck]) -> None:
    """Print the receipts: each on one line if the terminal is wide enough, else on several. No id is broken."""
    import sys

    from .console import out

    rows = [_cells(each) for each in found.receipts]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(len(_COLUMNS))]
    narrow = sys.stdout.isatty() and sum(widths) + 2 * (len(widths) - 1) > out().width
    for source, row in zip(found.receipts, rows, strict=True):
        if narrow:
            click.echo("  ".join(row[:2]))
            for cell in (row[2], row[3], "  ".join(row[4:6]), f"from {row[6]}"):
                click.echo(f"    {cell}")
        else:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        for line in _remarks(source, checks.get(source.key)):
            click.echo(f"    {line}")


_COLUMNS = ("id", "outcome", "policy", "resource", "account", "region", "from")


def _cells(source: SourcedReceipt) -> list[str]:
    from .console import text

    receipt = source.receipt
    cells = [source.id, *(receipt.get(name, "") for name in _COLUMNS[1:-1]), source.where]
    return [text(cell).plain for cell in cells]


def _remarks(source: SourcedReceipt, check: ReceiptCheck | None) -> Iterator[str]:
    """What a person should know of a receipt: doubts, why it cannot be rolled back, and what is true in AWS."""
    from custom_actions.fixing import Outcome

    from .console import text

    for doubt in source.doubts:
        yield text(f"may be forged: {doubt}").plain
    if source.problem:
        yield text(f"cannot be rolled back: {source.problem}").plain
    elif source.receipt["outcome"] == Outcome.INTERRUPTED:
        yield text(source.receipt.get("reason", "")).plain
    if check:
        yield f"in AWS now: {check.state}"
        yield from (f"  {line}" for line in check.lines)
