"""`trend`: how the score and the open findings changed over the runs in the history."""
from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from .console import out, print_json, table
from .options import history_option, json_option, talk_options

if TYPE_CHECKING:
    from ..runs import TrendRow


@click.command()
@history_option
@click.option("--account", metavar="ID", help="Show one account.")
@click.option("--framework", metavar="NAME", help="Show one framework: the percentage of requirements passed.")
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, help="How many runs.")
@json_option()
@talk_options
def trend(history: str | None, account: str | None, framework: str | None, last: int, as_json: bool) -> None:
    """Show how the score changed: the last runs over the same accounts, regions and policies as the latest run.

    Only the scores of such runs can be compared. Incomplete runs are marked: checks without a result lower the score.

    \b
    Example:
      {command} trend
      {command} trend --account 111111111111 --last 5
    """
    from ..runs import comparable_runs, trend_rows

    if account and framework:
        raise click.UsageError("use either --account or --framework, not both")
    runs = comparable_runs(history, last)
    if as_json:
        print_json([asdict(run) for run in runs])
        return
    kind, name = ("account", account) if account else ("framework", framework) if framework else ("all", "")
    rows = trend_rows(runs, kind, name or "")
    out().print(table(
        f"Trend{f' of {name}' if name else ''}", ("run", "score", "change", "open", "new", "fixed", "evaluated"),
        [_cells(row, whole=kind == "all") for row in rows]))


def _cells(row: TrendRow, *, whole: bool) -> tuple[object, ...]:
    run, line = row.run, row.line
    seen = f"{run.seen} of {run.asked}"
    return (
        run.started, "-" if line is None or line.score is None else f"{line.score:.1f}",
        "" if row.change is None else f"{row.change:+.1f}", line.open if line else "-",
        run.new if whole else "", run.fixed if whole else "", seen if run.complete else f"{seen}, INCOMPLETE")
