"""From the file of a run to its assessment: compares the run with the history, and adds it to the history."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..policies import load_catalogues
from ..results import Exceptions, History, PastRun, RunChanges, RunScore, RunStore, Status
from .assessment import Assessment

_TREND = 60


def assess(
    store: RunStore, *, controls: Sequence[Path] = (), exceptions: Exceptions | None = None,
    history: Path | None = None, headline: str = "", extra: Mapping[str, Any] | None = None,
) -> Assessment:
    """The assessment of a run that has just ended.

    With a `history`, the run is compared with earlier runs and added to them; the comparison is stored with the run.
    `controls` are directories of frameworks in addition to the project's. Raises GuardrailsError for a framework or a
    history that cannot be read.
    """
    made = replace(_of(store, controls), headline=headline, extra=dict(extra or {}))
    if history is not None:
        _compare(made, History(history))
    return _whole(made, exceptions)


def assess_again(store: RunStore, *, controls: Sequence[Path] = (), exceptions: Exceptions | None = None) -> Assessment:
    """The assessment of an earlier run, with the comparison that was stored then: the history has changed since."""
    return _whole(_of(store, controls), exceptions)


def _of(store: RunStore, controls: Sequence[Path]) -> Assessment:
    return Assessment(
        store=store, verb=store["verb"], run=store["run"], version=store["version"], started=store["started"],
        finished=store.get("finished") or store["started"], policies=store.policies(), accounts=store.accounts(),
        catalogues=load_catalogues(controls),
    )


def _whole(made: Assessment, exceptions: Exceptions | None) -> Assessment:
    if (changes := made.store.get("changes")) is not None:
        made = replace(
            made, changes=RunChanges(**changes), reopened=frozenset(made.store["reopened"]),
            trend=tuple(_past(run) for run in made.store["trend"]))
    if exceptions is not None:
        known = {*made.policies, *made.store.get("not_chosen", {})}
        made = replace(made, exceptions=exceptions.state(
            made.findings(Status.EXCEPTED), ((c.account, c.region, c.policy, c.state) for c in made.checks()), known))
    return made


def _compare(made: Assessment, history: History) -> None:
    """Add the run to the history, and store the comparison in the run's file."""
    scope = made.store["scope"]
    history.merge(made.store, made.run, made.started)
    changes = history.changes(made.run, scope)
    history.record(past_run(made, scope, changes))
    made.store["changes"] = asdict(changes)
    made.store["reopened"] = sorted(history.reopened(made.run))
    made.store["trend"] = [asdict(run) for run in history.runs(scope, _TREND)]


def _past(data: Mapping[str, Any]) -> PastRun:
    return PastRun(**{**data, "lines": tuple(RunScore(**line) for line in data["lines"])})


def past_run(made: Assessment, scope: str, changes: RunChanges) -> PastRun:
    """The numbers of a run for the history."""
    opened = made.count(Status.OPEN)
    lines = [RunScore("all", "", made.score.value, made.score.seen, opened)]
    lines += [RunScore("account", row.key, row.score.value, row.score.seen, sum(row.open.values()))
              for row in made.by_account]
    lines += [RunScore("severity", name, None, None, number) for name, number in made.open_by_severity.items()]
    lines += [RunScore("framework", row.name, row.percentage, row.seen_share, row.failed) for row in made.frameworks]
    return PastRun(
        made.run, scope, made.started, made.finished, made.complete, made.asked, made.seen, made.score.value, opened,
        made.count(Status.EXCEPTED), changes.fixed, changes.new, tuple(lines))
