"""Tables at the widths of terminals: an id is never cut and never wrapped."""
from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from guardrails.cli.console import table
from guardrails.cli.tables import fitted

ARN = ("arn:aws:elasticloadbalancing:eu-central-1:111111111111:listener/app/customer-facing-load-balancer/"
       "50dc6c495c0c9188/f2f7dc8efc522ab2")
POLICY = "security-group-launch-wizard-administration-ports-revert"
COLUMNS = ("severity", "account", "region", "policy", "resource", "title")
TITLE = "Security groups do not open administration or database ports to the internet"
WIDTHS = (80, 100, 160)


def shown(width: int, rows: list[tuple[str, ...]], *, terminal: bool = True) -> str:
    stream = StringIO()
    Console(file=stream, width=width, force_terminal=terminal, no_color=True, highlight=False, soft_wrap=True,
            force_interactive=False, color_system=None).print(table("Findings", COLUMNS[:len(rows[0])], rows))
    return stream.getvalue()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("resource", ["sg-7697002cce38bd93b", ARN[:70], ARN])
def test_an_id_is_whole_at_every_width(width: int, resource: str) -> None:
    row = ("critical", "123456789012", "ap-northeast-1", POLICY, resource, TITLE)
    text = shown(width, [row, ("low", "111111111111", "global", "a", "b", "")])
    for word in (*row[:-1], *TITLE.split()):
        assert word in text.split()
    for line in text.splitlines():
        # Only a word that is longer than the terminal makes a line longer than it.
        assert len(line.rstrip()) <= width or max(map(len, line.split())) > width - 10, line


@pytest.mark.parametrize("width", WIDTHS)
def test_prose_gives_way_first(width: int) -> None:
    text = shown(width, [("high", "prod", "eu-central-1", "ebs-encryption", "sg-7697002c", TITLE)])
    assert text.splitlines()[1].split() == list(COLUMNS), "a table, not records"
    assert all(len(line) <= width for line in text.splitlines())


def test_a_record_has_an_id_that_is_too_long_on_a_line_of_its_own() -> None:
    lines = shown(80, [("high", "production", "global", POLICY, ARN, TITLE)]).splitlines()
    assert lines[lines.index("resource") + 1] == f"  {ARN}"
    assert f"policy    {POLICY}" in lines
    assert lines[-3].startswith("title     Security groups do not open")
    assert lines[-2].startswith("          "), "the rest of the title"
    assert lines[-1] == "", "between two records"


def test_in_a_pipe_a_row_stays_on_one_line() -> None:
    text = shown(200, [("high", "production", "global", POLICY, ARN * 2, TITLE)], terminal=False)
    assert ARN * 2 in text.split()
    assert [line for line in text.splitlines() if POLICY in line and ARN * 2 in line]


def test_markup_and_control_characters_in_cells_are_literal() -> None:
    text = shown(80, [("[red]x[/red]", "a\x1b[2Jb", "c\nd")])
    assert "[red]x[/red]" in text and "\x1b[2J" not in text and "\\x1b[2Jb" in text


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=7), st.integers(0, 200))
def test_widths_fit_and_none_is_less_than_its_longest_word(columns: list[tuple[int, int]], room: int) -> None:
    least = [min(pair) for pair in columns]
    widths = [max(pair) for pair in columns]
    found = fitted(widths, least, room)
    if sum(least) > room:
        assert found is None
        return
    assert found is not None and sum(found) == min(room, sum(widths))
    assert all(low <= width <= high for low, width, high in zip(least, found, widths, strict=True))
