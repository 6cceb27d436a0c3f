"""What a verb prints besides its result: -v and -q, log lines of libraries, and files outside of its directory."""
from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guardrails.cli import validate

from ..conftest import HOME, POLICIES, Cloud, guardrails


@pytest.fixture
def noisy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Libraries that log while `validate` runs, after one has set the root logger to DEBUG, as c7n.handler does."""
    before = logging.root.level
    check = validate.team_settings

    def settings() -> Any:
        logging.root.setLevel(logging.DEBUG)
        logging.basicConfig(level=logging.DEBUG)  # as c7n-mailer does
        log = logging.getLogger("some.library")
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            log.log(level, "line of level %s\x1b[2J", level)
        return check()

    monkeypatch.setattr(validate, "team_settings", settings)
    yield
    logging.root.setLevel(before)


@pytest.mark.parametrize(("option", "shown"), [
    ((), ["WARNING", "ERROR"]), (("-v",), ["INFO", "WARNING", "ERROR"]), (("-q",), ["ERROR"]),
])
def test_log_lines_of_libraries(noisy: None, option: tuple[str, ...], shown: list[str]) -> None:
    result = guardrails("validate", POLICIES, *option)
    assert result.exit_code == 0
    lines = [line for line in result.stderr.splitlines() if "some.library" in line]
    assert [line.partition(" ")[0] for line in lines] == shown
    assert "\x1b" not in result.stderr and "\\x1b[2J" in result.stderr
    assert "some.library" not in result.stdout
    assert not [each for each in logging.root.handlers if "talk" in type(each).__module__], "gone with the command"


def test_more_and_less_than_usual(tmp_path: Path) -> None:
    file = tmp_path / "guest.yml"
    file.write_text("policies:\n- {name: a, resource: aws.s3, filters: [{type: value, key: Name, value: x}]}\n")
    usual, more, less = (guardrails("validate", file, *option) for option in ((), ("--verbose",), ("--quiet",)))
    assert "hints about policies" in usual.stderr
    assert f"checked {file.name}" in more.stderr
    assert less.stderr == ""
    assert less.stdout.partition(",")[0] == usual.stdout.partition(",")[0], "the result is the same"


def test_quiet_keeps_errors_and_what_a_question_is_about(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = cloud.open_group(HOME, "us-east-1")
    chosen = ("heal", "--policies", POLICIES, "--policy", "open-ssh", "-r", "us-east-1", "-q")
    refused = guardrails(*chosen)
    assert (refused.exit_code, "standard input is not a terminal" in refused.stderr) == (1, True)
    monkeypatch.setattr("guardrails.cli.console.need_an_answer", lambda *, yes: None)
    asked = guardrails(*chosen, "-o", tmp_path / "asked")
    assert asked.exit_code == 1
    assert "Would be fixed" in asked.stderr and group in asked.stderr and "Run the fixes of 1 policies" in asked.stderr
    healed = guardrails(*chosen, "--yes", "-o", tmp_path / "healed")
    assert (healed.exit_code, healed.stderr) == (0, ""), healed.stderr
    assert healed.stdout.startswith("COMPLETE")


def test_nothing_is_written_outside_of_the_directory(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With -o and without a history, the working directory and the policies stay as they were."""
    cloud.open_group(HOME, "us-east-1")
    work, policies, out = tmp_path / "work", tmp_path / "policies", tmp_path / "out"
    work.mkdir()
    shutil.copytree(POLICIES, policies)
    monkeypatch.chdir(work)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = listing(work), listing(policies), set(tmp_path.iterdir())
    chosen = ("--policies", policies, "--policy", "open-ssh", "--policy", "volume-encryption", "-r", "us-east-1")
    for verb in (
        ("audit", *chosen, "--history", "none", "--format", "all", "--evidence", "-o", out / "audit"),
        ("report", out / "audit", "--history", "none", "--format", "all", "-o", out / "report"),
        ("heal", *chosen, "--plan-out", out / "plan.json", "-o", out / "plan"),
        ("heal", *chosen, "--yes", "-o", out / "heal"),
        ("report", out / "heal", "--history", "none", "-o", out / "of-heal"),
    ):
        result = guardrails(*verb)
        assert result.exit_code == int("--plan-out" in verb), result.output
    # The locks of heal are in the user's state directory.
    assert (listing(work), listing(policies), set(tmp_path.iterdir()) - {out, tmp_path / "state"}) == before
    assert [each.name for each in (tmp_path / "state").iterdir()] == ["aws-guardrails"]
    guardrails("audit", *chosen, "-o", out / "again")
    assert listing(work) == ["output", "output/history.db"], "the history is another option"


def listing(directory: Path) -> list[str]:
    return sorted(each.relative_to(directory).as_posix() for each in directory.rglob("*"))
