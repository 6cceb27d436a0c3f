"""The section of a benchmark in results.md: ratios, targets, and what was not measured or failed."""
from __future__ import annotations

from pathlib import Path

import pytest

from bench.harness import Section, ratios
from bench.harness.results import write_failure, write_section
from bench.harness.series import number
from bench.harness.targets import targets


def test_a_ratio_is_of_the_two_sides_of_the_same_round() -> None:
    """The second round was slow for both; ratios of medians would say something else."""
    found = ratios([1.0, 30.0, 2.0], [2.0, 60.0, 8.0])
    assert found.values == (0.5, 0.5, 0.25)
    assert found.median == 0.5


def test_a_side_with_fewer_rounds_counts_with_its_median() -> None:
    assert ratios([1.0, 2.0, 3.0], [10.0]).values == (0.1, 0.2, 0.3)
    assert ratios([4.0], [1.0, 2.0]).values == (4.0, 2.0)


@pytest.mark.parametrize(("ours", "theirs"), [([1.0], [0.0]), ([1.0, 2.0], [0.0]), ([], [1.0]), ([1.0], [])])
def test_there_is_no_ratio_to_nothing(ours: list[float], theirs: list[float]) -> None:
    with pytest.raises(ValueError, match=r"no ratio|nothing was measured"):
        ratios(ours, theirs)


@pytest.mark.parametrize(("value", "text"), [
    (0, "0"), (1234.5, "1,234"), (99.94, "99.9"), (1.005, "1.00"), (0.31, "0.31"), (0.0033, "0.0033"), (1 / 3, "0.33")])
def test_a_number_has_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def section(ours: float) -> Section:
    made = Section("One account.")
    made.compare("accounts.memory", "memory", [ours, ours, ours * 2], [100.0] * 3, against="c7n-org", unit="MiB")
    made.compare("", "calls", [3], [6], against="c7n-org")
    return made


def test_a_target_is_met_or_by_how_much_not(tmp_path: Path) -> None:
    results = tmp_path / "results.md"
    write_section(results, "accounts", section(90), options="--rounds 3")
    met = results.read_text()
    assert "| [accounts](#accounts) | memory | c7n-org | 0.90 (0.90 to 1.80) | 1.00 | met |" in met
    assert "| memory | c7n-org | 90.0 MiB (90.0 to 180) | 100 MiB (100 to 100) |" in met
    assert "| calls | c7n-org | 3.00 | 6.00 | 0.50 |  |  |" in met
    assert "Options: --rounds 3." in met
    write_section(results, "accounts", section(150))
    assert "| 1.00 | **not met**: 1.50 times the target |" in results.read_text()


def test_other_sections_stay_as_they_are_and_the_order_is_that_of_the_list(tmp_path: Path) -> None:
    results = tmp_path / "results.md"
    for name in ("start", "sweep", "own"):
        write_section(results, name, section(90), order=("sweep", "start"))
    before = results.read_text()
    write_section(results, "sweep", section(150), order=("sweep", "start"))
    after = results.read_text()
    assert [line for line in after.splitlines() if line.startswith("## ")] == ["## sweep", "## start", "## own"]
    assert before.partition("## start")[2].partition("<!-- end")[0] == after.partition("## start")[2].partition(
        "<!-- end")[0]
    assert after.count("| [sweep](#sweep) |") == 1


def test_what_was_not_measured_and_what_failed_is_in_the_summary(tmp_path: Path) -> None:
    results = tmp_path / "results.md"
    made = section(90)
    made.not_measured("equal checks", "Prowler", "it cannot be installed")
    write_section(results, "accounts", made)
    text = results.read_text()
    assert "| [accounts](#accounts) | equal checks | Prowler |  |  | not measured: it cannot be installed |" in text
    write_failure(results, "accounts", "Traceback\nFailed: the audit wrote nothing")
    text = results.read_text()
    assert "**failed**: Failed: the audit wrote nothing |" in text
    assert "0.90" not in text  # no figure of before looks like one of now


def test_a_text_that_looks_like_a_mark_of_a_section_does_not_end_it(tmp_path: Path) -> None:
    results = tmp_path / "results.md"
    made = section(90)
    made.notes.append("a | pipe, and <!-- end other -->")
    write_section(results, "one", made)
    write_section(results, "two", section(90))
    text = results.read_text()
    assert text.count("a | pipe, and <!-- end other -->") == 1
    assert "## one" in text
    assert "## two" in text


def test_every_target_has_a_number_and_the_ratio_of_before() -> None:
    assert targets()["sweep.prowler-calls"].at_most == pytest.approx(1 / 3)
    assert targets()["deploy.functions"].at_most == pytest.approx(12 / 159)
    assert all(0 < target.at_most <= 2 and target.before for target in targets().values())


def test_an_unknown_target_is_an_error() -> None:
    with pytest.raises(KeyError):
        Section("").compare("sweep.nothing", "calls", [1], [1], against="c7n")
