"""From the file of a run to its assessment: compares the run with the history, and adds it to the history."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import GuardrailsError
from ..policies import load_catalogues
from ..results import Exceptions, History, PastRun, RunChanges, RunScore, RunStore, Status, history_place
from .assessment import Assessment

_TREND = 60
NOT_COMPARED = "not_compared"
"""In the run's file: why the run was not compared with the history; empty when it was."""


def assess(
    store: RunStore, *, controls: Sequence[Path] = (), exceptions: Exceptions | None = None,
    history: Path | str | None = None, headline: str = "", extra: Mapping[str, Any] | None = None,
    complete: bool = True,
) -> Assessment:
    """The assessment of a run that has just ended. `complete`: whether the verb did all its work.

    With a `history` (a file, or `s3://BUCKET/KEY`), the run is compared with earlier runs and added to them; the
    comparison is stored with the run. `controls` are directories of frameworks in addition to the project's. A history
    that cannot be used is no reason to lose the results: the assessment has a remark instead of the comparison. Raises
    GuardrailsError for a framework that cannot be read.
    """
    assessment = replace(_of(store, controls), headline=headline, extra=dict(extra or {}), whole=complete)
    if history is not None:
        try:
            store.set_all(history_place(history).update(partial(_compare, assessment)))
            why = ""
        except GuardrailsError as error:
            why = f"not compared with earlier runs, and not added to them: {error.problem}"
            with suppress(GuardrailsError):  # the disk of the run's file may be full too
                store[NOT_COMPARED] = why
        assessment = replace(assessment, not_compared=why)
    return _whole(assessment, exceptions)


def assess_again(store: RunStore, *, controls: Sequence[Path] = (), exceptions: Exceptions | None = None) -> Assessment:
    """The assessment of an earlier run, with the comparison that was stored then: the history has changed since."""
    return _whole(_of(store, controls), exceptions)


def _of(store: RunStore, controls: Sequence[Path]) -> Assessment:
    return Assessment(
        store=store, verb=store["verb"], run=store["run"], version=store["version"], started=store["started"],
        finished=store.get("finished") or store["started"], policies=store.policies(), accounts=store.accounts(),
        catalogues=load_catalogues(controls), not_compared=store.get(NOT_COMPARED, ""),
    )


def _whole(assessment: Assessment, exceptions: Exceptions | None) -> Assessment:
    if (changes := assessment.store.get("changes")) is not None:
        assessment = replace(
            assessment, changes=RunChanges(**changes), reopened=frozenset(assessment.store["reopened"]),
            trend=tuple(_past(run) for run in assessment.store["trend"]))
    if exceptions is not None:
        known = {*assessment.policies, *assessment.store.get("not_chosen", {})}
        assessment = replace(assessment, exceptions=exceptions.state(
            assessment.findings(Status.EXCEPTED),
            ((c.account, c.region, c.policy, c.state) for c in assessment.checks()), known))
    return assessment


def _compare(assessment: Assessment, history: History) -> dict[str, Any]:
    """Add the run to the history; returns the comparison, as facts for the run's file."""
    scope = assessment.store["scope"]
    history.merge(assessment.store, assessment.run, assessment.started)
    changes = history.changes(assessment.run, scope)
    history.record(past_run(assessment, scope, changes))
    return {
        "changes": asdict(changes), "reopened": sorted(history.reopened(assessment.run)),
        "trend": [asdict(run) for run in history.runs(scope, _TREND)], NOT_COMPARED: "",
    }


def _past(data: Mapping[str, Any]) -> PastRun:
    return PastRun(**{**data, "lines": tuple(RunScore(**line) for line in data["lines"])})


def past_run(assessment: Assessment, scope: str, changes: RunChanges) -> PastRun:
    """The numbers of a run for the history."""
    opened = assessment.count(Status.OPEN)
    lines = [RunScore("all", "", assessment.score.value, assessment.score.seen, opened)]
    lines += [
        RunScore("account", row.key, row.score.value if row.score.judged else None, row.score.seen,
                 sum(row.open.values()))
        for row in assessment.by_account]
    lines += [RunScore("severity", name, None, None, number) for name, number in assessment.open_by_severity.items()]
    lines += [RunScore("framework", row.name, row.percentage, row.seen_share, row.failed)
              for row in assessment.frameworks]
    return PastRun(
        id=assessment.run, scope=scope, started=assessment.started, finished=assessment.finished,
        complete=assessment.complete, asked=assessment.asked, seen=assessment.seen, score=assessment.score.value,
        open=opened, excepted=assessment.count(Status.EXCEPTED), fixed=changes.fixed, new=changes.new,
        lines=tuple(lines))
