"""`trend`: how the score and the open findings went over the runs that the history keeps."""
from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from ..errors import GuardrailsError
from ..results import History, PastRun, RunScore
from .console import out, table
from .options import history_option


@click.command()
@history_option
@click.option("--account", metavar="ID", help="Of one account.")
@click.option("--framework", metavar="NAME", help="Of one framework: its percentage of requirements passed.")
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, help="How many runs.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with every line that is kept.")
def trend(history: Path | None, account: str | None, framework: str | None, last: int, as_json: bool) -> None:
    """Show how the score went: the last runs over the same accounts, regions and policies as the latest.

    Only such runs have comparable scores. An incomplete run is marked: what was not seen counts against its score.

    \b
    Example:
      ./run.sh trend
      ./run.sh trend --account 111111111111 --last 5
    """
    if account and framework:
        raise click.UsageError("--account and --framework: choose one")
    if history is None or not history.is_file():
        raise GuardrailsError(
            f"{history or 'none'}: no history there", "./run.sh audit keeps one; name it by --history")
    runs = runs_of_latest(History(history), last)
    if not runs:
        raise GuardrailsError(f"{history}: no run in it", "./run.sh audit keeps one")
    if as_json:
        click.echo(json.dumps([asdict(run) for run in runs], indent=1))
        return
    kind, name = ("account", account) if account else ("framework", framework) if framework else ("all", "")
    rows = []
    before: float | None = None
    for run in runs:
        line = line_of(run, kind, str(name or ""))
        score = line.score if line else None
        rows.append((
            run.started, _number(score), _change(before, score), line.open if line else "-",
            run.new if kind == "all" else "", run.fixed if kind == "all" else "",
            f"{run.seen} of {run.asked}" if run.complete else f"{run.seen} of {run.asked}, INCOMPLETE"))
        before = score if score is not None else before
    if all(line_of(run, kind, str(name or "")) is None for run in runs):
        raise GuardrailsError(
            f"the history knows no {kind} {name}", f"known: {', '.join(_known(runs, kind)) or 'none'}")
    out().print(table(
        f"Trend{f' of {name}' if name else ''}", ("run", "score", "change", "open", "new", "fixed", "seen"), rows))


def runs_of_latest(history: History, last: int) -> list[PastRun]:
    """The last runs of the scope that the latest run has."""
    latest = history.runs(limit=1)
    return history.runs(latest[0].scope, last) if latest else []


def line_of(run: PastRun, kind: str, name: str) -> RunScore | None:
    """The number of a run that is asked for; None when the run has none."""
    return next((line for line in run.lines if (line.kind, line.name) == (kind, name)), None)


def _known(runs: list[PastRun], kind: str) -> list[str]:
    return sorted({line.name for run in runs for line in run.lines if line.kind == kind})


def _number(score: float | None) -> str:
    return "-" if score is None else f"{score:.1f}"


def _change(before: float | None, now: float | None) -> str:
    return "" if before is None or now is None else f"{now - before:+.1f}"
