"""Score and risk: whatever is fixed or seen, the score does not fall, and what was not seen is not clean."""
from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.vocabulary import EXPOSURES, SEVERITIES
from guardrails.assessment.score import OpenFindings, ScoreInput, risk, risk_of, riskiest, score

checks = st.builds(
    ScoreInput, st.sampled_from(SEVERITIES), st.sampled_from(EXPOSURES), st.booleans(), st.integers(0, 200),
    st.integers(1, 50), st.integers(0, 20))
runs = st.lists(checks, min_size=1, max_size=12)


def split(rows: list[ScoreInput], index: int) -> tuple[list[ScoreInput], ScoreInput]:
    """The rows without one check of row `index`, and that check."""
    row = rows[index]
    rest = [*rows[:index], *([replace(row, number=row.number - 1)] if row.number > 1 else []), *rows[index + 1:]]
    return rest, replace(row, number=1)


@given(runs, st.data())
def test_fixing_something_raises_the_score_where_it_was_seen_and_never_lowers_it(
    rows: list[ScoreInput], data: st.DataObject
) -> None:
    rest, check = split(rows, data.draw(st.integers(0, len(rows) - 1)))
    fixed = data.draw(st.integers(0, check.open))
    before, after = score([*rest, check]), score([*rest, replace(check, open=check.open - fixed)])
    assert after.value >= before.value
    assert (after.value > before.value) == (check.seen and fixed > 0)


@given(runs, st.data())
def test_seeing_more_never_lowers_the_score_whatever_is_seen(rows: list[ScoreInput], data: st.DataObject) -> None:
    rest, check = split(rows, data.draw(st.integers(0, len(rows) - 1)))
    unseen, seen = replace(check, seen=False), replace(check, seen=True, open=data.draw(st.integers(0, 10_000)))
    assert score([*rest, seen]).value > score([*rest, unseen]).value
    assert score([*rest, seen]).seen > score([*rest, unseen]).seen


@given(runs, st.data())
def test_an_exception_costs_nothing_and_is_counted(rows: list[ScoreInput], data: st.DataObject) -> None:
    rest, check = split(rows, data.draw(st.integers(0, len(rows) - 1)))
    let_off = [*rest, replace(check, open=0, excepted=check.excepted + check.open)]
    assert score(let_off).value >= score(rows).value
    assert score(let_off).excepted == score(rows).excepted + check.open
    # Letting something off does not change what the score would be without exceptions.
    assert score(let_off).without_exceptions == score(rows).without_exceptions <= score(rows).value


@given(runs)
def test_only_what_was_all_seen_and_has_nothing_open_is_100(rows: list[ScoreInput]) -> None:
    found = score(rows)
    perfect = all(row.seen and not row.open for row in rows)
    assert (found.shown == 100) == (found.value == 100) == perfect
    assert 0 <= found.value <= 100
    assert (found.seen == 1) == all(row.seen for row in rows)


@given(runs, st.randoms())
def test_the_score_does_not_depend_on_how_checks_are_put_together(rows: list[ScoreInput], random: object) -> None:
    singles = [replace(row, number=1) for row in rows for _ in range(row.number)]
    random.shuffle(singles)  # type: ignore[attr-defined]
    assert score(singles) == score(rows)


def test_one_open_finding_among_millions_of_checks_is_not_100() -> None:
    many = ScoreInput("critical", "internet", True, 0, 10**9)
    assert score([many]).shown == 100
    found = score([many, ScoreInput("info", "internal", True, 1)])
    assert (found.shown, found.value < 100) == (99, True)


def test_nothing_asked_is_not_clean() -> None:
    assert (score([]).value, score([]).seen, score([]).asked) == (0, 0, 0)


def test_the_worked_example_of_the_documentation() -> None:
    found = score([
        ScoreInput("critical", "internet", True, 1),  # 128 points, holds 32
        ScoreInput("high", "internal", True, 0, 2),  # 2 x 16, holds all
        ScoreInput("medium", "internal", False, 0),  # 4, not seen
        ScoreInput("low", "internal", True, 2, excepted=1),  # 1, holds a seventh
    ])
    assert found.value == pytest.approx(100 * (32 + 32 + 1 / 7) / 165)
    assert (found.shown, found.seen, found.open, found.excepted) == (38, 0.8, 3, 1)
    assert found.without_exceptions == pytest.approx(100 * (32 + 32 + 1 / 10) / 165)


