"""Every fix, with each of its calls failing in every way: outcome, receipt and state agree.

A scenario (`drifts`) makes resources with drift. The fix runs once to count its calls. Then for each call it runs again
with that one failing, and is undone by its receipts; that this gives the drift back is checked too, and makes the next
run possible. Every call, reads included, meets a read timeout. Every call that changes something, and every lookup in
the event history, meets all of `FAULTS`; where another resource type has the same
action, or the fix cannot be undone, a third of them, in turn.
Other reads meet one more fault at every third call, in turn. Nothing is random.
"""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from custom_actions.plugin import ELEMENTS, native_actions
from tests.moto_server import Moto

from .cloud import Cloud
from .drifts import DRIFTS
from .faults import FAULTS, READ_TIMEOUT, Faults, Made, Trial, without_detours


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits: neither what reads back, nor what tries again."""
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def test_every_fix_has_a_scenario() -> None:
    assert {key[:2] for key in DRIFTS} == {
        *((element.resource, element.type) for element in ELEMENTS if element.kind == "action"),
        *((native.resource, native.type) for native in native_actions())}


@pytest.mark.parametrize("which", DRIFTS, ids=lambda key: "-".join(filter(None, key)))
def test_whatever_call_fails_outcome_receipt_and_state_agree(
    which: tuple[str, str, str], moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_detours(moto, monkeypatch)
    cloud = Cloud(moto, monkeypatch)
    faults = Faults(monkeypatch)

    def fresh() -> Trial:
        moto.reset()
        return Trial(DRIFTS[which](cloud), cloud, faults, tmp_path)

    def checked() -> tuple[Trial, list[Made]]:
        """A trial that has run without a fault, in the state at the beginning, and its calls."""
        trial = fresh()
        calls = trial.clean()
        if trial.lost:
            # The fix cannot be undone.
            trial, places = fresh(), trial.places
            trial.places, trial.irreversible = places, True
        return trial, calls

    trial, calls = checked()
    assert len(trial.drift.names) > 1 or trial.drift.alone
    assert any(not made.reads for made in calls)
    problems = []
    turn = list(DRIFTS).index(which)
    # Where the fix cannot be undone, each case needs a new account, which takes a second.
    again = trial.irreversible or any(key[1:] == which[1:] for key in list(DRIFTS)[:turn])
    for number, kind in cases(calls, turn, again=again):
        try:
            trial.fail(number, FAULTS[kind])
        except AssertionError as error:
            problems.append(f"-- {calls[number].operation} (call {number} of {len(calls)}), {kind}:\n{error}")
            trial.lost = True
        if trial.lost:
            trial, _ = checked()
    assert not problems, "\n\n".join([f"{len(problems)} problems", *problems])


def cases(calls: list[Made], turn: int, *, again: bool) -> Iterator[tuple[int, str]]:
    """Which calls to let fail, and how.

    Args:
        turn: where the rotation of faults begins.
        again: whether a third of the faults is enough: another resource type with the same action meets them all.
    """
    others = [kind for kind in FAULTS if kind != READ_TIMEOUT]
    for number, made in enumerate(calls):
        yield number, READ_TIMEOUT
        start = turn + number
        if not made.reads or made.operation == "LookupEvents":
            for kind in others[start % 3::3] if again else others:
                yield number, kind
        elif start % 3 == 0:
            yield number, others[start // 3 % len(others)]
