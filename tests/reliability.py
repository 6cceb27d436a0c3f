"""Writes what the tests record into docs/reliability.md, and compares it.

Each test of a fix records which faults it tried, after all its checks passed. A session that ran the whole suite fails
if the page differs from what was recorded, or if a test that the page names was not passed. A session that ran a part
of the suite compares nothing.

    ./run.sh test tests/custom_actions/fixing --write-reliability     # writes the page again
"""
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from .recorded import RECORDED

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/reliability.md"
START, END = "<!-- {}: written by the tests -->", "<!-- end of {} -->"
WRITE = "./run.sh test tests/custom_actions/fixing --write-reliability"

Recorded = Mapping[str, Mapping[str, int]]
"""By fix: how often each fault was tried."""


class Reliability:
    """A plugin of pytest, in the process that receives the reports of all tests."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._recorded: dict[str, Counter[str]] = {}
        self._passed: set[str] = set()
        self._failed: set[str] = set()
        self._collected_in_part = False
        self.problem = ""

    def pytest_deselected(self) -> None:
        self._collected_in_part = True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = report.nodeid.partition("[")[0]
        if report.failed:
            self._failed.add(test)
        if report.when != "call" or not report.passed:
            return
        self._passed.add(test)
        for name, value in report.user_properties:
            if name == RECORDED:
                fix, tried = value
                self._recorded.setdefault(fix, Counter()).update(tried)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        page = PAGE.read_text(encoding="utf-8")
        if self._config.getoption("--write-reliability"):
            if missing := not_tried(self._recorded):
                self.problem = f"docs/reliability.md is not written, because these were not tried: {missing}"
            else:
                PAGE.write_text(written(page, self._recorded), encoding="utf-8")
        elif self._is_whole():
            self.problem = difference(page, self._recorded, self._passed - self._failed)
        if self.problem and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.problem:
            terminalreporter.write_line(self.problem, red=True)

    def _is_whole(self) -> bool:
        option = self._config.option
        selected = option.keyword or option.markexpr or getattr(option, "lf", False) or option.collectonly
        narrow = getattr(option, "deselect", None) or option.ignore or option.ignore_glob
        paths = {(self._config.invocation_params.dir / each).resolve() for each in self._config.args}
        return not (selected or narrow or self._collected_in_part) and paths <= {ROOT, ROOT / "tests"}


def difference(page: str, recorded: Recorded, passed: set[str]) -> str:
    """Why the page is not what a whole run of the suite has shown; empty if it is.

    `passed`: the tests that passed, in every case that they have.
    """
    if missing := not_tried(recorded):
        return f"docs/reliability.md has fixes that no test tried, or whose test failed: {missing}"
    if missing := sorted(named(page) - passed):
        return f"docs/reliability.md names tests that did not run or failed: {missing}"
    if written(page, recorded) != page:
        return f"docs/reliability.md differs from what the tests recorded; to write it again: {WRITE}"
    return ""


def not_tried(recorded: Recorded) -> list[str]:
    """The fixes that no test recorded."""
    from tests.custom_actions.fixing.drifts import DRIFTS

    return sorted({"-".join(filter(None, key)) for key in DRIFTS} - recorded.keys())


def named(page: str) -> set[str]:
    """The tests that the page names: `path::name`."""
    return set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", page))


def written(page: str, recorded: Recorded) -> str:
    """The page with what was recorded, and with the number of bad inputs."""
    for name, content in (("faults", table(recorded)), ("bad input", bad_inputs())):
        start, end = START.format(name), END.format(name)
        before, _, rest = page.partition(start)
        _, _, after = rest.partition(end)
        page = f"{before}{start}\n{content}\n{end}{after}"
    return page


def table(recorded: Recorded) -> str:
    """The table: a row for each fix and a column for each kind of fault."""
    from tests.custom_actions.fixing.faults import COLUMNS

    lines = [f"| fix | {' | '.join(COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
    for fix, tried in sorted(recorded.items()):
        cells = ["✓" if any(belongs(kind) for kind in tried) else "" for belongs in COLUMNS.values()]
        lines.append(f"| `{fix}` | {' | '.join(cells)} |")
    cases = sum(each.total() for each in map(Counter, recorded.values()))
    return "\n".join([f"{len(recorded)} fixes, more than {rounded(cases)} cases.", "", *lines])


def bad_inputs() -> str:
    """A table of how many bad inputs the tests try."""
    from tests.custom_actions.functions import test_malformed
    from tests.guardrails.cli import test_bad_files

    return "\n".join([
        "| input | number | test |", "|---|---|---|",
        f"| malformed events, AWS Config notifications and SNS messages | more than {rounded(test_malformed.tried())} "
        f"| `tests/custom_actions/functions/test_malformed.py::test_whatever_hypothesis_makes` and its neighbours |",
        f"| damaged files: policies, exceptions, accounts, frameworks, receipts, databases | more than "
        f"{rounded(test_bad_files.tried())} | `tests/guardrails/cli/test_bad_files.py::test_a_bad_file` |"])


def rounded(number: int) -> str:
    """The number rounded down to hundreds: one more policy or call does not change the page."""
    return f"{number // 100 * 100:,}"
