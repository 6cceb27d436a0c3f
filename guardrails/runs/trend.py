"""The trend: the score and the findings of comparable runs in the history."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..command import command
from ..errors import GuardrailsError
from ..results import PastRun, RunScore, history_place


@dataclass(frozen=True)
class TrendRow:
    """One run in the trend, or one account or framework in that run."""

    run: PastRun
    line: RunScore | None
    """The numbers; None if the run did not include the account or framework."""
    change: float | None
    """Difference of the score to the last earlier run that has one; None for the first."""


def comparable_runs(place: Path | str | None, last: int) -> list[PastRun]:
    """The latest runs over the same accounts, regions and policies as the very latest, at most `last` of them.

    Only the scores of such runs can be compared. `place` is a file, or `s3://BUCKET/KEY`. Raises GuardrailsError if the
    history does not exist or is empty.
    """
    if place is None:
        raise GuardrailsError("none: the history file does not exist", "name another one with --history")
    with history_place(place).reading() as history:
        latest = history.runs(limit=1)
        if not latest:
            raise GuardrailsError(f"{place}: the history has no runs", f"{command('audit')} adds one")
        found: list[PastRun] = history.runs(latest[0].scope, last)
    return found


def trend_rows(runs: Sequence[PastRun], kind: str = "all", name: str = "") -> list[TrendRow]:
    """The trend over `runs`, oldest first.

    Args:
        kind: `all`, `account` or `framework`.
        name: the account id or the framework's name.

    Raises GuardrailsError if no run has numbers of this account or framework.
    """
    rows = []
    before: float | None = None
    for run in runs:
        line = next((line for line in run.lines if (line.kind, line.name) == (kind, name)), None)
        score = line.score if line else None
        rows.append(TrendRow(run, line, None if score is None or before is None else score - before))
        before = score if score is not None else before
    if all(row.line is None for row in rows):
        known = sorted({line.name for run in runs for line in run.lines if line.kind == kind})
        raise GuardrailsError(f"the history has no {kind} {name}", f"known: {', '.join(known) or 'none'}")
    return rows
