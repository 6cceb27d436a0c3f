"""The history: since when, fixed or only not looked at, and how the score went."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guardrails.assessment.assessment import Assessment
from guardrails.assessment.changes import assess as finish
from guardrails.assessment.changes import assess_again
from guardrails.errors import GuardrailsError
from guardrails.results.finding import Finding, Status
from guardrails.results.history import History
from guardrails.results.store import CheckRow, RunStore
from tests.guardrails.conftest import guardrails
from tests.reporting import BLUE, EAST, RED, WEST, assess, checks, group

ONE, TWO, THREE = (f"2026-0{month}-01T08:00:00+00:00" for month in (3, 4, 5))
SSH = [check for check in checks() if check.policy == "open-ssh"]


def run(
    directory: Path, started: str, findings: Iterable[Finding], rows: Sequence[CheckRow] | None = None,
    scope: str = "all",
) -> Assessment:
    """A run with these findings, brought into the history beside its directory."""
    rows = SSH if rows is None else rows
    with_store = assess(directory, [replace(f, first_seen="", last_seen="") for f in findings], rows)
    store = with_store.store
    for key, value in {"verb": "audit", "run": started, "version": "0", "started": started, "scope": scope}.items():
        store[key] = value
    return finish(store, history=directory.parent / "history.db")


def shown(made: Assessment) -> dict[str, tuple[str, str, str]]:
    return {f.resource: (f.status.value, f.first_seen, f.last_seen) for f in made.findings()}


def changed(made: Assessment) -> tuple[int, int, int]:
    assert made.changes is not None
    return made.changes.new, made.changes.reopened, made.changes.fixed


def test_a_finding_is_new_then_known_then_fixed_then_reopened(tmp_path: Path) -> None:
    one, two = group("sg-1", RED, EAST), group("sg-2", RED, EAST)
    first = run(tmp_path / "1", ONE, [one])
    assert changed(first) == (1, 0, 0)
    assert shown(first) == {"sg-1": ("open", ONE, ONE)}
    second = run(tmp_path / "2", TWO, [one, two])
    assert changed(second) == (1, 0, 0)
    assert shown(second) == {"sg-1": ("open", ONE, TWO), "sg-2": ("open", TWO, TWO)}
    third = run(tmp_path / "3", THREE, [two])
    assert changed(third) == (0, 0, 1)
    assert shown(third) == {"sg-1": ("fixed", ONE, TWO), "sg-2": ("open", TWO, THREE)}
    fourth = run(tmp_path / "4", "2026-06-01T08:00:00+00:00", [one, two])
    assert changed(fourth) == (0, 1, 0)
    assert fourth.reopened == {one.id}
    assert [past.open for past in fourth.trend] == [1, 2, 1, 2]
    assert fourth.changes is not None
    assert fourth.changes.previous == THREE


def test_what_was_not_looked_at_is_not_fixed(tmp_path: Path) -> None:
    one, other = group("sg-1", RED, EAST), group("sg-2", BLUE, WEST)
    run(tmp_path / "1", ONE, [one, other])
    unseen = [replace(check, state="denied") if check.account == RED else check for check in SSH]
    second = run(tmp_path / "2", TWO, [], unseen)
    assert changed(second) == (0, 0, 1)
    assert shown(second) == {"sg-2": ("fixed", ONE, ONE)}
    # A run of other policies fixes nothing at all.
    third = run(tmp_path / "3", THREE, [], [check for check in checks() if check.policy == "user-mfa"], scope="users")
    assert changed(third) == (0, 0, 0)
    again = run(tmp_path / "4", "2026-06-01T08:00:00+00:00", [one])
    assert shown(again) == {"sg-1": ("open", ONE, "2026-06-01T08:00:00+00:00")}
    # Another scope has another trend.
    assert [past.started for past in again.trend] == [ONE, TWO, "2026-06-01T08:00:00+00:00"]


def test_a_resumed_run_is_recorded_as_if_it_had_been_one(tmp_path: Path) -> None:
    one, two = group("sg-1", RED, EAST), group("sg-2", BLUE, WEST)
    run(tmp_path / "1", ONE, [one])
    unseen = [replace(check, state="not-run") if check.account == BLUE else check for check in SSH]
    second = run(tmp_path / "2", TWO, [], unseen)
    assert changed(second) == (0, 0, 1)
    check = next(check for check in SSH if check.account == BLUE and check.region == WEST)
    second.store.add([(check, [two])])
    whole = finish(second.store, history=tmp_path / "history.db")
    assert changed(whole) == (1, 0, 1)
    assert [past.started for past in whole.trend] == [ONE, TWO]
    third = run(tmp_path / "3", THREE, [two])
    # The report of an earlier run stays what it was.
    before = assess_again(RunStore.open(tmp_path / "2"))
    assert (before.changes, before.trend, shown(before)) == (whole.changes, whole.trend, shown(whole))
    assert len(third.trend) == 3


def test_what_a_function_fixed_before_any_run_knew_of_it_is_fixed(tmp_path: Path) -> None:
    known, unknown = group("sg-1", RED, EAST), group("sg-2", RED, EAST)
    run(tmp_path / "1", ONE, [known])
    both = [replace(one, status=Status.FIXED) for one in (known, unknown)]
    second = run(tmp_path / "2", TWO, both)
    assert {name: status for name, (status, _, _) in shown(second).items()} == {"sg-1": "fixed", "sg-2": "fixed"}
    assert changed(second) == (0, 0, 2)
    assert {name for name, (_, first, _) in shown(second).items() if first == ONE} == {"sg-1"}
    third = run(tmp_path / "3", THREE, [unknown])
    assert changed(third) == (0, 1, 0)


def test_an_exception_that_ends_opens_the_finding_again(tmp_path: Path) -> None:
    one = group("sg-1", RED, EAST)
    run(tmp_path / "1", ONE, [replace(one, status=Status.EXCEPTED, exception={"reason": "x"})])
    second = run(tmp_path / "2", TWO, [one])
    assert shown(second) == {"sg-1": ("open", ONE, TWO)}


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "h").write_text("something else, and long enough to be read as a header of a file")
    with pytest.raises(GuardrailsError, match="not an SQLite file"):
        History(tmp_path / "h")
    with pytest.raises(GuardrailsError, match="not an SQLite file"):
        RunStore.open(tmp_path / "h")


def test_the_trend_is_of_runs_that_can_be_compared(tmp_path: Path) -> None:
    run(tmp_path / "0", "2026-01-01T00:00:00+00:00", [], scope="other")
    run(tmp_path / "1", ONE, [group("sg-1", RED, EAST)])
    run(tmp_path / "2", TWO, [])
    history: Any = tmp_path / "history.db"
    result = guardrails("trend", "--history", history)
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines() if line.startswith("20")]
    assert [line[0] for line in lines] == [ONE, TWO]
    assert float(lines[1][2]) > 0
    assert "INCOMPLETE" in result.stdout
    of_red = guardrails("trend", "--history", history, "--account", RED)
    assert "100.0" in of_red.stdout
    unknown = guardrails("trend", "--history", history, "--account", "999999999999")
    assert unknown.exit_code == 1
    assert RED in unknown.stderr
    nothing = guardrails("trend", "--history", tmp_path / "no")
    assert nothing.exit_code == 1
    assert "the history file does not exist" in nothing.stderr
