"""When a fix stops: the pure decision, and what it takes from a history that others may have written."""
from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.fixing.quarrel import Claim, History, QuarrelLimit, claim, parse, release, thing_of

SSH, RDP = "revoke tcp 22 from 0.0.0.0/0", "revoke tcp 3389 from 0.0.0.0/0"
LIMIT = QuarrelLimit(3, 600)
START = 1_800_000_000


def revert(
    history: History, now: int, *groups: tuple[str, ...], limit: QuarrelLimit = LIMIT, actor: str = "eve"
) -> Claim:
    # Every history goes through its text, as between two instances of a function.
    return claim(
        parse(history.text()), groups or ((SSH,),), limit, now=now, actor=actor, event="Authorize", name="n")


def reverted(times: int, *, every: int = 10) -> History:
    history = History()
    for number in range(times):
        history = revert(history, START + number * every).history
    return history


def test_it_stops_after_the_limit_and_says_who_fights() -> None:
    history = reverted(3)
    made = revert(history, START + 30, actor="mallory")
    assert made.allowed == (False,)
    [stop] = made.stopped
    assert (stop.thing, stop.reverts, stop.actors, stop.until) == (SSH, 3, ("eve", "mallory"), START + 600)
    assert stop.text("our-role") == (
        f"stopped: '{SSH}' was done 3 times in 10 minutes by our-role, and each time undone by eve, mallory "
        "(Authorize); it is not done again before 2027-01-15 08:10:00Z")


def test_another_opening_of_the_same_resource_is_reverted() -> None:
    made = revert(reverted(3), START + 30, (SSH,), (RDP,))
    assert made.allowed == (False, True)


def test_after_the_window_it_reverts_again() -> None:
    assert revert(reverted(3), START + 599).allowed == (False,)
    later = revert(reverted(3), START + 600)
    assert later.allowed == (True,)
    # The window slides: the second revert still counts.
    assert revert(revert(later.history, START + 611).history, START + 612).allowed == (False,)


def test_all_of_a_group_is_reverted_or_nothing() -> None:
    made = revert(reverted(3), START + 30, (RDP, SSH))
    assert made.allowed == (False,)
    assert [each.thing for each in made.history.reverts] == [SSH] * 3


def test_a_stop_lasts_while_the_changes_go_on_and_keeps_its_beginning() -> None:
    history = revert(reverted(3), START + 30).history
    [stop] = revert(history, START + 300, actor="mallory").stopped
    assert (stop.at, stop.until, stop.actors) == (START + 30, START + 600, ("eve", "mallory"))


def test_no_limit_never_stops() -> None:
    history = History()
    for number in range(20):
        made = revert(history, START + number, limit=QuarrelLimit(0, 600))
        assert made.allowed == (True,)
        history = made.history


def test_what_was_not_made_does_not_count() -> None:
    history = reverted(3)
    assert revert(release(history, "other", [SSH]), START + 30).allowed == (False,)
    assert revert(release(history, "n", [SSH]), START + 30).allowed == (True,)


@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from([SSH, RDP])), max_size=60), st.integers(1, 4))
def test_no_window_holds_more_reverts_than_the_limit(changes: list[tuple[int, str]], most: int) -> None:
    limit, now, history = QuarrelLimit(most, 600), START, History()
    made: dict[str, list[int]] = {SSH: [], RDP: []}
    for pause, thing in changes:
        now += pause
        found = revert(history, now, (thing,), limit=limit)
        history = found.history
        if found.allowed[0]:
            made[thing].append(now)
    for times in made.values():
        assert all(sum(at - 600 < other <= at for other in times) <= most for at in times)
    # And nothing is held back without reason.
    assert sum(map(len, made.values())) >= min(len(changes), most)


def test_a_text_that_others_wrote_is_taken_in_bounds() -> None:
    record = {"at": START, "thing": SSH, "actor": "e\x1b[31mve", "event": "x" * 5_000, "claim": "c"}
    stop = {"thing": SSH, "at": START, "until": START + 600, "reverts": 3, "seconds": 600, "actors": [], "events": []}
    history = parse(json.dumps({
        "about": {"policy": "p\n", "n": 1},
        "reverts": [record] * 5_000 + [{**record, "at": "now"}, 7, {**record, "at": -1}],
        "stops": [stop] * 100 + [{**stop, "until": START + 9_999}, {**stop, "actors": [1]}]}))
    assert len(history.reverts) <= 250 and len(history.stops) <= 20
    assert history.reverts[0].actor == "e\\x1b[31mve" and len(history.reverts[0].event) == 200
    assert history.about == {"policy": "p\\n"}
    assert all(each.until == START + 600 for each in history.stops)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"reverts": {}, "stops": 3}', "null"])
def test_a_damaged_text_is_an_empty_history(text: str) -> None:
    assert parse(text) == History()


def test_reverts_of_the_future_do_not_count() -> None:
    """Otherwise whoever may write to the table could stop a fix for good."""
    history = parse(reverted(3).text().replace(str(START), str(START + 90_000)))
    assert [each.at for each in history.reverts].count(START + 90_000) == 1
    assert revert(history, START + 30).allowed == (True,)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["about", "reverts", "stops", "at", "thing", "actor", "event", "claim", "until"]), inner)))
def test_any_json_is_taken(given_: Any) -> None:
    claim(parse(json.dumps(given_)), [(SSH,)], LIMIT, now=START, actor="a", event="e", name="n")


def test_things_are_short_and_distinct() -> None:
    one, other = thing_of("x" * 300 + "1"), thing_of("x" * 300 + "2")
    assert len(one) <= 200 and one != other
    assert parse(revert(History(), START, (one,)).history.text()).reverts[0].thing == one
    assert thing_of("a\nb") == "a\\nb"
