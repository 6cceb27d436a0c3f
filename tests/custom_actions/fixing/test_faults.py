"""Every fix of ours, with each of its calls failing in every way: outcome, receipt and state agree.

A scenario (`drifts`) makes resources with drift. The fix runs once to count its calls; then for each of them it runs
again with that one failing, and is taken back by its receipts, which is checked as well and leaves the drift for the
next. Each call, readings included, meets a read timeout, and each changing call all of `FAULTS`; each reading meets
one of the others besides, in turn.
"""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from custom_actions.plugin import ELEMENTS
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
        (element.resource, element.type) for element in ELEMENTS if element.kind == "action"}


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

    trial = fresh()
    assert len(trial.drift.names) > 1 or trial.drift.alone
    calls = trial.clean()
    assert any(not made.reads for made in calls)
    problems = []
    for number, kind in cases(calls, list(DRIFTS).index(which)):
        try:
            trial.fail(number, FAULTS[kind])
        except AssertionError as error:
            problems.append(f"-- {calls[number].operation} (call {number} of {len(calls)}), {kind}:\n{error}")
            trial.lost = True
        if trial.lost:
            trial = fresh()
            trial.clean()
    assert not problems, "\n\n".join([f"{len(problems)} problems", *problems])


def cases(calls: list[Made], turn: int) -> Iterator[tuple[int, str]]:
    """What to let fail, and how. `turn`: where the round of faults begins."""
    others = [kind for kind in FAULTS if kind != READ_TIMEOUT]
    for number, made in enumerate(calls):
        yield number, READ_TIMEOUT
        if made.reads and made.operation != "LookupEvents":
            yield number, others[(turn + number) % len(others)]
        else:
            for kind in others:
                yield number, kind