def test_no_exposure_outweighs_a_severity() -> None:
    for worse, lesser in pairwise(SEVERITIES):
        assert min(risk(worse, exposure) for exposure in EXPOSURES) > max(
            risk(lesser, exposure) for exposure in EXPOSURES)


def test_what_cannot_be_placed_weighs_as_the_worst() -> None:
    assert risk("urgent", "everywhere") == risk("critical", "internet") == 128
    assert risk("low") == risk("low", "internal") == 1


@given(st.sampled_from(list(product(SEVERITIES, EXPOSURES))), st.integers(0, 10**6))
def test_more_findings_are_more_risk(kind: tuple[str, str], number: int) -> None:
    severity, exposure = kind
    assert risk_of({severity: number + 1}, exposure) > risk_of({severity: number}, exposure) >= 0


@given(st.lists(st.sampled_from(SEVERITIES), min_size=1, max_size=30), st.data())
def test_the_severities_of_accounts_add_up(severities: list[str], data: st.DataObject) -> None:
    def of(listed: list[str]) -> float:
        return risk_of(Counter(listed), "internal")

    assert of(severities) <= risk_of({min(severities, key=SEVERITIES.index): len(severities)}, "internal") + 1e-9
    assert of(severities) >= risk("info") * (1 + math.log2(len(severities))) - 1e-9
    # A finding that becomes less severe never raises the risk.
    at = data.draw(st.integers(0, len(severities) - 1))
    lower = data.draw(st.sampled_from(SEVERITIES[SEVERITIES.index(severities[at]):]))
    assert of([*severities[:at], lower, *severities[at + 1:]]) <= of(severities) + 1e-9


def test_two_severities_of_one_policy() -> None:
    assert risk_of({"low": 3, "critical": 1}, "internet") == pytest.approx(128 + 2 * 2)
    assert risk_of({"low": 4}, "internet") == 2 * 3
    assert risk_of({}, "internet") == risk_of({"low": 0}, "internet") == 0


@dataclass(frozen=True)
class Policy:
    title: str
    severity: str
    exposure: str


def test_the_riskiest_come_first() -> None:
    policies = {
        "tags": Policy("Instances have tags", "low", "internal"),
        "bucket": Policy("No bucket is public", "critical", "internet"),
        "keys": Policy("Keys are rotated", "high", "internal"),
        "clean": Policy("All is well", "critical", "internet"),
    }
    counts = [
        OpenFindings("tags", {"low": 5000}, 9), OpenFindings("bucket", {"critical": 1}, 1),
        OpenFindings("keys", {"high": 4}, 2), OpenFindings("clean", {"critical": 0}, 0)]
    found = riskiest(policies, counts)
    assert [thing.policy for thing in found] == ["bucket", "keys", "tags"]
    assert [thing.risk for thing in found[:2]] == [128, 48]
    assert (found[2].open, found[2].accounts, found[2].title) == (5000, 9, "Instances have tags")
    assert riskiest(policies, counts, limit=1) == found[:1]
    # The general severity is shown; the risk is that of the accounts.
    [tags] = riskiest(policies, [OpenFindings("tags", {"critical": 1, "low": 1}, 2)])
    assert (tags.severity, tags.open, tags.accounts, tags.risk) == ("low", 2, 2, 65)


@given(runs, st.integers(1, 50))
def test_a_check_without_a_resource_changes_nothing_but_what_was_seen(rows: list[ScoreInput], number: int) -> None:
    empty = ScoreInput("critical", "internet", True, 0, number, judged=False)
    before, after = score(rows), score([*rows, empty])
    assert (after.value, after.judged) == (before.value, before.judged)
    assert after.asked == before.asked + number
    assert after.seen >= before.seen
    # Alone, it has no score.
    assert (score([empty]).judged, score([empty]).value) == (0, 0)
