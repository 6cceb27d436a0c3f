"""Every fix, with each of its calls failing in every way: outcome, receipt and state agree.

A scenario (`drifts`) makes resources with drift. The fix runs once to count its calls. Then for each call it runs again
with that one failing, and is undone by its receipts; that this gives the drift back is checked too, and makes the next
run possible. Every call, reads included, meets a read timeout. Every call that changes something, and every lookup in
the event history, meets all of `FAULTS`; where an earlier fix makes its calls in the same way, or the fix cannot be
undone, a third of them, in turn. Other reads meet one more fault at every third call, in turn. Nothing is random.

One change, in turn, meets each of `ROTATED`. Once the process is killed at the first or the last change; then the fix
runs again, and both runs are undone. Once the reads after each change get the old answer: one of them, or all. And once
the journal cannot be written. docs/reliability.md is written from what these tests record.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from custom_actions.fixing.inverses import declarations
from custom_actions.plugin import ELEMENTS, native_actions
from tests.moto_server import Moto
from tests.recorded import RECORDED

from .cloud import Cloud
from .drifts import DRIFTS
from .faults import FAULTS, KILLS, READ_TIMEOUT, ROTATED, Faults, Made, Trial

RUN_AGAIN = ("denied from here on", "read timeouts from here on, this one done", "expired token from here on")
"""After the first of each of these faults at a change, the fix is run again, which must complete it."""
BEFORE, AFTER = KILLS
ENDLESS = 1000


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits: neither what reads back, nor what tries again, nor the journal for the disk."""
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


def test_every_fix_has_a_scenario() -> None:
    assert {key[:2] for key in DRIFTS} == {
        *((element.resource, element.type) for element in ELEMENTS if element.kind == "action"),
        *((native.resource, native.type) for native in native_actions())}


@pytest.mark.parametrize("which", DRIFTS, ids=lambda key: "-".join(filter(None, key)))
def test_whatever_call_fails_outcome_receipt_and_state_agree(
    which: tuple[str, str, str], moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    moto.share_clients(monkeypatch)
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
    few = trial.irreversible or way(which) in map(way, list(DRIFTS)[:turn])
    tried, completed = Counter[str](), set[str]()
    for number, kind in cases(calls, turn, few=few):
        tried[kind] += 1
        try:
            if kind in KILLS:
                trial.kill(number, KILLS[kind])
            elif kind == "stale reads":
                trial.stale(number)
            elif kind == "output not writable":
                trial.not_writable(monkeypatch)
            else:
                again = kind in RUN_AGAIN and kind not in completed and not calls[number].reads
                completed.update({kind} if again else ())
                trial.fail(number, {**FAULTS, **ROTATED}[kind], again=again)
        except AssertionError as error:
            where = f"{calls[number].operation} (call {number} of {len(calls)}), " if number < len(calls) else ""
            problems.append(f"-- {where}{kind}:\n{error}")
            trial.lost = True
        if trial.lost:
            trial, _ = checked()
    assert not problems, "\n\n".join([f"{len(problems)} problems", *problems])
    record_property(RECORDED, ["-".join(filter(None, which)), dict(tried)])


def way(which: tuple[str, str, str]) -> tuple[str, ...]:
    """How a fix makes its calls: settings in one of two ways, all others by their action."""
    resource, action, further = which
    own = [each.inverse for each in declarations() if each.action == action and f"aws.{resource}" in each.types]
    if own and all(each.settings_call for each in own):
        return ("settings", "ours" if action == "change-settings" else "c7n")
    return (action, further)


def cases(calls: list[Made], turn: int, *, few: bool) -> Iterator[tuple[int, str]]:
    """Which calls to let fail, and how.

    Args:
        turn: where the rotation of faults begins.
        few: whether a third of the faults is enough: another fix that makes its calls in the same way meets them all.
    """
    others = [kind for kind in FAULTS if kind != READ_TIMEOUT]
    changes = [number for number, made in enumerate(calls) if not made.reads]
    for number, made in enumerate(calls):
        yield number, READ_TIMEOUT
        start = turn + number
        if not made.reads or made.operation == "LookupEvents":
            for kind in others[start % 3::3] if few else others:
                yield number, kind
        elif start % 3 == 0:
            yield number, others[start // 3 % len(others)]
    if few:
        met = {kind for number in changes for kind in others[(turn + number) % 3::3]}
        yield from ((changes[0], kind) for kind in others if kind not in met)
    for offset, kind in enumerate(ROTATED):
        yield changes[(turn + offset) % len(changes)], kind
    # At the first change, before the call, nothing has happened yet.
    yield ((changes[0], AFTER), (changes[-1], BEFORE), (changes[-1], AFTER))[turn % 3]
    yield (1, ENDLESS)[turn % 2], "stale reads"
    yield 0, "output not writable"
