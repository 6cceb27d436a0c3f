"""docs/reliability.md: its table is complete, what it names exists, and a run of the whole suite compares it."""
from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from . import reliability
from .custom_actions.fixing.drifts import DRIFTS
from .custom_actions.fixing.faults import COLUMNS
from .recorded import RECORDED
from .reliability import PAGE, ROOT, Reliability, named, written

CONCURRENT = "concurrent change"
"""The column that not every fix has: only some fixes replace what others may change."""
FIXES = ["-".join(filter(None, key)) for key in DRIFTS]


def rows() -> dict[str, dict[str, str]]:
    """The cells of the table, by fix and column."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if row := re.fullmatch(r"\| `(?P<fix>[^`]+)` \| (?P<cells>[✓| ]*) \|", line):
            found[row["fix"]] = dict(zip(COLUMNS, (cell.strip() for cell in row["cells"].split("|")), strict=True))
    return found


def test_every_fix_has_a_row_and_every_cell_is_green() -> None:
    assert sorted(rows()) == sorted(FIXES)
    assert not [f"{fix}: {column}" for fix, cells in rows().items() for column, cell in cells.items()
                if not cell and column != CONCURRENT]


def test_every_test_that_is_named_exists() -> None:
    tests = named(PAGE.read_text(encoding="utf-8"))
    assert len(tests) > 10
    for each in tests:
        path, _, name = each.partition("::")
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), each


SESSION = """
import pytest
@pytest.mark.parametrize("fix", {fixes!r})
def test_fix(fix, record_property):
    record_property({recorded!r}, [fix, {{"throttled": 1}}])
    assert fix != {fails!r}
def test_other():
    pass
"""
Run = Callable[..., tuple[int, str]]
PROOF = "tests/test_it.py::test_other"


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs pytest on fixes of its own, with a page of its own; returns the exit code and what was reported."""
    monkeypatch.setattr(reliability, "ROOT", tmp_path)
    monkeypatch.setattr(reliability, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(reliability, "bad_inputs", lambda: "none")
    # Each run has another file of the same name.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "tests").mkdir()
    # pytest's end collects garbage several times, among the millions of objects of the tests before.
    gc.collect()
    gc.freeze()

    def run(*arguments: str, fixes: list[str] = FIXES, fails: str = "", page: str | None = None) -> tuple[int, str]:
        content = written(f"`{PROOF}`", {fix: {"throttled": 1} for fix in FIXES}) if page is None else page
        (tmp_path / "page.md").write_text(content)
        (tmp_path / "tests/test_it.py").write_text(SESSION.format(fixes=fixes, recorded=RECORDED, fails=fails))
        for module in [name for name in sys.modules if name.endswith("test_it")]:
            del sys.modules[module]
        plugins: list[Reliability] = []

        class Plugin:
            def pytest_addoption(self, parser: pytest.Parser) -> None:
                parser.addoption("--write-reliability", action="store_true")

            def pytest_configure(self, config: pytest.Config) -> None:
                plugins.append(Reliability(config))
                config.pluginmanager.register(plugins[0], "reliability-of-the-test")

        code = pytest.main(
            ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-c", "/dev/null", "--rootdir", str(tmp_path),
             *(arguments or [str(tmp_path / "tests")])], plugins=[Plugin()])
        return int(code), plugins[0].problem

    return run


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_a_whole_run_that_shows_what_the_page_says_passes(
    session: Run, workers: tuple[str, ...], tmp_path: Path
) -> None:
    assert session(*workers, str(tmp_path / "tests")) == (0, "")


def test_a_whole_run_fails_without_a_scenario(session: Run) -> None:
    code, problem = session(fixes=FIXES[1:])
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "no test tried" in problem and FIXES[0] in problem


def test_a_whole_run_fails_with_a_cell_that_was_not_tried(session: Run) -> None:
    page = written(f"`{PROOF}`", {fix: {"throttled": 1, "killed after it": 1} for fix in FIXES})
    code, problem = session(page=page)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "differs from what the tests recorded" in problem


def test_a_fix_whose_test_failed_is_not_proved(session: Run) -> None:
    code, problem = session(fails=FIXES[3])
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "whose test failed" in problem and FIXES[3] in problem


def test_a_whole_run_fails_if_a_named_test_did_not_run(session: Run) -> None:
    page = written("`tests/test_it.py::test_gone`", {fix: {"throttled": 1} for fix in FIXES})
    code, problem = session(page=page)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "did not run" in problem and "test_gone" in problem


@pytest.mark.parametrize("arguments", [("tests/test_it.py",), ("tests", "-k", "other")])
def test_a_run_of_a_part_compares_nothing(session: Run, arguments: tuple[str, ...], tmp_path: Path) -> None:
    where, *more = arguments
    assert session(str(tmp_path / where), *more, page="nothing") == (0, "")


def test_the_page_is_written_only_when_all_was_tried(session: Run, tmp_path: Path) -> None:
    test = str(tmp_path / "tests/test_it.py")
    code, problem = session(test, "--write-reliability", fixes=FIXES[1:], page="before")
    assert code == pytest.ExitCode.TESTS_FAILED and FIXES[0] in problem
    assert (tmp_path / "page.md").read_text() == "before"
    assert session(test, "--write-reliability", page="before") == (0, "")
    assert f"| `{FIXES[0]}` | ✓ |" in (tmp_path / "page.md").read_text()
